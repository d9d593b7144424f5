//! `Idempotency-Key`: a call that is repeated with it happens once, however often it arrives and whatever restarts in between. The key
//! becomes the command's `clientMessageId`, which the room's writer remembers for ever.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::HeaderName};
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
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header, if there is one.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(Option<ClientMessageId>);

impl FromRequest for IdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
        ready(match (values.next(), values.next()) {
            (None, _) => Ok(Self(None)),
            (Some(value), None) => {
                let key = value.to_str().ok().and_then(|key| ClientMessageId::parse(key).ok());
                key.map(|key| Self(Some(key))).ok_or_else(wrong)
            }
            (Some(_), Some(_)) => Err(wrong()),
        })
    }
}

fn wrong() -> Problem {
    let message = "Idempotency-Key must be given once, as 1 to 64 characters of A-Z a-z 0-9 - _ . : @ / + = ~";
    Rejection::new(ErrorCode::BadRequest, message).into()
}

impl IdempotencyKey {
    /// The id of a command without a body: the key, or one that nobody else uses.
    pub fn id(self) -> ClientMessageId {
        self.0.unwrap_or_else(ClientMessageId::generate)
    }

    /// The id of a command whose body may name it: that one, the key, or one that nobody else uses.
    pub fn or(self, named: Option<ClientMessageId>) -> Result<ClientMessageId, Rejection> {
        match (self.0, named) {
            (Some(key), Some(named)) if key != named => {
                let message = "clientMessageId and Idempotency-Key differ: send one of them, or the same";
                Err(Rejection::new(ErrorCode::BadRequest, message))
            }
            (key, named) => Ok(Self(key.or(named)).id()),
        }
    }

    /// The id of a message: the sender's own, one way or the other.
    pub fn of_message(self, named: Option<ClientMessageId>) -> Result<ClientMessageId, Rejection> {
        if self.0.is_none() && named.is_none() {
            let message = "clientMessageId is missing: name the message in the body, or by the header Idempotency-Key";
            return Err(Rejection::new(ErrorCode::BadRequest, message));
        }
        self.or(named)
    }
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "With a key of yours the call happens once, however often you repeat it: the same call gets the same answer, \
                     another one `id_conflict`.";
        let header = ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header);
        let header = header.required(Required::False).description(Some(about));
        vec![header.schema(Some(ClientMessageId::schema())).build()]
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const HEADER: &str = "Idempotency-Key";

    async fn key(request: TestRequest) -> Result<IdempotencyKey, ErrorCode> {
        let request = request.to_http_request();
        IdempotencyKey::from_request(&request, &mut Payload::None).await.map_err(|problem| problem.0.code)
    }

    #[tokio::test]
    async fn body_and_header_name_the_same_id_and_without_both_it_is_new() {
        let sent = || TestRequest::default().insert_header((HEADER, "k-1"));
        let (same, other) = (ClientMessageId::parse("k-1").unwrap(), ClientMessageId::parse("b-1").unwrap());
        assert_eq!(key(sent()).await.unwrap().id(), same);
        assert_eq!(key(sent()).await.unwrap().or(Some(same.clone())).unwrap(), same);
        assert_eq!(key(sent()).await.unwrap().or(None).unwrap(), same);
        assert_eq!(key(sent()).await.unwrap().or(Some(other.clone())).unwrap_err().code, ErrorCode::BadRequest);
        let none = TestRequest::default;
        assert_eq!(key(none()).await.unwrap().or(Some(other.clone())).unwrap(), other);
        assert_ne!(key(none()).await.unwrap().id(), key(none()).await.unwrap().id());
        assert_eq!(key(none()).await.unwrap().of_message(None).unwrap_err().code, ErrorCode::BadRequest);
        assert_eq!(key(sent()).await.unwrap().of_message(None).unwrap(), same);
    }

    #[tokio::test]
    async fn a_key_that_is_no_id_and_two_keys_are_refused() {
        for bad in ["", "a b", "\"k\"", &"x".repeat(65)] {
            let refused = key(TestRequest::default().insert_header((HEADER, bad))).await;
            assert_eq!(refused.unwrap_err(), ErrorCode::BadRequest, "{bad:?}");
        }
        let two = TestRequest::default().append_header((HEADER, "a")).append_header((HEADER, "a"));
        assert_eq!(key(two).await.unwrap_err(), ErrorCode::BadRequest);
    }
}
