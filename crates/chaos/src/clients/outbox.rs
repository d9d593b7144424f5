//! What one has said and not had acknowledged. Pure.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chat_protocol::{ClientMessageId, EntryType, MessageId, RoomId, frame::ClientCommand};

/// More are not under way at once.
const LIMIT: usize = 32;
const RETRY_AFTER: Duration = Duration::from_millis(700);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub room: RoomId,
    pub id: ClientMessageId,
    pub content: String,
    pub act: Act,
    /// It was acknowledged, and is said again on purpose.
    pub repeat: bool,
}

/// What it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Says something new.
    Say,
    /// Replaces the text of an earlier message.
    Edit(Target),
    /// Deletes an earlier message.
    Delete(Target),
    /// Puts an emoji, the content, under an earlier message, or takes it back.
    React { target: Target, remove: bool },
}

/// A message that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub room: RoomId,
    pub id: MessageId,
    pub seq: i64,
}

impl Draft {
    /// As a frame.
    pub fn command(&self) -> ClientCommand {
        let (room_id, client_message_id, content) = (self.room, self.id.clone(), self.content.clone());
        match self.act {
            Act::Say => {
                let (message_type, reply_to, traceparent) = (EntryType::Text, None, None);
                ClientCommand::Send { room_id, client_message_id, content, message_type, reply_to, traceparent }
            }
            Act::Edit(Target { id: message_id, .. }) => {
                ClientCommand::Edit { room_id, message_id, client_message_id, content }
            }
            Act::Delete(Target { id: message_id, .. }) => {
                ClientCommand::Delete { room_id, message_id, client_message_id }
            }
            Act::React { target: Target { id: message_id, .. }, remove } => {
                ClientCommand::React { room_id, message_id, client_message_id, emoji: content, remove }
            }
        }
    }
}

#[derive(Debug, Default)]
pub struct Outbox {
    /// By number, that is, in the order in which they were first said.
    drafts: BTreeMap<u64, (Draft, State)>,
    next: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Sent on this connection.
    UnderWay,
    /// To be sent again, not before.
    Due(Instant),
}

impl Outbox {
    pub fn is_full(&self) -> bool {
        self.drafts.len() >= LIMIT
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    /// A new one, to be sent now.
    pub fn push(&mut self, draft: Draft) -> u64 {
        let number = self.next;
        self.next += 1;
        self.drafts.insert(number, (draft, State::UnderWay));
        number
    }

    pub fn get(&self, number: u64) -> Option<&Draft> {
        self.drafts.get(&number).map(|(draft, _)| draft)
    }

    /// It was acknowledged or refused: no more of it.
    pub fn finish(&mut self, number: u64) -> Option<Draft> {
        self.drafts.remove(&number).map(|(draft, _)| draft)
    }

    /// The same, found by what a late word names; such a word is no answer to a repeat.
    pub fn finish_named(&mut self, room: RoomId, id: &ClientMessageId) {
        self.drafts.retain(|_, (draft, _)| draft.repeat || draft.room != room || draft.id != *id);
    }

    /// Not known, or not taken: to be said again.
    pub fn postpone(&mut self, number: u64, wait: Option<Duration>, now: Instant) {
        if let Some((_, state)) = self.drafts.get_mut(&number) {
            *state = State::Due(now + wait.unwrap_or(RETRY_AFTER));
        }
    }

    /// The connection is gone, and with it every answer: what was under way; it is to be said again.
    pub fn lost(&mut self, now: Instant) -> Vec<Draft> {
        let mut lost = Vec::new();
        for (draft, state) in self.drafts.values_mut().filter(|(_, state)| *state == State::UnderWay) {
            *state = State::Due(now);
            lost.push(draft.clone());
        }
        lost
    }

    /// Those whose time has come; they count as under way.
    pub fn due(&mut self, now: Instant) -> Vec<u64> {
        let mut due = Vec::new();
        for (number, (_, state)) in &mut self.drafts {
            if matches!(state, State::Due(at) if *at <= now) {
                *state = State::UnderWay;
                due.push(*number);
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft {
            room: RoomId::generate(),
            id: ClientMessageId::generate(),
            content: "x".to_owned(),
            act: Act::Say,
            repeat: false,
        }
    }

    #[test]
    fn what_was_not_acknowledged_is_said_again_in_the_same_order() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        let numbers = [outbox.push(draft()), outbox.push(draft()), outbox.push(draft())];
        assert!(outbox.due(now).is_empty());
        outbox.finish(numbers[1]);
        assert_eq!(outbox.lost(now).len(), 2);
        assert_eq!(outbox.due(now), [numbers[0], numbers[2]]);
        assert!(outbox.due(now).is_empty(), "under way");
    }

    #[test]
    fn what_the_server_was_too_busy_for_waits_as_long_as_it_says() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        let number = outbox.push(draft());
        outbox.postpone(number, Some(Duration::from_secs(2)), now);
        assert!(outbox.due(now + Duration::from_secs(1)).is_empty());
        assert_eq!(outbox.due(now + Duration::from_secs(2)), [number]);
    }

    #[test]
    fn a_late_word_ends_it() {
        let mut outbox = Outbox::default();
        let late = draft();
        outbox.push(late.clone());
        outbox.finish_named(RoomId::generate(), &late.id);
        assert!(!outbox.is_empty());
        outbox.finish_named(late.room, &late.id);
        assert!(outbox.is_empty());
    }
}
