//! The one table of errors: REST problems, STOMP errors, `chat.v1` errors and rejected outcomes all use these codes.

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, Type},
    },
};

use crate::close::CloseCode;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident $wire:literal, $status:literal, $close:expr, $retry:literal, $action:literal;)*) => {
        /// A stable error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode { $($(#[$doc])* #[serde(rename = $wire)] $name,)* }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as clients see it.
            pub fn as_str(self) -> &'static str { match self { $(Self::$name => $wire,)* } }

            /// HTTP status of a REST answer with it.
            pub fn http_status(self) -> u16 { match self { $(Self::$name => $status,)* } }

            /// WebSocket close code, for those that end the connection.
            pub fn close_code(self) -> Option<CloseCode> { match self { $(Self::$name => $close,)* } }

            /// Whether the same request may succeed later.
            pub fn retry(self) -> bool { match self { $(Self::$name => $retry,)* } }

            /// What a client should do.
            pub fn client_action(self) -> &'static str { match self { $(Self::$name => $action,)* } }
        }
    };
}

error_codes! {
    /// The request is not well formed; the message names the field.
    BadRequest "bad_request", 400, None, false, "fix the request";
    /// Message content empty or blank.
    ContentEmpty "content_empty", 400, None, false, "send some text";
    /// Message content above the limit.
    ContentTooLong "content_too_long", 400, None, false, "shorten the text";
    /// A text holds a character that cannot be stored (NUL).
    InvalidCharacter "invalid_character", 400, None, false, "remove the character named";
    /// A cursor beyond the room's head.
    InvalidSeq "invalid_seq", 400, None, false, "load the room anew";
    /// No valid credentials.
    Unauthorized "unauthorized", 401, Some(CloseCode::AUTH), false, "log in again";
    /// The access token has expired.
    TokenExpired "token_expired", 401, Some(CloseCode::AUTH), false, "refresh the token and try again";
    /// Wrong e-mail address or password.
    InvalidCredentials "invalid_credentials", 401, None, false, "check e-mail address and password";
    /// Known room, but this may not be done in it.
    Forbidden "forbidden", 403, None, false, "do not repeat";
    /// No such room, or not a member of it: the two are not told apart.
    RoomNotFound "room_not_found", 404, None, false, "do not repeat; reload the room list";
    /// No such message in the room, or it was deleted.
    MessageNotFound "message_not_found", 404, None, false, "reload the message";
    /// No such user.
    UserNotFound "user_not_found", 404, None, false, "check the user id";
    /// No such path or resource.
    NotFound "not_found", 404, None, false, "check the address";
    /// Wrong method for a path.
    MethodNotAllowed "method_not_allowed", 405, None, false, "check the method";
    /// The client accepts nothing that the server can answer with.
    NotAcceptable "not_acceptable", 406, None, false, "accept application/json";
    /// The body did not come in time.
    RequestTimeout "request_timeout", 408, None, true, "send the body without a pause";
    /// The request's headers are above the limit.
    HeadersTooLarge "headers_too_large", 431, None, false, "send smaller headers";
    /// The body has another type than JSON.
    UnsupportedMediaType "unsupported_media_type", 415, None, false, "send application/json";
    /// The e-mail address has an account.
    EmailTaken "email_taken", 409, None, false, "log in, or use another address";
    /// The client message id was used for another body.
    IdConflict "id_conflict", 409, None, false, "use a fresh clientMessageId";
    /// Frame or body above the limit.
    TooLarge "too_large", 413, Some(CloseCode::TOO_LARGE), false, "send less";
    /// The path is a WebSocket's, and the request is none.
    UpgradeRequired "upgrade_required", 426, None, false, "connect with a WebSocket client (RFC 6455, version 13)";
    /// Too much, too fast.
    RateLimited "rate_limited", 429, None, true, "wait for the time told";
    /// More sessions than one user may have.
    SessionLimit "session_limit", 429, Some(CloseCode::LIMIT), false, "close another session first";
    /// Never taken: a queue is full or Kafka is away. Safe to repeat.
    Busy "busy", 503, None, true, "repeat with the same clientMessageId";
    /// No answer in time; it may still happen. Repeat with the same id.
    Unknown "unknown", 504, None, true, "repeat with the same clientMessageId";
    /// A store is away.
    Unavailable "unavailable", 503, None, true, "repeat later";
    /// The record could not be understood by its consumer.
    Poison "poison", 400, None, false, "report it";
    /// A fault of the server.
    Internal "internal", 500, None, true, "repeat later, report if it stays";
}

impl PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        let codes = ObjectBuilder::new().schema_type(Type::String).description(Some("A stable error code."));
        codes.enum_values(Some(Self::ALL.iter().map(|code| code.as_str()))).into()
    }
}

impl ToSchema for ErrorCode {}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal as told to a client: the code, and a sentence that names the field and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// The code.
    pub code: ErrorCode,
    /// The sentence.
    pub message: String,
    /// Not before this long, in milliseconds; for refusals that end by themselves.
    pub retry_after_ms: Option<u64>,
}

impl Rejection {
    /// A refusal with its sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None }
    }

    /// The same, with when to come back.
    #[must_use]
    pub fn retry_after(self, wait: std::time::Duration) -> Self {
        Self { retry_after_ms: Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)), ..self }
    }

    /// The one answer for rooms that are not there and rooms that are not yours.
    pub fn room_not_found() -> Self {
        Self::new(ErrorCode::RoomNotFound, "no such room, or you are not a member of it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_their_json_is_their_name() {
        let mut seen = std::collections::HashSet::new();
        for code in ErrorCode::ALL {
            assert!(seen.insert(code.as_str()));
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
            assert!((400..=504).contains(&code.http_status()));
        }
    }
}
