//! `Idempotency-Key`: a POST that is repeated with it happens once, however often it arrives and whatever restarts in between. The key
//! becomes the command's `clientMessageId`, which the room's writer remembers for ever.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::HeaderName};
use chat_protocol::{ClientMessageId, CommandBody, ErrorCode, Outcome, Rejection, RoomId};
use utoipa::IntoParams;

use super::Problem;
use crate::{app::Gateway, auth::Identity};

/// The header's name.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header, for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only described")]
pub struct IdempotencyKeyHeader {
    /// With a key of yours the call happens once, however often you repeat it: the same body gets the same answer, another one `id_conflict`.
    /// 1 to 64 characters of A-Z a-z 0-9 - _ . : @ / + = ~
    #[param(required = false, max_length = 64, example = "0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d11")]
    #[param(rename = "Idempotency-Key")]
    idempotency_key: Option<String>,
}

/// The header, if there is one.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub Option<ClientMessageId>);

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
    /// The key, or one that nobody else uses.
    pub fn or_fresh(self) -> ClientMessageId {
        self.0.unwrap_or_else(ClientMessageId::generate)
    }

    /// The room that a creation with this key makes: the same for the same user and key.
    pub fn new_room(&self, identity: Identity) -> RoomId {
        self.0.as_ref().map_or_else(RoomId::generate, |key| RoomId::of_key(identity.user_id, key))
    }

    /// The key of a message that may name its own; both must be the same.
    pub fn of_message(self, named: Option<ClientMessageId>) -> Result<ClientMessageId, Rejection> {
        match (self.0, named) {
            (Some(key), Some(named)) if key != named => {
                let message = "clientMessageId and Idempotency-Key differ: send one of them, or the same";
                Err(Rejection::new(ErrorCode::BadRequest, message))
            }
            (None, None) => {
                let message =
                    "clientMessageId is missing: name the message in the body, or by the header Idempotency-Key";
                Err(Rejection::new(ErrorCode::BadRequest, message))
            }
            (key, named) => key.or(named).ok_or_else(Rejection::room_not_found),
        }
    }

    /// Executes a room command on behalf of a user, under the key.
    pub async fn execute(
        self,
        gateway: &Gateway,
        room_id: RoomId,
        identity: Identity,
        body: CommandBody,
    ) -> Result<Outcome, Problem> {
        Ok(gateway.ingest.execute(room_id, identity.user_id, self.or_fresh(), body).await?)
    }
}
