//! What a REST call has to pass before its body is read: the rates of its address.

use actix_web::{
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, header},
    middleware::Next,
    web,
};
use chat_protocol::Rejection;

use crate::{app::Gateway, rest::Problem};

/// Counts a call. With a token it counts for its user, once the token is checked; one that is not valid counts for the address.
pub async fn check<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let Some(gateway) = request.app_data::<web::Data<Gateway>>().cloned() else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    if let Err(rejection) = admit(&gateway, &request).await {
        return Ok(refuse(request.into_parts().0, rejection));
    }
    let has_token = request.headers().contains_key(header::AUTHORIZATION);
    let response = next.call(request).await?;
    if has_token && response.status() == StatusCode::UNAUTHORIZED {
        let address = gateway.admission.client(response.request());
        if let Err(rejection) = gateway.limits.anonymous_request(address) {
            return Ok(refuse(response.into_parts().0, rejection));
        }
    }
    Ok(response.map_into_left_body())
}

async fn admit(gateway: &Gateway, request: &ServiceRequest) -> Result<(), Rejection> {
    let (limits, address) = (&gateway.limits, gateway.admission.client(request.request()));
    if !request.headers().contains_key(header::AUTHORIZATION) {
        limits.anonymous_request(address)?;
    }
    match request.path().rsplit_once("/auth/") {
        Some((_, "signup")) => limits.sign_up(address),
        Some((_, "login")) => limits.log_in(address).await,
        Some((_, "refresh")) => limits.refresh(address),
        _ => Ok(()),
    }
}

fn refuse<B>(request: actix_web::HttpRequest, rejection: Rejection) -> ServiceResponse<EitherBody<B>> {
    ServiceResponse::from_err(Problem(rejection), request).map_into_right_body()
}
