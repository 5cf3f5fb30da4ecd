//! The address of a server, as a flag of the command line has it.

/// Reads a base address: `http`, with a host; a slash at its end is removed.
pub fn base_url(text: &str) -> Result<String, String> {
    match reqwest::Url::parse(text) {
        Ok(url) if url.scheme() == "http" && url.has_host() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("must be an http address, such as http://127.0.0.1:9000".into()),
    }
}
