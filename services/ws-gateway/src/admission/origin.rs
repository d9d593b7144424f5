//! Which web pages may open a WebSocket. Browsers let every page open one to anywhere and tell only here where it came from.

use actix_web::http::header::{HOST, HeaderMap, ORIGIN};
use chat_service::ConfigError;

use crate::config::HttpConfig;

const SAME_ORIGIN: &str = "same-origin";
const ANY: &str = "*";

/// The pages admitted.
#[derive(Debug, Clone)]
pub struct Origins {
    any: bool,
    same: bool,
    required: bool,
    listed: Vec<Origin>,
}

/// Scheme, host and port. Compared whole: no prefix, suffix or pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origins {
    /// Reads `http.allowed_origins` and `http.require_origin`.
    pub fn new(http: &HttpConfig) -> Result<Self, ConfigError> {
        let wrong = |why: String| ConfigError::invalid("http.allowed_origins", why);
        let any = http.allowed_origins.iter().any(|entry| entry == ANY);
        if any && http.allowed_origins.len() > 1 {
            return Err(wrong("has \"*\" beside other entries: give it alone, or leave it out".to_owned()));
        }
        let listed = http.allowed_origins.iter().filter(|entry| *entry != ANY && *entry != SAME_ORIGIN).map(|entry| {
            Origin::parse(entry).ok_or_else(|| {
                wrong(format!(
                    "must hold \"same-origin\" or addresses such as \"https://chat.example.com\", not {entry:?}"
                ))
            })
        });
        let listed = listed.collect::<Result<_, _>>()?;
        let same = http.allowed_origins.iter().any(|entry| entry == SAME_ORIGIN);
        Ok(Self { any, same, required: http.require_origin, listed })
    }

    /// Checks a request by its headers; a refusal names the remedy.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        let mut origins = headers.get_all(ORIGIN);
        match (origins.next(), origins.next()) {
            (None, _) if self.required => Err("the header Origin is missing, and this server wants it"),
            (None, _) => Ok(()),
            (Some(_), Some(_)) => Err("there is more than one Origin header"),
            (Some(origin), None) if self.admits(origin.to_str().unwrap_or_default(), host(headers)) => Ok(()),
            (Some(_), None) => Err("this page may not connect here: its origin must be added to http.allowed_origins"),
        }
    }

    fn admits(&self, origin: &str, host: Option<&str>) -> bool {
        if self.any {
            return true;
        }
        let Some(origin) = Origin::parse(origin) else { return false };
        self.listed.contains(&origin) || (self.same && host.is_some_and(|host| origin.is_at(host)))
    }
}

/// The `Host` header, if there is exactly one.
fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(HOST);
    hosts.next().filter(|_| hosts.next().is_none())?.to_str().ok()
}

impl Origin {
    /// `scheme://host[:port]` and nothing else. The scheme's own port is the same as none.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let (host, port) = split_authority(authority)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        (!scheme.is_empty() && scheme.chars().all(plain)).then(|| {
            let port = port.filter(|port| Some(*port) != own_port(&scheme));
            Self { scheme, host: host.to_ascii_lowercase(), port }
        })
    }

    /// Whether the page came from the address that the request goes to. A proxy may have taken the TLS off, so the scheme is not compared;
    /// its port is.
    fn is_at(&self, host: &str) -> bool {
        let (Some((host, port)), Some(own)) = (split_authority(host), own_port(&self.scheme)) else { return false };
        self.host == host.to_ascii_lowercase() && self.port == port.filter(|port| *port != own)
    }
}

fn own_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Host and port of `host[:port]`, the host possibly an IPv6 address in brackets.
fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, rest) = match authority.find(']') {
        Some(end) if authority.starts_with('[') => authority.split_at(end + 1),
        Some(_) => return None,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let inner = host.trim_start_matches('[').trim_end_matches(']');
    let bracketed = host.starts_with('[');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') || (bracketed && c == ':');
    if inner.is_empty() || !inner.chars().all(plain) {
        return None;
    }
    match rest.strip_prefix(':') {
        None => rest.is_empty().then_some((host, None)),
        Some(port) if port.starts_with(|c: char| c.is_ascii_digit()) => Some((host, Some(port.parse().ok()?))),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn origins(allowed: &[&str], require_origin: bool) -> Result<Origins, ConfigError> {
        let allowed_origins = allowed.iter().map(|entry| (*entry).to_owned()).collect();
        Origins::new(&HttpConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            workers: 1,
            max_connections: 1,
            allowed_origins,
            require_origin,
            trusted_proxies: Vec::new(),
            body_secs: 1,
            hsts_secs: 0,
        })
    }

    fn headers(origin: &[&'static str], host: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        for origin in origin {
            headers.append(ORIGIN, HeaderValue::from_static(origin));
        }
        headers
    }

    #[test]
    fn a_listed_origin_is_matched_whole() {
        let origins = origins(&["https://good.example", "http://127.0.0.1:3000"], false).unwrap();
        let admits = |origin| origins.check(&headers(&[origin], "chat.example")).is_ok();
        for good in
            ["https://good.example", "https://GOOD.example", "https://good.example:443", "http://127.0.0.1:3000"]
        {
            assert!(admits(good), "{good}");
        }
        for foreign in [
            "https://good.example.evil.com",
            "https://evil-good.example",
            "https://sub.good.example",
            "https://good.example:8443",
            "http://good.example",
            "https://good.example/",
            "https://good.example@evil.com",
            "https://good.example#.evil.com",
            "http://127.0.0.1",
            "http://127.0.0.1:30000",
            "http://127.0.0.1:+3000",
            "https://chat.example",
            "null",
            "",
            "*",
            "good.example",
        ] {
            assert!(!admits(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_page_of_the_same_address_is_admitted_when_the_list_says_so() {
        for (host, origin, same) in [
            ("chat.example", "https://chat.example", true),
            ("chat.example", "http://chat.example", true),
            ("Chat.Example", "https://chat.example:443", true),
            ("chat.example:443", "https://chat.example", true),
            ("127.0.0.1:8080", "http://127.0.0.1:8080", true),
            ("[::1]:8080", "http://[::1]:8080", true),
            ("127.0.0.1:8080", "http://127.0.0.1:8081", false),
            ("127.0.0.1:8080", "http://127.0.0.1", false),
            ("chat.example", "https://chat.example.evil.com", false),
            ("chat.example", "chrome-extension://chat.example", false),
            ("chat.example", "null", false),
        ] {
            let headers = headers(&[origin], host);
            assert_eq!(origins(&["same-origin"], false).unwrap().check(&headers).is_ok(), same, "{origin} at {host}");
            assert!(origins(&[], false).unwrap().check(&headers).is_err());
        }
    }

    #[test]
    fn no_origin_is_a_program_and_two_are_a_trick() {
        let none = headers(&[], "chat.example");
        assert!(origins(&[], false).unwrap().check(&none).is_ok());
        assert!(origins(&["*"], true).unwrap().check(&none).is_err());
        let two = headers(&["https://chat.example", "https://evil.com"], "chat.example");
        assert!(origins(&["*"], false).unwrap().check(&two).is_err());
        let one = headers(&["https://anything.example"], "chat.example");
        assert!(origins(&["*"], true).unwrap().check(&one).is_ok());
    }

    #[test]
    fn entries_that_would_match_nothing_or_too_much_are_refused_at_the_start() {
        for entry in ["https://*.example.com", "https://chat.example/app", "chat.example", "", "https://", "null"] {
            assert!(origins(&[entry], false).is_err(), "{entry}");
        }
        assert!(origins(&["*", "https://chat.example"], false).is_err());
    }
}
