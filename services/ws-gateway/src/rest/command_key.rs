//! Under which id a command is executed once, however often it is asked for.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use chat_protocol::{ClientMessageId, ErrorCode, Rejection};
use utoipa::{
    IntoParams, PartialSchema,
    openapi::{
        Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

use super::Problem;

/// The header's name.
const HEADER: &str = "Idempotency-Key";

/// The header `Idempotency-Key`, if there is one: for operations that have no body to put a `clientMessageId` into.
#[derive(Debug)]
pub struct CommandKey(Option<ClientMessageId>);

impl CommandKey {
    /// The id: that of the body, else that of the header, else a new one.
    pub fn or(self, in_body: Option<ClientMessageId>) -> ClientMessageId {
        in_body.or(self.0).unwrap_or_else(ClientMessageId::generate)
    }

    /// The same for operations without a body.
    pub fn id(self) -> ClientMessageId {
        self.or(None)
    }
}

impl FromRequest for CommandKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(value) = request.headers().get(HEADER) else { return ready(Ok(Self(None))) };
        let id = value.to_str().ok().and_then(|text| ClientMessageId::parse(text).ok());
        ready(id.map(|id| Self(Some(id))).ok_or_else(|| {
            let message = format!("{HEADER} must be a UUID or 1 to 64 characters of A-Z a-z 0-9 - _ . : @ / + = ~");
            Problem(Rejection::new(ErrorCode::BadRequest, message))
        }))
    }
}

impl IntoParams for CommandKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "Your id of this command: repeat with the same one when you do not know whether it was executed";
        let header = ParameterBuilder::new().name(HEADER).parameter_in(ParameterIn::Header).required(Required::False);
        vec![header.description(Some(about)).schema(Some(ClientMessageId::schema())).build()]
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    async fn key(request: TestRequest) -> Result<CommandKey, ErrorCode> {
        CommandKey::from_request(&request.to_http_request(), &mut Payload::None).await.map_err(|problem| problem.0.code)
    }

    #[tokio::test]
    async fn the_body_comes_before_the_header_and_without_both_the_id_is_new() {
        let sent = || TestRequest::default().insert_header((HEADER, "k-1"));
        let in_body = ClientMessageId::parse("b-1").unwrap();
        assert_eq!(key(sent()).await.unwrap().or(Some(in_body.clone())), in_body);
        assert_eq!(key(sent()).await.unwrap().id().as_stored(), "k-1");
        let none = TestRequest::default;
        assert_ne!(key(none()).await.unwrap().id(), key(none()).await.unwrap().id());
    }

    #[tokio::test]
    async fn a_key_that_is_no_id_is_refused() {
        for bad in ["", "a b", "\"k\"", &"x".repeat(65)] {
            let refused = key(TestRequest::default().insert_header((HEADER, bad))).await;
            assert_eq!(refused.unwrap_err(), ErrorCode::BadRequest, "{bad:?}");
        }
    }
}
