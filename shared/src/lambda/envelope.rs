//! How much of an answer fits into what Lambda returns, and answers as gzip.
//!
//! Lambda puts a body into a JSON text and refuses one of more than 6 MB: there each
//! quotation mark and backslash of the body takes two bytes, and a body that is not
//! text takes four thirds.

use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};
use lambda_http::{
    Body, Request, Response,
    http::{HeaderMap, HeaderValue, header},
};

/// The most bytes of a body inside Lambda's answer.
///
/// Lambda's limit is 6,291,556 bytes; the rest is for the headers and the form.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const BODY_BYTES_MAX: usize = 6_200_000;

/// A smaller body is not compressed, since it would hardly become smaller.
const COMPRESSED_FROM_BYTES: usize = 1_000;

/// How many bytes a body has inside Lambda's answer.
///
/// The body must be JSON without line ends, which has no other character to escape.
pub fn bytes_inside(body: &str) -> usize {
    let escaped = |byte: &&u8| matches!(byte, b'"' | b'\\');
    body.len() + body.as_bytes().iter().filter(escaped).count()
}

/// How many bytes a text adds to a body inside Lambda's answer, at most.
///
/// `"` becomes `\"` in the body and `\\\"` inside Lambda's answer; a control character
/// becomes at most `\u0001` and `\\u0001`.
pub fn text_bytes_inside(text: &str) -> usize {
    let bytes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' => 4,
        0..b' ' => 7,
        _ => 1,
    });
    "\\\"\\\"".len() + bytes.sum::<usize>()
}

/// How many bytes a body that is not text has inside Lambda's answer, as base64.
fn binary_bytes_inside(bytes: &[u8]) -> usize {
    bytes.len().div_ceil(3) * 4
}

/// Whether a response is too large for Lambda.
pub(super) fn is_too_large(response: &Response<Body>) -> bool {
    let bytes = match response.body() {
        Body::Text(text) => bytes_inside(text),
        Body::Binary(bytes) => binary_bytes_inside(bytes),
        _ => 0,
    };
    bytes > BODY_BYTES_MAX
}

/// Compresses a response if the client accepts that and it is worth it.
///
/// It is not if the text hardly becomes smaller: as base64 it could then be too large
/// for Lambda, although the text is not.
pub(super) fn compress(request: &Request, mut response: Response<Body>) -> Response<Body> {
    let Body::Text(text) = response.body() else {
        return response;
    };
    if text.len() < COMPRESSED_FROM_BYTES {
        return response;
    }
    let accepted = accepts_gzip(request.headers());
    let compressed = accepted.then(|| gzip(text.as_bytes()).ok()).flatten();
    let compressed = compressed.filter(|gzip| binary_bytes_inside(gzip) < bytes_inside(text));
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(bytes) = compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        *response.body_mut() = Body::Binary(bytes);
    }
    response
}

/// Whether `Accept-Encoding` names gzip and does not give it the weight 0.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let mut codings = texts.flat_map(|text| text.split(','));
    codings.any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let parameters = parameters.trim().to_ascii_lowercase();
        let weight = parameters.strip_prefix("q=").map(str::parse);
        name.trim().eq_ignore_ascii_case("gzip") && weight != Some(Ok(0.0))
    })
}

fn gzip(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
    encoder.write_all(text)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn answer(accept_encoding: Option<&str>, text: &str) -> Response<Body> {
        let mut request = Request::new(Body::Empty);
        if let Some(value) = accept_encoding {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(header::ACCEPT_ENCODING, value);
        }
        compress(&request, Response::new(Body::Text(text.to_owned())))
    }

    #[test]
    fn gzip_is_used_when_it_is_accepted_and_worth_it() {
        let long = "x".repeat(COMPRESSED_FROM_BYTES);
        let is_gzip = |accept, text: &str| matches!(answer(accept, text).body(), Body::Binary(_));
        for accept in ["gzip", "br, GZIP;q=0.5", "deflate,gzip", "gzip; q=1"] {
            assert!(is_gzip(Some(accept), &long), "{accept}");
            assert!(!is_gzip(Some(accept), "short"), "{accept}");
        }
        for accept in [
            None,
            Some("br"),
            Some("gzip;q=0"),
            Some("gzip; q=0.0"),
            Some("gzip;Q=0"),
            Some(""),
        ] {
            assert!(!is_gzip(accept, &long), "{accept:?}");
            assert_eq!(
                answer(accept, &long).headers()[header::VARY],
                "accept-encoding"
            );
        }
    }

    #[test]
    fn a_text_that_gzip_hardly_makes_smaller_stays_as_it_is() {
        let plain = (b' '..=b'~').filter(|byte| !b"\"\\".contains(byte));
        let plain: Vec<char> = plain.map(char::from).collect();
        let random = |_| *fastrand::choice(&plain).unwrap();
        let text: String = (0..BODY_BYTES_MAX).map(random).collect();
        let response = answer(Some("gzip"), &text);
        assert!(!is_too_large(&response));
        assert!(matches!(response.body(), Body::Text(_)));
        assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
    }

    #[test]
    fn an_answer_is_too_large_by_its_bytes_inside_lambdas_answer() {
        let is_too_large = |text: String| is_too_large(&Response::new(Body::Text(text)));
        assert!(!is_too_large("x".repeat(BODY_BYTES_MAX)));
        assert!(is_too_large("x".repeat(BODY_BYTES_MAX + 1)));
        assert!(is_too_large("\"".repeat(BODY_BYTES_MAX / 2 + 1)));
    }

    proptest! {
        #[test]
        fn the_bytes_inside_lambdas_answer_are_counted(text in r#"(["\\\x01\n]|.){0,40}"#) {
            let body = serde_json::to_string(&text).unwrap();
            let inside = serde_json::to_string(&body).unwrap();
            prop_assert_eq!(bytes_inside(&body) + 2, inside.len());
            let is_exact = !text.contains(char::is_control);
            let counted = text_bytes_inside(&text) + 2;
            prop_assert!(counted == inside.len() || !is_exact && counted > inside.len());
        }

        #[test]
        fn a_compressed_answer_holds_the_same_text(text in r"[ -9é참]{1000,2000}") {
            let response = answer(Some("gzip"), &text);
            let Body::Binary(bytes) = response.body() else { panic!("not compressed") };
            let mut unpacked = String::new();
            GzDecoder::new(bytes.as_slice()).read_to_string(&mut unpacked).unwrap();
            prop_assert_eq!(unpacked, text);
        }
    }
}
