//! What a browser sees at `/`.

use actix_web::{HttpResponse, http::header};

/// `GET /`
pub async fn landing() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ))
        .body(include_str!("landing.html"))
}
