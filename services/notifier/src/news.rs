//! Messages of a batch, by room.

use std::collections::{BTreeMap, BTreeSet};

use chat_protocol::{Entry, RoomId, UserId, limits::PREVIEW_CHARS, notify::mentioned, push::Notification};

/// What people wrote in one room during one batch.
#[derive(Debug, PartialEq, Eq)]
pub struct RoomNews {
    /// The room.
    pub room_id: RoomId,
    /// By seq, so that a message that was delivered twice counts once. Never empty.
    messages: BTreeMap<i64, Message>,
}

/// A message, and whom it mentions.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// Itself.
    pub entry: Entry,
    /// Members or not.
    pub mentions: BTreeSet<UserId>,
}

/// What of a room's news is for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    /// The newest message.
    pub seq: i64,
    /// How many there are.
    pub count: u32,
    /// Whether one mentions them.
    pub mention: bool,
}

/// Sorts messages into rooms.
pub fn by_room(messages: impl IntoIterator<Item = Entry>) -> Vec<RoomNews> {
    let mut rooms: BTreeMap<RoomId, BTreeMap<i64, Message>> = BTreeMap::new();
    for entry in messages {
        let mentions = mentioned(&entry.content);
        rooms.entry(entry.room_id).or_default().insert(entry.seq, Message { entry, mentions });
    }
    rooms.into_iter().map(|(room_id, messages)| RoomNews { room_id, messages }).collect()
}

impl RoomNews {
    /// The oldest first.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }

    /// A share in words.
    pub fn notification(&self, share: Share, direct: bool) -> Option<Notification> {
        let newest = &self.messages.get(&share.seq)?.entry;
        Some(Notification {
            id: format!("{}:{}", newest.room_id, newest.seq),
            room_id: newest.room_id,
            seq: newest.seq,
            sender_id: newest.sender_id,
            sender_nickname: newest.sender_nickname.clone(),
            preview: preview(&newest.content),
            count: share.count,
            mention: share.mention,
            direct,
            at: newest.sent_at,
        })
    }
}

/// The beginning of a text.
pub fn preview(content: &str) -> String {
    content.chars().take(PREVIEW_CHARS).collect()
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
    fn a_share_is_told_by_its_newest_message() {
        let (room, alice) = (RoomId::generate(), UserId::generate());
        let repeated = message(room, 4, alice);
        let news =
            by_room([repeated.clone(), message(room, 5, alice), message(RoomId::generate(), 1, alice), repeated]);
        assert_eq!(news.len(), 2);
        let news = news.iter().find(|news| news.room_id == room).unwrap();
        assert_eq!(news.messages().map(|message| message.entry.seq).collect::<Vec<_>>(), [4, 5]);
        let share = Share { seq: 5, count: 2, mention: true };
        let told = news.notification(share, false).unwrap();
        assert_eq!((told.id, told.room_id, told.seq, told.count), (format!("{room}:5"), room, 5, 2));
        assert_eq!((told.preview.as_str(), told.sender_nickname.as_str()), ("message 5", "alice"));
        assert_eq!((told.at, told.mention, told.direct), (Timestamp::from_second(5).unwrap(), true, false));
        assert_eq!(news.notification(Share { seq: 6, ..share }, false), None);
    }

    #[test]
    fn a_long_message_is_shown_by_its_first_characters() {
        assert_eq!(preview(&"가".repeat(5_000)), "가".repeat(PREVIEW_CHARS));
    }
}
