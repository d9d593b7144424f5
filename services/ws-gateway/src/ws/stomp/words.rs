//! Bodies of the messages on a user's own queues.

use chat_protocol::{ClientMessageId, ErrorCode, Outcome, Rejection, RoomId};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A command is durable.
pub fn accepted(room_id: RoomId, client_message_id: &ClientMessageId, accepted_at: Timestamp) -> Value {
    json!({"clientMessageId": client_message_id, "roomId": room_id, "status": "ACCEPTED", "acceptedAt": accepted_at})
}

/// A command is committed.
pub fn persisted(outcome: &Outcome) -> Value {
    json!({"clientMessageId": outcome.client_message_id, "roomId": outcome.room_id, "status": "PERSISTED",
        "messageId": outcome.message_id, "seq": outcome.seq, "duplicate": outcome.duplicate})
}

/// A command was refused by the room's writer.
pub fn rejected(outcome: &Outcome) -> Value {
    json!({"clientMessageId": outcome.client_message_id, "roomId": outcome.room_id, "code": outcome.code,
        "reason": outcome.reason, "retry": false})
}

/// A frame was refused; with which command, if it was one.
pub fn refused(rejection: &Rejection, command: Option<(RoomId, ClientMessageId)>) -> Value {
    let mut body = json!({"code": rejection.code, "reason": rejection.message, "retry": rejection.code.retry()});
    if let Some(wait) = rejection.retry_after_ms {
        body["retryAfterMs"] = json!(wait);
    }
    if let Some((room_id, client_message_id)) = command {
        body["roomId"] = json!(room_id);
        body["clientMessageId"] = json!(client_message_id);
    }
    body
}

/// A subscription ended without the client's doing.
pub fn unsubscribed(room_id: RoomId, code: ErrorCode) -> Value {
    json!({"roomId": room_id, "code": code, "reason": "the subscription ended: you are no longer a member"})
}

/// The last words before a close.
pub fn closing(reason: &str, retry_after_ms: Option<u64>) -> Value {
    json!({"type": "SESSION_CLOSED", "reason": reason, "retryAfterMs": retry_after_ms})
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_refusal_tells_when_to_come_back_if_that_is_known() {
        let rejection = Rejection::new(ErrorCode::RateLimited, "too fast");
        assert_eq!(refused(&rejection, None).get("retryAfterMs"), None);
        let body = refused(&rejection.retry_after(Duration::from_millis(700)), None);
        assert_eq!((&body["retryAfterMs"], &body["code"]), (&json!(700), &json!("rate_limited")));
    }
}
