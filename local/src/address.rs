//! Addresses, as flags of the command line have them.

/// Reads a base address: `http`, with a host; a slash at its end is removed.
pub fn base_url(text: &str) -> Result<String, String> {
    match reqwest::Url::parse(text) {
        Ok(url) if url.scheme() == "http" && url.has_host() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("must be an http address, such as http://127.0.0.1:9000".into()),
    }
}

/// Reads the origin of a page: `http` or `https`, a host and perhaps a port.
pub fn origin(text: &str) -> Result<reqwest::Url, String> {
    match reqwest::Url::parse(text) {
        Ok(url) if url.origin().ascii_serialization() == text => Ok(url),
        _ => Err("must be an origin, such as https://portal.example".into()),
    }
}
