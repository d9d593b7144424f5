//! Messages of a batch, by room.

use std::collections::{BTreeMap, BTreeSet};

use chat_protocol::{Entry, RoomId, UserId, limits::PREVIEW_CHARS, push::Notification};

/// What people wrote in one room during one batch.
#[derive(Debug, PartialEq, Eq)]
pub struct RoomNews {
    /// The room.
    pub room_id: RoomId,
    /// By seq, so that a message that was delivered twice counts once. Never empty.
    messages: BTreeMap<i64, Entry>,
}

/// Sorts messages into rooms.
pub fn by_room(messages: impl IntoIterator<Item = Entry>) -> Vec<RoomNews> {
    let mut rooms: BTreeMap<RoomId, BTreeMap<i64, Entry>> = BTreeMap::new();
    for message in messages {
        rooms.entry(message.room_id).or_default().insert(message.seq, message);
    }
    rooms.into_iter().map(|(room_id, messages)| RoomNews { room_id, messages }).collect()
}

impl RoomNews {
    /// Who wrote.
    pub fn senders(&self) -> BTreeSet<UserId> {
        self.messages.values().map(|message| message.sender_id).collect()
    }

    /// The news for somebody who wrote none of them.
    pub fn for_readers(&self) -> Option<Notification> {
        notification(self.messages.values())
    }

    /// Seq of the oldest of them.
    pub fn first_seq(&self) -> i64 {
        self.messages.keys().next().copied().unwrap_or(0)
    }

    /// The news for one member: what others wrote since the member came, if they did.
    pub fn for_member(&self, member: UserId, joined_seq: i64) -> Option<Notification> {
        let theirs = |message: &&Entry| message.sender_id != member && message.seq > joined_seq;
        notification(self.messages.values().filter(theirs))
    }
}

/// The newest message and how many there are.
fn notification<'a>(messages: impl Iterator<Item = &'a Entry>) -> Option<Notification> {
    let (count, newest) = messages.fold((0, None), |(count, _), message| (count + 1, Some(message)));
    newest.map(|newest| Notification {
        id: format!("{}:{}", newest.room_id, newest.seq),
        room_id: newest.room_id,
        seq: newest.seq,
        sender_id: newest.sender_id,
        sender_nickname: newest.sender_nickname.clone(),
        preview: newest.content.chars().take(PREVIEW_CHARS).collect(),
        count,
        at: newest.sent_at,
    })
}

#[cfg(test)]
pub mod tests {
    use chat_protocol::{ClientMessageId, EntryType, MessageId};
    use jiff::Timestamp;

    use super::*;

    /// A message "message <seq>".
    pub fn message(room_id: RoomId, seq: i64, sender_id: UserId) -> Entry {
        Entry {
            message_id: MessageId::generate(),
            room_id,
            seq,
            number: seq,
            sender_id,
            sender_nickname: "alice".to_owned(),
            client_message_id: ClientMessageId::generate(),
            entry_type: EntryType::Text,
            content: format!("message {seq}"),
            members: Vec::new(),
            sent_at: Timestamp::from_second(seq).unwrap(),
            reply_to: None,
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
        }
    }

    #[test]
    fn a_room_is_collapsed_to_its_newest_message_and_a_count_without_repeats() {
        let (a, b, alice) = (RoomId::generate(), RoomId::generate(), UserId::generate());
        let repeated = message(a, 4, alice);
        let news = by_room([repeated.clone(), message(a, 5, alice), message(b, 1, alice), repeated]);
        let told: Vec<_> = news.iter().filter_map(RoomNews::for_readers).collect();
        assert_eq!(told.iter().map(|n| (n.room_id, n.seq, n.count)).collect::<Vec<_>>(), [(a, 5, 2), (b, 1, 1)]);
        assert_eq!(told[0].id, format!("{a}:5"));
        assert_eq!((told[0].preview.as_str(), told[0].sender_nickname.as_str()), ("message 5", "alice"));
        assert_eq!(told[0].at, Timestamp::from_second(5).unwrap());
    }

    #[test]
    fn a_long_message_is_shown_by_its_first_characters() {
        let long = Entry { content: "가".repeat(5_000), ..message(RoomId::generate(), 1, UserId::generate()) };
        let told = by_room([long])[0].for_readers().unwrap();
        assert_eq!(told.preview, "가".repeat(PREVIEW_CHARS));
    }
}
