//! REST: one file per resource, one function per operation.

mod admin;
pub mod auth;
pub mod changes;
pub mod compat;
pub mod devices;
pub mod events;
mod idempotency;
pub mod members;
pub mod messages;
pub mod openapi;
pub mod presence;
mod problem;
pub mod read_marks;
pub mod readers;
pub mod room_notifications;
pub mod rooms;
mod samples;
pub mod search;
pub mod users;
pub mod webhooks;

use actix_web::{FromRequest, HttpRequest, dev::Payload, error, http::header, web};
use chat_protocol::{ClientMessageId, CommandBody, Entry, ErrorCode, Outcome, Rejection, RoomId};
use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use utoipa::{
    Modify, ToSchema,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

pub use idempotency::{IDEMPOTENCY_KEY, IdempotencyKey};
pub use problem::{Problem, ProblemBody};

use crate::{app::Gateway, auth as tokens, auth::Identity, browser, ingest};

/// The OpenAPI document, without its paths: those come from the handlers.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Realtime Chat", description = "Rooms, members, messages and read marks. Errors are problem documents with a stable `code`."),
    modifiers(&BearerToken),
    tags(
        (name = "auth", description = "Accounts and tokens"),
        (name = "users", description = "People"),
        (name = "rooms", description = "Conversations and their members"),
        (name = "messages", description = "The timeline"),
        (name = "devices", description = "Browsers that take Web Push"),
        (name = "webhooks", description = "Other systems that are told what happens; with the admin token")
    )
)]
pub struct Document;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let admin = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The operator's token")).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("admin", SecurityScheme::Http(admin));
    }
}

/// A page of a room's timeline.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "messages": [samples::message()], "more": true, "head": 5 }))]
pub struct HistoryPage {
    /// Newest first, or oldest first when `after` was given.
    pub messages: Vec<Entry>,
    /// Whether there is more in that direction.
    pub more: bool,
    /// The room's last seq when the page was read: the page is complete up to it.
    pub head: i64,
}

impl FromRequest for Identity {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let missing =
            || Rejection::new(ErrorCode::Unauthorized, "send the header Authorization: Bearer <access token>");
        let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(tokens::bearer).map(str::to_owned).ok_or_else(missing);
        let gateway = request.app_data::<web::Data<Gateway>>().cloned().ok_or_else(missing);
        Box::pin(async move {
            let gateway = gateway?;
            let identity = gateway.auth.access(&token?).await?;
            gateway.limits.request(identity.user_id)?;
            Ok(identity)
        })
    }
}

/// Executes a room command on behalf of a user.
async fn execute(
    gateway: &Gateway,
    room_id: RoomId,
    identity: Identity,
    body: CommandBody,
) -> Result<Outcome, Problem> {
    Ok(gateway.ingest.execute(room_id, identity.user_id, ClientMessageId::generate(), body).await?)
}

/// The same under the caller's id of the command, for members only, with what people typed checked first.
async fn change(
    gateway: &Gateway,
    identity: Identity,
    room_id: RoomId,
    id: ClientMessageId,
    body: CommandBody,
) -> Result<Outcome, Problem> {
    ingest::check(&body)?;
    gateway.ingest.memberships.check(room_id, identity.user_id).await?;
    Ok(gateway.ingest.execute(room_id, identity.user_id, id, body).await?)
}

/// A body that cannot be read.
#[expect(clippy::needless_pass_by_value, reason = "the signature actix-web asks for")]
pub fn body_error(error: error::JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    use error::JsonPayloadError::{ContentType, Deserialize, Overflow, OverflowKnownLength, Payload};
    let rejection = match &error {
        Overflow { .. } | OverflowKnownLength { .. } | Payload(error::PayloadError::Overflow) => {
            Rejection::new(ErrorCode::TooLarge, "the body is too large")
        }
        Payload(error) if browser::is_late(error) => {
            Rejection::new(ErrorCode::RequestTimeout, "the body did not come in time: send it without a pause")
        }
        ContentType => Rejection::new(ErrorCode::UnsupportedMediaType, "send the body as application/json"),
        Deserialize(problem) => {
            Rejection::new(ErrorCode::BadRequest, format!("the body is not what is expected: {problem}"))
        }
        _ => Rejection::new(ErrorCode::BadRequest, "the body could not be read"),
    };
    Problem(rejection).into()
}

/// An address whose parts are not what they must be.
#[expect(clippy::needless_pass_by_value, reason = "the signature actix-web asks for")]
pub fn path_error(error: error::PathError, _: &HttpRequest) -> actix_web::Error {
    Problem(Rejection::new(ErrorCode::BadRequest, format!("the address holds something that is not a UUID: {error}")))
        .into()
}

/// A query that is not what it must be.
#[expect(clippy::needless_pass_by_value, reason = "the signature actix-web asks for")]
pub fn query_error(error: error::QueryPayloadError, _: &HttpRequest) -> actix_web::Error {
    Problem(Rejection::new(ErrorCode::BadRequest, format!("the query is not what is expected: {error}"))).into()
}
