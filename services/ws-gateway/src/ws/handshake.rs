//! What an upgrade request must have (RFC 6455 section 4.2.1), and which sub-protocol it gets.

use actix_web::{HttpRequest, http::header};
use chat_protocol::{ErrorCode, Rejection, frame::SUBPROTOCOL};

/// Sub-protocols in our order; the client's order decides.
pub const PROTOCOLS: &[&str] = &[SUBPROTOCOL, "v12.stomp", "v11.stomp", "v10.stomp"];

/// Why there is no upgrade.
#[derive(Debug)]
pub struct Refused {
    /// For the metric: one of a fixed set.
    pub reason: &'static str,
    /// For the client.
    pub rejection: Rejection,
}

impl Refused {
    /// For this reason, with these words.
    pub fn new(reason: &'static str, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { reason, rejection: Rejection::new(code, message) }
    }
}

/// Checks the headers that make a WebSocket of a request.
pub fn check(request: &HttpRequest) -> Result<(), Refused> {
    let upgrade = request.headers().get_all(header::UPGRADE).filter_map(|value| value.to_str().ok());
    let to_websocket =
        upgrade.flat_map(|value| value.split(',')).any(|name| name.trim().eq_ignore_ascii_case("websocket"));
    if !to_websocket || !request.head().upgrade() {
        let message = "this is the address of a WebSocket: connect with Upgrade: websocket and Connection: Upgrade";
        return Err(Refused::new("no_upgrade", ErrorCode::UpgradeRequired, message));
    }
    if single(request, &header::SEC_WEBSOCKET_VERSION) != Some("13") {
        let message = "Sec-WebSocket-Version must be 13";
        return Err(Refused::new("version", ErrorCode::UpgradeRequired, message));
    }
    if !single(request, &header::SEC_WEBSOCKET_KEY).is_some_and(is_key) {
        let message = "Sec-WebSocket-Key must be the base64 text of 16 bytes";
        return Err(Refused::new("key", ErrorCode::BadRequest, message));
    }
    Ok(())
}

/// The value of a header that must be there once.
fn single<'r>(request: &'r HttpRequest, name: &header::HeaderName) -> Option<&'r str> {
    let mut values = request.headers().get_all(name);
    values.next().filter(|_| values.next().is_none())?.to_str().ok()
}

/// 16 bytes in base64: 22 characters, the last of which carries two bits, and two signs of padding.
fn is_key(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    match text.strip_suffix("==").map(str::as_bytes) {
        Some([start @ .., last]) if start.len() == 21 => {
            start.iter().all(|byte| is_base64(*byte)) && matches!(last, b'A' | b'Q' | b'g' | b'w')
        }
        _ => false,
    }
}

/// Whether the client's first supported offer is the native protocol; STOMP when it offers nothing.
pub fn wants_native(request: &HttpRequest) -> Result<bool, Refused> {
    let mut offered = request
        .headers()
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .peekable();
    if offered.peek().is_none() {
        return Ok(false);
    }
    let chosen = offered.find(|name| PROTOCOLS.contains(name)).map(|name| name == SUBPROTOCOL);
    chosen.ok_or_else(|| {
        let message = format!("none of the sub-protocols offered is supported: offer one of {}", PROTOCOLS.join(", "));
        Refused::new("subprotocol", ErrorCode::BadRequest, message)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn reason(headers: &[(&str, &str)]) -> Option<&'static str> {
        let mut request = TestRequest::get();
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        // What the HTTP parser does with `Connection`.
        let connection = |(name, value): &(&str, &str)| *name == "connection" && value.contains("pgrade");
        let mut request = request.to_srv_request();
        if headers.iter().any(connection) {
            request.head_mut().set_connection_type(actix_web::http::ConnectionType::Upgrade);
        }
        check(request.request()).err().map(|refused| refused.reason)
    }

    #[test]
    fn each_header_of_the_handshake_is_looked_at() {
        assert_eq!(reason(&GOOD), None);
        let with = |name: &str, value: Option<&'static str>| {
            let mut headers = GOOD.to_vec();
            headers.retain(|(other, _)| *other != name);
            headers.extend(value.map(|value| (GOOD.iter().find(|(other, _)| *other == name).unwrap().0, value)));
            reason(&headers)
        };
        assert_eq!(with("upgrade", Some("WebSocket")), None);
        for (name, value, expected) in [
            ("upgrade", None, "no_upgrade"),
            ("upgrade", Some("h2c"), "no_upgrade"),
            ("upgrade", Some("websocket2"), "no_upgrade"),
            ("connection", None, "no_upgrade"),
            ("sec-websocket-version", None, "version"),
            ("sec-websocket-version", Some("8"), "version"),
            ("sec-websocket-version", Some("13, 8"), "version"),
            ("sec-websocket-key", None, "key"),
            ("sec-websocket-key", Some(""), "key"),
            ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25jZQ="), "key"),
            ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25jZR=="), "key"),
            ("sec-websocket-key", Some("dGhlIHNhbXBsZS!ub25jZQ=="), "key"),
            ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25jZSBsb25n"), "key"),
        ] {
            assert_eq!(with(name, value), Some(expected), "{name}: {value:?}");
        }
        let mut twice = GOOD.to_vec();
        twice.push(GOOD[3]);
        assert_eq!(reason(&twice), Some("key"), "two keys");
    }

    #[test]
    fn the_first_supported_offer_decides() {
        let native = |offers: &[&str]| {
            let mut request = TestRequest::get();
            for offer in offers {
                request = request.append_header((header::SEC_WEBSOCKET_PROTOCOL, *offer));
            }
            wants_native(&request.to_http_request()).ok()
        };
        assert_eq!(native(&[]), Some(false));
        assert_eq!(native(&["chat.v1"]), Some(true));
        assert_eq!(native(&["soap, v11.stomp, chat.v1"]), Some(false));
        assert_eq!(native(&["soap", "chat.v1,v12.stomp"]), Some(true));
        assert_eq!(native(&["soap, wamp"]), None);
        assert_eq!(native(&["CHAT.V1"]), None, "names are compared as they are");
    }
}
