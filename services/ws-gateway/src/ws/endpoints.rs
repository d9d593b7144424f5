//! The addresses of a WebSocket: the endpoint itself, and what SockJS clients look for below it.

use std::future::ready;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        Method, StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web,
};
use chat_protocol::{ErrorCode, Rejection};
use chat_service::ConfigError;
use chat_websocket::sockjs;

use super::upgrade;
use crate::{app::Gateway, rest::Problem};

/// Registers the endpoint at `path` and its SockJS addresses.
pub fn configure(path: &str, routes: &mut web::ServiceConfig) {
    let only_get = || web::to(|request: HttpRequest| ready(method_not_allowed(&request, "GET")));
    let plain = || web::get().to(upgrade::plain);
    let sockjs = web::get().to(upgrade::sockjs);
    let info = web::resource(format!("{path}/info"))
        .route(web::get().to(info))
        .route(web::method(Method::OPTIONS).to(info_options))
        .default_service(web::to(|request: HttpRequest| ready(method_not_allowed(&request, "GET, OPTIONS"))));
    let session = format!("{path}/{{server:[^/.]+}}/{{session:[^/.]+}}");
    routes
        .service(web::resource(path).route(plain()).default_service(only_get()))
        .service(info)
        .service(web::resource(format!("{path}/websocket")).route(plain()).default_service(only_get()))
        .service(web::resource(format!("{session}/websocket")).route(sockjs).default_service(only_get()))
        .service(web::resource(format!("{session}/{{transport}}")).to(no_such_transport));
}

/// Checks `ws.paths`.
pub fn check_paths(paths: &[String]) -> Result<(), ConfigError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
    let is_path = |path: &String| {
        path.len() > 1
            && path.starts_with('/')
            && !path.ends_with('/')
            && !path.contains("//")
            && path.chars().all(is_plain)
    };
    let is_free = |path: &String| path != "/api" && !path.starts_with("/api/");
    let mut sorted: Vec<_> = paths.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    if paths.is_empty() || sorted.len() < paths.len() || !paths.iter().all(|path| is_path(path) && is_free(path)) {
        let why = "must hold at least one address such as \"/ws/v1/chat\", each once, none at or below /api";
        return Err(ConfigError::invalid("ws.paths", why));
    }
    Ok(())
}

fn method_not_allowed(request: &HttpRequest, allowed: &'static str) -> HttpResponse {
    let message = format!("{} is not for this address: use {allowed}", request.method());
    with_headers(&Problem(Rejection::new(ErrorCode::MethodNotAllowed, message)), &[(header::ALLOW, allowed)])
}

async fn no_such_transport(transport: web::Path<(String, String, String)>) -> Result<HttpResponse, Problem> {
    let (_, _, transport) = transport.into_inner();
    let known = ["xhr", "xhr_send", "xhr_streaming", "eventsource", "htmlfile", "jsonp", "jsonp_send"];
    let name = known.into_iter().find(|known| *known == transport).unwrap_or("this one");
    let message = format!("of the SockJS transports only websocket is served, not {name}");
    Err(Problem(Rejection::new(ErrorCode::NotFound, message)))
}

/// `GET …/info`: what a SockJS client asks before it connects.
async fn info(gateway: web::Data<Gateway>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut response = readable(&gateway, &request)?;
    Ok(response.content_type("application/json; charset=UTF-8").body(sockjs::info(rand::random())))
}

/// `OPTIONS …/info`: what a browser asks before it lets a page of another origin ask for the info.
async fn info_options(gateway: web::Data<Gateway>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut response = readable(&gateway, &request)?;
    response.status(StatusCode::NO_CONTENT);
    response.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS"));
    if let Some(wanted) = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone()));
    }
    Ok(response.finish())
}

/// An answer that pages of admitted origins may read. SockJS clients ask with credentials, for which browsers want the origin by its name;
/// nothing in the answer depends on who asks.
fn readable(gateway: &Gateway, request: &HttpRequest) -> Result<HttpResponseBuilder, Rejection> {
    let checked = gateway.admission.origins.check(request.headers());
    checked.map_err(|why| Rejection::new(ErrorCode::Forbidden, why))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    response.insert_header((header::VARY, "Origin"));
    if let Some(origin) = request.headers().get(header::ORIGIN) {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
        response.insert_header((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"));
    }
    Ok(response)
}

/// A problem with headers of its own.
pub fn with_headers(problem: &Problem, headers: &[(HeaderName, &'static str)]) -> HttpResponse {
    let mut response = problem.error_response();
    for (name, value) in headers {
        response.headers_mut().insert(name.clone(), HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_plain_and_leave_the_rest_calls_alone() {
        let check =
            |paths: &[&str]| check_paths(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>()).is_ok();
        assert!(check(&["/ws/v1/chat", "/ws", "/ws-chat", "/connect", "/stomp/chats"]));
        for bad in
            [&[][..], &[""], &["/"], &["ws"], &["/ws/"], &["/ws/{room}"], &["/api/ws"], &["/ws", "/ws"], &["//ws"]]
        {
            assert!(!check(bad), "{bad:?}");
        }
    }
}
