//! `{success, data, message?}` around every answer.

use actix_web::{
    HttpResponse,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, header},
    middleware::Next,
};
use chat_protocol::{ErrorCode, Rejection};
use serde::Serialize;

use crate::rest::Problem;

#[derive(Serialize)]
struct Success<T> {
    success: bool,
    data: T,
}

#[derive(Serialize)]
struct Failure<'a> {
    success: bool,
    data: (),
    message: &'a str,
    code: ErrorCode,
}

/// An answer with something in it.
pub fn with<T: Serialize>(status: StatusCode, data: T) -> HttpResponse {
    HttpResponse::build(status).json(Success { success: true, data })
}

/// An answer that is only a yes.
pub fn done() -> HttpResponse {
    with(StatusCode::OK, ())
}

/// Puts the envelope around refusals, wherever they come from; status and headers stay.
pub async fn wrap_problems<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let response = next.call(request).await?;
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
    match problem.map(|problem| failure(&problem.0)) {
        None => Ok(response.map_into_left_body()),
        Some(text) => {
            let (request, response) = response.into_parts();
            let mut response = response.set_body(BoxBody::new(text));
            response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
            Ok(ServiceResponse::new(request, response).map_into_right_body())
        }
    }
}

fn failure(rejection: &Rejection) -> String {
    let failure = Failure { success: false, data: (), message: &rejection.message, code: rejection.code };
    serde_json::to_string(&failure).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use actix_web::{App, test, web};
    use serde_json::{Value, json};

    use super::*;

    async fn refuse() -> Result<HttpResponse, Problem> {
        Err(Rejection::new(ErrorCode::Busy, "later").into())
    }

    async fn answer() -> HttpResponse {
        with(StatusCode::CREATED, json!([1]))
    }

    #[actix_web::test]
    async fn refusals_keep_their_status_and_headers_in_the_envelope() {
        let app = test::init_service(
            App::new()
                .wrap(actix_web::middleware::from_fn(wrap_problems))
                .route("/no", web::get().to(refuse))
                .route("/yes", web::get().to(answer)),
        )
        .await;
        let refused = test::call_service(&app, test::TestRequest::get().uri("/no").to_request()).await;
        assert_eq!(refused.status(), 503);
        let header = |name| refused.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!((header("retry-after"), header("content-type")), ("1".into(), "application/json".into()));
        let body: Value = test::read_body_json(refused).await;
        assert_eq!(body, json!({"success": false, "data": null, "message": "later", "code": "busy"}));

        let answered = test::call_service(&app, test::TestRequest::get().uri("/yes").to_request()).await;
        assert_eq!(answered.status(), 201);
        let body: Value = test::read_body_json(answered).await;
        assert_eq!(body, json!({"success": true, "data": [1]}));
    }
}
