//! Who may manage: whoever has the admin token.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use chat_protocol::{ErrorCode, Rejection};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Problem;
use crate::{app::Gateway, auth::bearer};

/// A call with the admin token.
pub struct Admin;

impl FromRequest for Admin {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(gateway) = request.app_data::<web::Data<Gateway>>() else { return ready(Err(missing().into())) };
        ready(admit(gateway, request).map_err(Problem::from))
    }
}

fn admit(gateway: &Gateway, request: &HttpRequest) -> Result<Admin, Rejection> {
    let expected = gateway.config.webhooks.admin_token.expose();
    if expected.is_empty() {
        let off = "webhooks cannot be managed here: the operator has to set webhooks.admin_token";
        return Err(Rejection::new(ErrorCode::Forbidden, off));
    }
    let (failures, address) = (&gateway.admission.admin_failures, gateway.admission.client(request));
    failures.check(address)?;
    let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = value.and_then(bearer).ok_or_else(missing)?;
    if same(given, expected) {
        return Ok(Admin);
    }
    failures.count(address)?;
    Err(Rejection::new(ErrorCode::Unauthorized, "this is not the admin token"))
}

fn missing() -> Rejection {
    Rejection::new(ErrorCode::Unauthorized, "send the header Authorization: Bearer <admin token>")
}

/// Digests are compared, in a time that does not depend on where they differ; nor does it tell how long the token is.
fn same(given: &str, expected: &str) -> bool {
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    digest(given).as_slice().ct_eq(digest(expected).as_slice()).into()
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn only_the_whole_token_is_the_token() {
        assert!(same("a token of an operator", "a token of an operator"));
        for wrong in ["", "a", "a token of an operato", "a token of an operator ", "A token of an operator"] {
            assert!(!same(wrong, "a token of an operator"), "{wrong}");
        }
    }
}
