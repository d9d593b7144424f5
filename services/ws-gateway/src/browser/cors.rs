//! Which pages may call REST: those that may open a WebSocket.

use actix_cors::Cors;
use actix_web::{
    http::{Method, header},
    web,
};

use crate::{app::Gateway, rest::IDEMPOTENCY_KEY};

/// A browser asks again after this, in seconds.
const MAX_AGE: usize = 600;

/// CORS after `http.allowed_origins`, compared as for the WebSocket. Never with credentials: a page needs a token of its own, and cookies
/// that a browser may hold for this address mean nothing here.
pub fn cors(gateway: &web::Data<Gateway>) -> Cors {
    let gateway = gateway.clone();
    Cors::default()
        .allowed_origin_fn(move |_, head| gateway.admission.origins.check(head.headers()).is_ok())
        .allowed_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, IDEMPOTENCY_KEY])
        .expose_headers([header::RETRY_AFTER, header::LOCATION, header::WWW_AUTHENTICATE])
        .max_age(MAX_AGE)
}
