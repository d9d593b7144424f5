//! Headers of every answer.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Answers that are no pages load nothing.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";
/// The reference brings its own scripts and styles; its icons are in its styles.
const DOCS: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
                    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What goes into every answer, unless it has a value of its own.
pub fn complete(path: &str, headers: &mut HeaderMap, hsts_secs: u64) {
    or_insert(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    or_insert(headers, header::REFERRER_POLICY, "no-referrer");
    or_insert(headers, header::X_FRAME_OPTIONS, "DENY");
    or_insert(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    let policy = if path.starts_with("/api/docs") { DOCS } else { NO_PAGE };
    or_insert(headers, header::CONTENT_SECURITY_POLICY, policy);
    if is_rest(path) {
        or_insert(headers, header::CACHE_CONTROL, "no-store");
    }
    if hsts_secs > 0
        && let Ok(value) = HeaderValue::try_from(format!("max-age={hsts_secs}"))
    {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
}

/// Whether an address is a REST call: its answers are for one client alone.
pub fn is_rest(path: &str) -> bool {
    path.starts_with("/api/v1/") || path.starts_with("/compat/api/")
}

fn or_insert(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if !headers.contains_key(&name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
