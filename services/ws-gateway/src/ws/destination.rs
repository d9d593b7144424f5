//! What a STOMP destination means. The templates are configuration, so that front ends of different Spring backends find theirs.

use chat_protocol::RoomId;
use chat_service::{ConfigError, Validate};
use serde::{Deserialize, Serialize};

/// Section `[stomp]`: templates, several per meaning.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StompConfig {
    /// SEND a message.
    pub send_message: Vec<String>,
    /// SEND a read mark.
    pub send_read: Vec<String>,
    /// SUBSCRIBE a room's timeline; holds `{roomId}`.
    pub room: Vec<String>,
    /// SUBSCRIBE a room's read marks; holds `{roomId}`.
    pub room_read: Vec<String>,
    /// SUBSCRIBE one's own queues; holds `{queue}`.
    pub user_queue: Vec<String>,
    /// Heart-beat offered and wanted, in milliseconds.
    pub heart_beat_ms: u32,
}

impl Validate for StompConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        let lists = [
            ("stomp.room", &self.room, "{roomId}"),
            ("stomp.room_read", &self.room_read, "{roomId}"),
            ("stomp.user_queue", &self.user_queue, "{queue}"),
        ];
        for (key, templates, hole) in lists {
            if templates.iter().any(|template| template.matches(hole).count() != 1) {
                return Err(ConfigError::invalid(key, format!("every template must hold {hole} once")));
            }
        }
        Ok(())
    }
}

/// A user's own queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Sends that are durable.
    Ack,
    /// Sends that are committed.
    Persisted,
    /// Sends that were refused.
    Errors,
    /// News of other rooms.
    Notifications,
    /// The end of the session.
    Session,
}

impl Queue {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "ack" => Self::Ack,
            "persisted" => Self::Persisted,
            "errors" => Self::Errors,
            "notifications" => Self::Notifications,
            "session" => Self::Session,
            _ => return None,
        })
    }
}

/// Where a SEND goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendTo {
    /// A message.
    Message,
    /// A read mark.
    Read,
}

/// What a SUBSCRIBE wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeTo {
    /// A room's timeline.
    Room(RoomId),
    /// A room's read marks.
    RoomRead(RoomId),
    /// One's own queue.
    Queue(Queue),
}

impl StompConfig {
    /// The meaning of a SEND's destination.
    pub fn send_to(&self, destination: &str) -> Option<SendTo> {
        let any = |templates: &[String]| templates.iter().any(|template| template == destination);
        if any(&self.send_message) {
            Some(SendTo::Message)
        } else if any(&self.send_read) {
            Some(SendTo::Read)
        } else {
            None
        }
    }

    /// The meaning of a SUBSCRIBE's destination.
    pub fn subscribe_to(&self, destination: &str) -> Option<SubscribeTo> {
        let filled = |templates: &[String], hole| {
            templates.iter().find_map(|template| filling(template, hole, destination).map(str::to_owned))
        };
        // The more special template first: `/sub/chat/room/{roomId}/read` also begins like a room.
        if let Some(room) = filled(&self.room_read, "{roomId}").and_then(|id| id.parse().ok()) {
            return Some(SubscribeTo::RoomRead(room));
        }
        if let Some(room) = filled(&self.room, "{roomId}").and_then(|id| id.parse().ok()) {
            return Some(SubscribeTo::Room(room));
        }
        filled(&self.user_queue, "{queue}").and_then(|name| Queue::parse(&name)).map(SubscribeTo::Queue)
    }
}

/// What stands in the template's hole.
fn filling<'a>(template: &str, hole: &str, destination: &'a str) -> Option<&'a str> {
    let (before, after) = template.split_once(hole)?;
    destination.strip_prefix(before)?.strip_suffix(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_conventions_are_understood() {
        let config: StompConfig = chat_service::config::load_from::<crate::Config>(
            crate::DEFAULTS,
            None,
            [("CHAT__AUTH__SECRET".to_owned(), "x".repeat(32))],
        )
        .unwrap()
        .service
        .stomp;
        let room = RoomId::generate();
        for (destination, meaning) in [
            (format!("/sub/chat/room/{room}"), Some(SubscribeTo::Room(room))),
            (format!("/topic/room.{room}"), Some(SubscribeTo::Room(room))),
            (format!("/sub/chat/room/{room}/read"), Some(SubscribeTo::RoomRead(room))),
            (format!("/topic/room.{room}.read"), Some(SubscribeTo::RoomRead(room))),
            ("/user/queue/ack".to_owned(), Some(SubscribeTo::Queue(Queue::Ack))),
            ("/user/queue/secrets".to_owned(), None),
            ("/user/someone/queue/ack".to_owned(), None),
            ("/sub/chat/room/*".to_owned(), None),
            (format!("/sub/chat/room/{room}/../x"), None),
        ] {
            assert_eq!(config.subscribe_to(&destination), meaning, "{destination}");
        }
        assert_eq!(config.send_to("/pub/chat/message"), Some(SendTo::Message));
        assert_eq!(config.send_to("/app/chat.send"), Some(SendTo::Message));
        assert_eq!(config.send_to(&format!("/sub/chat/room/{room}")), None);
    }
}
