//! Turns Lambda's events into requests for a handler, and its responses back.
//!
//! `lambda_http` does the work, but it panics if an event's address is not a URI.
//! The caller would then get a 500 for an error of their own, and the alarm for
//! errors would be raised.

use std::convert::Infallible;

use lambda_http::{
    Adapter, Body, LambdaEvent, Request, Response, Service,
    http::header::HOST,
    lambda_runtime::Runtime,
    request::LambdaRequest,
    service_fn,
    tower::{layer::layer_fn, util::MapRequest},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Moment, observe::Observer};

/// The characters that are not allowed in a query and that `http::Uri` refuses.
const NOT_IN_A_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// A handler of requests as a service of events.
pub type EventService<'a, S> = MapRequest<Adapter<'a, Response<Body>, S>, fn(Event) -> Event>;

/// An event with the context of its call.
pub type Event = LambdaEvent<LambdaRequest>;

/// Serves events with a handler until Lambda ends the process.
pub async fn run<'a, S>(observer: &Observer, handler: S) -> Result<(), lambda_http::Error>
where
    S: Service<Request, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'a,
{
    Runtime::new(service(handler))
        .layer(layer_fn(|inner| observer.around(inner)))
        .run()
        .await
}

/// Serves events that are no requests; `handler` also gets the deadline of the call.
pub async fn work<E: DeserializeOwned, A: Serialize>(
    observer: &Observer,
    handler: impl AsyncFn(E, Moment) -> Result<A, Error>,
) -> Result<(), lambda_http::Error> {
    let handler = &handler;
    let service = service_fn(async |event: LambdaEvent<E>| {
        let deadline = i64::try_from(event.context.deadline).ok();
        let deadline = deadline.and_then(Moment::from_millis);
        // Boxed, as `lambda_http` boxes a handler's future: the compiler's depth is limited.
        let done = Box::pin(handler(event.payload, deadline.unwrap_or(Moment::MAX))).await;
        // The runtime logs everything that an error holds, which may include
        // DynamoDB's answer; the texts of the causes are enough.
        done.map_err(|error| error.chain())
    });
    Runtime::new(service)
        .layer(layer_fn(|inner| observer.around(inner)))
        .run()
        .await
}

/// The handler as [`run`] calls it.
pub fn service<'a, S>(handler: S) -> EventService<'a, S>
where
    S: Service<Request, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'a,
{
    MapRequest::new(Adapter::from(handler), with_a_valid_address)
}

/// The same event with an address that `lambda_http` can read.
///
/// No function reads a request's host or scheme, so these headers, which a caller
/// may have made up, are removed. The query keeps its meaning, except that a U+FFFD
/// which is not percent-encoded becomes a byte that is no UTF-8: the gateway may have
/// put it in the place of such a byte.
fn with_a_valid_address(mut event: Event) -> Event {
    let LambdaRequest::ApiGatewayV2(request) = &mut event.payload else {
        return event;
    };
    request.headers.remove(HOST);
    request.headers.remove("x-forwarded-proto");
    if let Some(query) = &mut request.raw_query_string {
        let given = query.replace('\u{fffd}', "%FF");
        *query = utf8_percent_encode(&given, NOT_IN_A_QUERY).to_string();
    }
    event
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use lambda_http::{Context, service_fn};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn event(path: &str, query: &str, headers: &Value) -> Event {
        let event = json!({
            "version": "2.0",
            "routeKey": "GET /v1/activities/{id}",
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers,
            "isBase64Encoded": false,
            "requestContext": {
                "domainName": "a1b2.execute-api.eu-central-1.amazonaws.com",
                "http": { "method": "GET", "path": path },
                "stage": "$default",
            },
        });
        LambdaEvent::new(
            serde_json::from_str(&event.to_string()).unwrap(),
            Context::default(),
        )
    }

    /// The query that a handler receives; panics if no handler is called.
    fn seen(event: Event) -> Result<Vec<(String, String)>, crate::Error> {
        let seen = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&seen);
        let mut service = service(service_fn(move |request: Request| {
            *keep.lock().unwrap() = Some(crate::lambda::http::query(&request));
            async { Ok::<_, Infallible>(Response::new(Body::Empty)) }
        }));
        drop(service.call(event));
        let query = seen.lock().unwrap().take();
        query.unwrap()
    }

    #[test]
    fn a_query_that_is_no_uri_reaches_the_handler_with_its_meaning() {
        let of = |query: &str| {
            let seen = seen(event("/v1/activities", query, &json!({}))).unwrap();
            seen.into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        assert_eq!(of("a=<b>"), ["<b>"]);
        assert_eq!(of("a=\"b\" c"), ["\"b\" c"]);
        assert_eq!(of("a=x#y&b=한국"), ["x#y", "한국"]);
        assert_eq!(of("a=%3Cb%3E+c&b=%ZZ"), ["<b> c", "%ZZ"]);
        assert_eq!(of("a=Caf%EF%BF%BD"), ["Caf\u{fffd}"]);
        let replaced = event("/v1/activities", "a=Caf\u{fffd}", &json!({}));
        assert_eq!(seen(replaced).unwrap_err().to_string(), "a must be UTF-8");
    }

    #[test]
    fn a_made_up_host_or_scheme_stops_no_request() {
        for (name, value) in [
            ("host", "a b"),
            ("host", "[::"),
            ("x-forwarded-proto", "a b"),
        ] {
            let event = event("/v1/activities", "a=1", &json!({ name: value }));
            assert_eq!(seen(event).unwrap().len(), 1, "{name}: {value}");
        }
    }

    proptest! {
        #[test]
        fn any_query_reaches_the_handler_with_its_meaning(query in ".{0,60}") {
            let meant: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            match seen(event("/v1/activities", &query, &json!({}))) {
                Ok(seen) => prop_assert_eq!(seen, meant),
                Err(error) => {
                    let is_text = |(name, text): &(String, String)| {
                        !name.is_empty() && !name.contains('\u{fffd}') && !text.contains('\u{fffd}')
                    };
                    prop_assert!(!meant.iter().all(is_text), "{query}: {error}");
                }
            }
        }

        #[test]
        fn no_path_host_or_scheme_stops_a_request(
            path in "/.{0,40}",
            host in "[ -~]{0,20}",
            scheme in "[ -~]{0,10}",
        ) {
            let _ = seen(event(&path, "", &json!({ "host": host, "x-forwarded-proto": scheme })));
        }
    }
}
