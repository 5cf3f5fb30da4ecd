//! Which hosts a request may name, and which pages may send one.
//!
//! Without this, any website could use the service from a developer's browser:
//! from its own origin, or under a name of its own that it points to 127.0.0.1
//! (DNS rebinding).

use axum::http::{
    HeaderMap, HeaderValue, Uri,
    header::{HOST, ORIGIN},
    uri::Authority,
};
use reqwest::Url;

/// The names of this machine, as a URL has them.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The names of this machine, and the origin of the portal if there is one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins {
    portal: Option<Url>,
}

impl Origins {
    pub(crate) fn new(portal: Option<Url>) -> Self {
        Self { portal }
    }

    /// Why a request is refused; none if its host and its origin are trusted.
    ///
    /// A request without an `Origin`, such as one of an SDK or of curl, needs only a
    /// trusted host. A browser sends an `Origin` with everything that changes something
    /// and with everything whose answer a script may read.
    pub(crate) fn refusal(&self, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
        let mut hosts = headers.get_all(HOST).iter().peekable();
        let has_host = hosts.peek().is_some() && hosts.all(|host| self.is_host(host));
        if !has_host || !uri.authority().is_none_or(|it| self.is_name(it.host())) {
            return Some("the Host must be localhost, 127.0.0.1, [::1] or that of --portal-origin");
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        if !origins.all(|origin| self.is_origin(origin)) {
            return Some("the Origin must be a page of this machine or --portal-origin");
        }
        None
    }

    fn is_host(&self, host: &HeaderValue) -> bool {
        Authority::try_from(host.as_bytes()).is_ok_and(|it| self.is_name(it.host()))
    }

    fn is_name(&self, name: &str) -> bool {
        let portal = self.portal.as_ref().and_then(Url::host_str);
        let mut known = LOOPBACK.into_iter().chain(portal);
        known.any(|known| known.eq_ignore_ascii_case(name))
    }

    fn is_origin(&self, origin: &HeaderValue) -> bool {
        let url = origin.to_str().ok().and_then(|text| text.parse().ok());
        url.is_some_and(|url| self.is_page(&url))
    }

    /// Whether the address is a page of this machine, or of the portal.
    pub(crate) fn is_page(&self, url: &Url) -> bool {
        let is_web = ["http", "https"].contains(&url.scheme());
        let is_loopback = url.host_str().is_some_and(|host| LOOPBACK.contains(&host));
        let portal = self.portal.as_ref().map(Url::origin);
        is_web && (is_loopback || portal == Some(url.origin()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        Origins::new(Some("https://portal.example".parse().unwrap()))
    }

    #[test]
    fn hosts_are_this_machine_and_the_portal() {
        for (host, is_trusted) in [
            ("localhost", true),
            ("LOCALHOST:3000", true),
            ("127.0.0.1:3000", true),
            ("[::1]:3000", true),
            ("portal.example", true),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("evil.localhost", false),
            ("127.0.0.1.nip.io:3000", false),
            ("evil.example:127", false),
            ("0.0.0.0:3000", false),
            ("127.0.0.2:3000", false),
            ("192.168.1.2:3000", false),
            ("", false),
            ("a b", false),
            ("[::", false),
        ] {
            let host = host.parse().unwrap();
            assert_eq!(origins().is_host(&host), is_trusted, "{host:?}");
        }
    }

    #[test]
    fn pages_are_those_of_this_machine_and_of_the_portal() {
        for (origin, is_trusted) in [
            ("http://localhost:5173", true),
            ("https://127.0.0.1", true),
            ("http://[::1]:80", true),
            ("https://portal.example", true),
            ("http://portal.example", false),
            ("https://portal.example:8443", false),
            ("https://evil.example", false),
            ("https://localhost.evil.example", false),
            ("http://localhost@evil.example", false),
            ("null", false),
            ("file://", false),
            ("javascript://localhost/%0aalert(1)", false),
            ("data://127.0.0.1", false),
            ("localhost", false),
            ("", false),
        ] {
            let origin = origin.parse().unwrap();
            assert_eq!(origins().is_origin(&origin), is_trusted, "{origin:?}");
        }
    }

    #[test]
    fn each_of_several_hosts_and_origins_counts() {
        let refused = |uri: &str, headers: &[(&'static str, &'static str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let uri = uri.parse().unwrap();
            origins().refusal(&uri, &headers.collect()).is_some()
        };
        let host = ("host", "localhost");
        assert!(!refused("/", &[host]));
        assert!(refused("/", &[]));
        assert!(refused("/", &[host, ("host", "evil.example")]));
        assert!(refused("http://evil.example/", &[host]));
        let own = ("origin", "http://localhost");
        assert!(!refused("/", &[host, own]));
        assert!(refused(
            "/",
            &[host, own, ("origin", "http://evil.example")]
        ));
    }
}
