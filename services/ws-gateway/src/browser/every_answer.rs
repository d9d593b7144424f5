//! Around all of HTTP: what a request must be like, and what every answer has.

use actix_web::{
    HttpMessage as _, HttpRequest, ResponseError as _,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, StatusCode, header},
    middleware::Next,
    web,
};
use chat_protocol::{ErrorCode, Rejection, limits};

use super::{
    accept,
    body_time::{self, Late},
    headers::{complete, is_rest},
};
use crate::{app::Gateway, rest::Problem};

/// Refuses what no handler should see, gives a body its time, makes problems of errors that are none yet, and completes the headers.
pub async fn every_answer<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let Some(gateway) = request.app_data::<web::Data<Gateway>>().cloned() else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let path = request.path().to_owned();
    let (mut response, late) = if let Err(rejection) = check(&path, &request) {
        (problem(request.into_parts().0, rejection), Late::default())
    } else {
        let late = prepare(&path, &mut request, &gateway);
        let response = next.call(request).await?;
        match as_problem(&response) {
            None => (response.map_into_left_body(), late),
            Some(rejection) => (restate(response, rejection), late),
        }
    };
    if let Some(rest) = late.take() {
        response = body_time::end(response, rest).map_into_right_body();
    }
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        complete(&path, response.headers_mut(), gateway.config.http.hsts_secs);
    }
    Ok(response)
}

/// A request as handlers see it.
fn prepare(path: &str, request: &mut ServiceRequest, gateway: &Gateway) -> Late {
    // The body of an answer to HEAD is left out when it is written.
    if request.method() == Method::HEAD && (path == "/" || path.starts_with("/api/") || is_rest(path)) {
        request.head_mut().method = Method::GET;
    }
    // What follows an upgrade is no body.
    if request.head().upgrade() {
        return Late::default();
    }
    let (body, late) = body_time::in_time(request.take_payload(), gateway.config.http.body_time());
    request.set_payload(body);
    late
}

fn check(path: &str, request: &ServiceRequest) -> Result<(), Rejection> {
    let bytes: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes + request.uri().to_string().len() > limits::REQUEST_HEAD_BYTES {
        let message = format!("address and headers must have at most {} bytes together", limits::REQUEST_HEAD_BYTES);
        return Err(Rejection::new(ErrorCode::HeadersTooLarge, message));
    }
    if is_rest(path) && !accept::takes_json(request.headers()) {
        return Err(Rejection::new(
            ErrorCode::NotAcceptable,
            "answers are application/json: accept it, or send no Accept",
        ));
    }
    Ok(())
}

/// The problem that an error without one is: libraries answer in plain text.
fn as_problem<B: MessageBody>(response: &ServiceResponse<B>) -> Option<Rejection> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !(status.is_client_error() || status.is_server_error()) || kind.contains("json") {
        return None;
    }
    let (code, message) = match status {
        StatusCode::NOT_FOUND => (ErrorCode::NotFound, "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => (ErrorCode::MethodNotAllowed, "this method is not for this address"),
        StatusCode::PAYLOAD_TOO_LARGE => (ErrorCode::TooLarge, "the body is too large"),
        StatusCode::REQUEST_TIMEOUT => (ErrorCode::RequestTimeout, "the body did not come in time"),
        StatusCode::BAD_REQUEST if is_preflight(response.request()) => {
            let message = "this page may not call here, or not so: its origin must be in http.allowed_origins, method and headers \
                           among those that Access-Control-Allow-* names";
            (ErrorCode::Forbidden, message)
        }
        status if status.is_client_error() => (ErrorCode::BadRequest, "the request is not well formed"),
        _ => (ErrorCode::Internal, "the request could not be answered"),
    };
    Some(Rejection::new(code, message))
}

fn is_preflight(request: &HttpRequest) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The same answer with the problem as its body; headers such as `Vary` stay.
fn restate<B: MessageBody>(response: ServiceResponse<B>, rejection: Rejection) -> ServiceResponse<EitherBody<B>> {
    let (request, response) = response.into_parts();
    let mut restated = problem(request, rejection);
    for (name, value) in response.headers() {
        if *name != header::CONTENT_TYPE && *name != header::CONTENT_LENGTH && !restated.headers().contains_key(name) {
            restated.headers_mut().append(name.clone(), value.clone());
        }
    }
    restated
}

fn problem<B>(request: HttpRequest, rejection: Rejection) -> ServiceResponse<EitherBody<B>> {
    ServiceResponse::new(request, Problem(rejection).error_response()).map_into_right_body()
}
