//! Sends without a final answer, and when to repeat them. Pure: times are parameters.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chat_protocol::{ClientMessageId, EntryType, RoomId, frame::ClientCommand};

/// Most sends without a final answer; above that, no more are taken from the application.
pub const LIMIT: usize = 1_000;
/// A reply to a send comes within 5 s; without one by then it is repeated.
const REPLY_WITHIN: Duration = Duration::from_secs(7);
/// An accepted send is repeated when its outcome does not come: the first time after this long, then twice as long …
const OUTCOME_WITHIN: Duration = Duration::from_secs(10);
/// … up to this long, so that a database that is away for an hour finds few repeats.
const OUTCOME_AT_MOST: Duration = Duration::from_mins(2);

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Where.
    pub room_id: RoomId,
    /// Idempotency key: all repeats carry it.
    pub client_message_id: ClientMessageId,
    /// The text.
    pub content: String,
    /// `TEXT` or `IMAGE`.
    pub message_type: EntryType,
}

impl Draft {
    fn command(&self) -> ClientCommand {
        ClientCommand::Send {
            room_id: self.room_id,
            client_message_id: self.client_message_id.clone(),
            content: self.content.clone(),
            message_type: self.message_type,
            reply_to: None,
            traceparent: None,
        }
    }
}

/// Sends without a final answer, in the order they were given.
#[derive(Debug, Default)]
pub struct Outbox {
    sends: BTreeMap<u64, Sending>,
    next: u64,
}

#[derive(Debug)]
struct Sending {
    draft: Draft,
    due: Instant,
    outcome_within: Duration,
}

impl Outbox {
    /// Whether no more can be taken.
    pub fn is_full(&self) -> bool {
        self.sends.len() >= LIMIT
    }

    /// Number of sends without a final answer.
    pub fn len(&self) -> usize {
        self.sends.len()
    }

    /// Whether every send has its final answer.
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }

    /// Takes a send; it is due at once.
    pub fn add(&mut self, draft: Draft, now: Instant) {
        self.sends.insert(self.next, Sending { draft, due: now, outcome_within: OUTCOME_WITHIN });
        self.next += 1;
    }

    /// A new connection: everything is due again, since an outcome may have been lost with the old one.
    pub fn reconnected(&mut self, now: Instant) {
        for sending in self.sends.values_mut() {
            sending.due = now;
        }
    }

    /// The commands to give now, oldest first.
    pub fn due(&mut self, now: Instant) -> Vec<ClientCommand> {
        let mut commands = Vec::new();
        for sending in self.sends.values_mut().filter(|sending| sending.due <= now) {
            sending.due = now + REPLY_WITHIN;
            commands.push(sending.draft.command());
        }
        commands
    }

    /// The server has it: its outcome should follow. False for a send that is not waited for.
    pub fn accepted(&mut self, room: RoomId, id: &ClientMessageId, now: Instant) -> bool {
        let Some(sending) = self.find(room, id) else { return false };
        sending.due = now + sending.outcome_within;
        sending.outcome_within = (sending.outcome_within * 2).min(OUTCOME_AT_MOST);
        true
    }

    /// The server could not take it, or does not know: repeat it later.
    pub fn postpone(&mut self, room: RoomId, id: &ClientMessageId, until: Instant) -> bool {
        let Some(sending) = self.find(room, id) else { return false };
        sending.due = until;
        true
    }

    /// Its final answer came. False for a send that is not waited for, so that the answer is passed on once.
    pub fn finish(&mut self, room: RoomId, id: &ClientMessageId) -> bool {
        let key = self.sends.iter().find(|(_, sending)| sending.is(room, id)).map(|(key, _)| *key);
        key.and_then(|key| self.sends.remove(&key)).is_some()
    }

    fn find(&mut self, room: RoomId, id: &ClientMessageId) -> Option<&mut Sending> {
        self.sends.values_mut().find(|sending| sending.is(room, id))
    }
}

impl Sending {
    fn is(&self, room: RoomId, id: &ClientMessageId) -> bool {
        self.draft.client_message_id == *id && self.draft.room_id == room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(content: &str) -> Draft {
        Draft {
            room_id: RoomId::generate(),
            client_message_id: ClientMessageId::generate(),
            content: content.into(),
            message_type: EntryType::Text,
        }
    }

    #[test]
    fn a_send_is_repeated_with_the_same_id_until_its_outcome_comes() {
        let (mut outbox, start, draft) = (Outbox::default(), Instant::now(), draft("a"));
        let (room, id) = (draft.room_id, draft.client_message_id.clone());
        outbox.add(draft.clone(), start);
        assert_eq!(outbox.due(start), [draft.command()]);
        assert_eq!(outbox.due(start), []);
        assert_eq!(outbox.due(start + REPLY_WITHIN), [draft.command()], "no reply");
        assert!(outbox.accepted(room, &id, start));
        assert_eq!(outbox.due(start + REPLY_WITHIN), []);
        assert_eq!(outbox.due(start + OUTCOME_WITHIN), [draft.command()], "accepted, but no outcome");
        outbox.accepted(room, &id, start);
        assert_eq!(outbox.due(start + OUTCOME_WITHIN), [], "the wait grows");
        outbox.reconnected(start);
        assert_eq!(outbox.due(start), [draft.command()]);
        assert!(outbox.finish(room, &id));
        assert!(!outbox.finish(room, &id), "an outcome counts once");
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_busy_server_is_asked_again_after_the_time_it_named() {
        let (mut outbox, start, draft) = (Outbox::default(), Instant::now(), draft("a"));
        outbox.add(draft.clone(), start);
        outbox.due(start);
        outbox.postpone(draft.room_id, &draft.client_message_id, start + Duration::from_millis(300));
        assert_eq!(outbox.due(start + Duration::from_millis(299)), []);
        assert_eq!(outbox.due(start + Duration::from_millis(300)).len(), 1);
    }

    #[test]
    fn sends_keep_their_order_over_a_reconnect() {
        let (mut outbox, start) = (Outbox::default(), Instant::now());
        let drafts = ["a", "b", "c"].map(draft);
        for draft in &drafts {
            outbox.add(draft.clone(), start);
        }
        outbox.due(start);
        outbox.reconnected(start);
        assert_eq!(outbox.due(start), drafts.each_ref().map(Draft::command));
    }
}
