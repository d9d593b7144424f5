//! How entries and rooms look.

use chat_client::rest::Room;
use chat_protocol::{Change, Entry, EntryType};
use jiff::{Timestamp, tz::TimeZone};

use crate::terminal::{self, Style};

/// How far one's own message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Somebody else's.
    None,
    /// Stored.
    Persisted,
}

#[derive(Debug, Clone)]
pub struct View {
    pub style: Style,
    pub zone: TimeZone,
}

impl View {
    pub fn entry(&self, entry: &Entry, mark: Mark) -> String {
        let time = self.style.dim(&format!("[{}]", self.time(entry.sent_at)));
        let sender = self.style.name(entry.sender_id, &entry.sender_nickname);
        let members: Vec<String> =
            entry.members.iter().map(|who| self.style.name(who.user_id, &who.nickname)).collect();
        let members = members.join(", ");
        let tick = if mark == Mark::Persisted { " ✓✓" } else { "" };
        let content = || terminal::paragraph(&entry.content);
        match entry.entry_type {
            EntryType::Text => format!("{time} {sender}: {}{tick}", content()),
            EntryType::Image => format!("{time} {sender}: [image] {}{tick}", content()),
            EntryType::SystemCreate => format!("{time} * {sender} opened the room with {members}"),
            EntryType::SystemInvite => format!("{time} * {sender} invited {members}"),
            EntryType::SystemLeave => format!("{time} * {sender} left"),
            EntryType::SystemJoin => format!("{time} * {sender} joined"),
            EntryType::SystemKick => format!("{time} * {sender} removed {members}"),
            EntryType::SystemRename => {
                format!("{time} * {sender} changed the room: {}", terminal::line(&entry.content))
            }
            EntryType::SystemRole => format!("{time} * {sender} made {members} {}", terminal::line(&entry.content)),
        }
    }

    /// An earlier message that changed.
    pub fn change(&self, change: &Change) -> String {
        let time = self.style.dim(&format!("[{}]", self.time(change.changed_at)));
        let (actor, message) = (self.style.name(change.actor_id, &change.actor_nickname), &change.message);
        let content = terminal::paragraph(&message.content);
        match (&change.emoji, message.deleted_at) {
            (Some(emoji), _) if change.removed => {
                format!("{time} * {actor} took {} back: {content}", terminal::line(emoji))
            }
            (Some(emoji), _) => format!("{time} * {actor} reacted {} to: {content}", terminal::line(emoji)),
            (None, Some(_)) => {
                format!("{time} * {actor} deleted a message of {}", terminal::line(&message.sender_nickname))
            }
            (None, None) => format!("{time} * {actor} changed a message to: {content}"),
        }
    }

    /// A room in the list.
    pub fn room(&self, room: &Room, open: bool) -> String {
        let marker = if open { '>' } else { ' ' };
        let unread = if room.unread_count > 0 { format!(", {} unread", room.unread_count) } else { String::new() };
        let last =
            room.last_message.as_ref().map(|entry| format!("  {}", self.time(entry.sent_at))).unwrap_or_default();
        let details = self.style.dim(&format!("{} members{unread}{last}", room.member_count));
        format!("{marker} {}  {details}", terminal::line(&room.name))
    }

    fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%H:%M").to_string()
    }
}

#[cfg(test)]
mod tests {
    use chat_protocol::{ClientMessageId, Member, MessageId, RoomId, UserId};

    use super::*;

    #[test]
    fn entries_show_who_what_and_when() {
        let view = View { style: Style::plain(), zone: TimeZone::UTC };
        let bob = Member { user_id: UserId::generate(), nickname: "bob".into() };
        let mut entry = Entry {
            message_id: MessageId::generate(),
            room_id: RoomId::generate(),
            seq: 1,
            number: 1,
            sender_id: UserId::generate(),
            sender_nickname: "ali\x1bce".into(),
            client_message_id: ClientMessageId::generate(),
            entry_type: EntryType::Text,
            content: "hi\x1b[2J\nthere".into(),
            members: vec![bob],
            sent_at: Timestamp::UNIX_EPOCH,
            reply_to: None,
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
        };
        assert_eq!(view.entry(&entry, Mark::Persisted), "[00:00] ali␛ce: hi␛[2J\n        there ✓✓");
        entry.entry_type = EntryType::SystemInvite;
        assert_eq!(view.entry(&entry, Mark::None), "[00:00] * ali␛ce invited bob");
    }
}
