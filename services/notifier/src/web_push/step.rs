//! What is to be done for a job, seen from just before it is done: much may have happened since it was queued.

use chat_protocol::notify::mentioned;
use chat_store::{ClaimedPush, PushMember, PushMessage, PushState, PushTarget};
use jiff::Timestamp;
use serde::Serialize;

use crate::{audience::is_wanted, news::preview};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// This is sent.
    Send(Payload),
    /// Nothing any more.
    Skip(Skip),
    /// Nothing new, but what was shown before is to be taken back.
    TakeBack,
}

/// Why nothing is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// It was read, deleted or muted meanwhile, or the member has gone.
    Unneeded,
    /// Its time is over.
    Expired,
}

/// What the browser gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Payload {
    /// Show this, in place of what is shown of the room.
    Message {
        /// The same for a repeat: `roomId:seq`.
        id: String,
        /// The room.
        room_id: String,
        /// The newest message; it may have been deleted since, then the one before it is shown.
        seq: i64,
        /// Who wrote the one that is shown.
        sender_nickname: String,
        /// Its beginning.
        preview: String,
        /// Unread messages up to it.
        count: i64,
        /// Whether it cannot wait for a better moment.
        #[serde(skip)]
        urgent: bool,
    },
    /// Close what is shown of the room.
    Withdraw {
        /// The same for a repeat.
        id: String,
        /// The room.
        room_id: String,
        /// Up to and including this message.
        seq: i64,
    },
}

/// The step for a job.
pub fn step(job: &ClaimedPush, target: &PushTarget, now: Timestamp) -> Step {
    if job.expires_at <= now {
        return Step::Skip(Skip::Expired);
    }
    let (id, room_id) = (format!("{}:{}", job.room_id, job.seq), job.room_id.to_string());
    if job.state == PushState::Withdraw {
        let withdraw = Payload::Withdraw { id, room_id, seq: job.seq };
        return if job.shown_before { Step::Send(withdraw) } else { Step::Skip(Skip::Unneeded) };
    }
    match target.member.as_ref().zip(target.message.as_ref()) {
        Some((member, message)) if is_due(job.seq, target, member, message, now) => Step::Send(Payload::Message {
            id,
            room_id,
            seq: job.seq,
            sender_nickname: message.sender_nickname.clone(),
            preview: preview(&message.content),
            count: (message.number - member.read_number).max(1),
            urgent: target.direct || mentioned(&message.content).contains(&target.user_id),
        }),
        _ if job.shown_before => Step::TakeBack,
        _ => Step::Skip(Skip::Unneeded),
    }
}

fn is_due(seq: i64, target: &PushTarget, member: &PushMember, message: &PushMessage, now: Timestamp) -> bool {
    let mentioned = || mentioned(&message.content).contains(&target.user_id);
    seq > member.joined_seq && seq > member.read_seq && is_wanted(&member.wants, mentioned, now)
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
