//! Whether a client takes the JSON that REST answers with.

use actix_web::http::header::{ACCEPT, HeaderMap};

/// Without the header everything is accepted; `q=0` is a no.
pub fn takes_json(headers: &HeaderMap) -> bool {
    let ranges = || headers.get_all(ACCEPT).flat_map(|value| value.to_str().unwrap_or_default().split(','));
    ranges().all(|range| range.trim().is_empty()) || ranges().any(is_json)
}

fn is_json(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let json = ["*/*", "application/*", "application/json", "application/problem+json"];
    let named = parts.next().is_some_and(|name| json.iter().any(|json| name.eq_ignore_ascii_case(json)));
    let refused = |part: &str| {
        part.split_once('=').is_some_and(|(name, q)| {
            name.trim().eq_ignore_ascii_case("q") && q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0)
        })
    };
    named && !parts.any(refused)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn json_must_be_among_what_a_client_takes() {
        let takes = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(value));
            takes_json(&headers)
        };
        assert!(takes_json(&HeaderMap::new()));
        for good in
            ["", "*/*", "text/html, */*;q=0.1", "application/json", "Application/*; q=0.5", "application/problem+json"]
        {
            assert!(takes(good), "{good}");
        }
        for bad in ["text/html", "application/xml, text/*", "application/json;q=0", "*/*; q=0.0", "jsonish"] {
            assert!(!takes(bad), "{bad}");
        }
    }
}
