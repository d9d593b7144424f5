//! What a STOMP destination means. The templates are configuration, so that front ends of different Spring back ends find theirs.

use chat_protocol::{ErrorCode, Rejection, RoomId, limits};
use chat_service::{ConfigError, Validate};
use serde::{Deserialize, Serialize};

use super::template::Template;
use crate::hub::Feed;

/// Section `[stomp]`: templates, several per meaning, and limits.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StompConfig {
    /// SEND a message. Templates of SEND may hold `{roomId}`; the body then needs none.
    pub send_message: Vec<String>,
    /// SEND the new text of a message.
    pub send_edit: Vec<String>,
    /// SEND the end of a message.
    pub send_delete: Vec<String>,
    /// SEND a reaction, or take it back.
    pub send_react: Vec<String>,
    /// SEND a read mark.
    pub send_read: Vec<String>,
    /// SEND that one is typing.
    pub send_typing: Vec<String>,
    /// SEND what this server has no use for: taken, and nothing happens.
    pub send_ignored: Vec<String>,
    /// SUBSCRIBE a room's timeline. Templates of rooms hold `{roomId}`.
    pub room: Vec<String>,
    /// SUBSCRIBE a room's read marks.
    pub room_read: Vec<String>,
    /// SUBSCRIBE who is typing in a room.
    pub room_typing: Vec<String>,
    /// SUBSCRIBE who of a room is online.
    pub room_presence: Vec<String>,
    /// SUBSCRIBE one's own sends that are durable.
    pub queue_ack: Vec<String>,
    /// SUBSCRIBE one's own sends that are committed.
    pub queue_persisted: Vec<String>,
    /// SUBSCRIBE what was refused.
    pub queue_errors: Vec<String>,
    /// SUBSCRIBE news of other rooms.
    pub queue_notifications: Vec<String>,
    /// SUBSCRIBE one's own read marks in rooms that are not open.
    pub queue_read: Vec<String>,
    /// SUBSCRIBE the end of the session.
    pub queue_session: Vec<String>,
    /// Heart-beat offered and wanted, in milliseconds.
    pub heart_beat_ms: u32,
    /// Header lines of one frame.
    pub max_headers: usize,
    /// Length of one header line.
    pub max_header_line_bytes: usize,
    /// Length of one frame.
    pub max_frame_bytes: usize,
}

impl Validate for StompConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        Destinations::new(self)?;
        let limits = [
            ("stomp.max_headers", self.max_headers, 1_024),
            ("stomp.max_header_line_bytes", self.max_header_line_bytes, self.max_frame_bytes),
            ("stomp.max_frame_bytes", self.max_frame_bytes, limits::WS_MESSAGE_BYTES),
        ];
        for (key, value, most) in limits {
            if value == 0 || value > most {
                return Err(ConfigError::invalid(key, format!("must be 1 to {most}")));
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
    /// One's own read marks in rooms that are not open.
    Read,
    /// The end of the session.
    Session,
}

/// What a SEND asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendTo {
    /// A message.
    Message,
    /// A new text of a message.
    Edit,
    /// The end of a message.
    Delete,
    /// A reaction, or its end.
    React,
    /// A read mark.
    Read,
    /// Typing, or stopped.
    Typing,
    /// Nothing.
    Ignored,
}

/// What a SUBSCRIBE wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeTo {
    /// Something of a room.
    Room(RoomId, Feed),
    /// One's own queue.
    Queue(Queue),
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Room(Feed),
    Queue(Queue),
}

/// The templates, ready to be compared with.
#[derive(Debug)]
pub struct Destinations {
    sends: Vec<(Template, SendTo)>,
    sources: Vec<(Template, Source)>,
}

/// Whether a list's templates hold `{roomId}`.
#[derive(PartialEq, Eq)]
enum Hole {
    Must,
    May,
    MustNot,
}

impl Destinations {
    /// Reads the templates. No destination may have two meanings.
    pub fn new(config: &StompConfig) -> Result<Self, ConfigError> {
        let sends = templates([
            ("stomp.send_message", &config.send_message, Hole::May, SendTo::Message),
            ("stomp.send_edit", &config.send_edit, Hole::May, SendTo::Edit),
            ("stomp.send_delete", &config.send_delete, Hole::May, SendTo::Delete),
            ("stomp.send_react", &config.send_react, Hole::May, SendTo::React),
            ("stomp.send_read", &config.send_read, Hole::May, SendTo::Read),
            ("stomp.send_typing", &config.send_typing, Hole::May, SendTo::Typing),
            ("stomp.send_ignored", &config.send_ignored, Hole::May, SendTo::Ignored),
        ])?;
        let sources = templates([
            ("stomp.room", &config.room, Hole::Must, Source::Room(Feed::TIMELINE)),
            ("stomp.room_read", &config.room_read, Hole::Must, Source::Room(Feed::READ)),
            ("stomp.room_typing", &config.room_typing, Hole::Must, Source::Room(Feed::TYPING)),
            ("stomp.room_presence", &config.room_presence, Hole::Must, Source::Room(Feed::PRESENCE)),
            ("stomp.queue_ack", &config.queue_ack, Hole::MustNot, Source::Queue(Queue::Ack)),
            ("stomp.queue_persisted", &config.queue_persisted, Hole::MustNot, Source::Queue(Queue::Persisted)),
            ("stomp.queue_errors", &config.queue_errors, Hole::MustNot, Source::Queue(Queue::Errors)),
            (
                "stomp.queue_notifications",
                &config.queue_notifications,
                Hole::MustNot,
                Source::Queue(Queue::Notifications),
            ),
            ("stomp.queue_read", &config.queue_read, Hole::MustNot, Source::Queue(Queue::Read)),
            ("stomp.queue_session", &config.queue_session, Hole::MustNot, Source::Queue(Queue::Session)),
        ])?;
        Ok(Self { sends, sources })
    }

    /// The meaning of a SEND's destination, and the room it names.
    pub fn send_to(&self, destination: &str) -> Option<(SendTo, Option<RoomId>)> {
        self.sends.iter().find_map(|(template, meaning)| Some((*meaning, template.fit(destination)?.room_id)))
    }

    /// The meaning of a SUBSCRIBE's destination.
    pub fn subscribe_to(&self, destination: &str) -> Result<SubscribeTo, Rejection> {
        let found =
            self.sources.iter().find_map(|(template, source)| match (source, template.fit(destination)?.room_id) {
                (Source::Room(feed), Some(room_id)) => Some(SubscribeTo::Room(room_id, *feed)),
                (Source::Room(_), None) => None,
                (Source::Queue(queue), _) => Some(SubscribeTo::Queue(*queue)),
            });
        found.ok_or_else(|| no_source(destination))
    }
}

fn no_source(destination: &str) -> Rejection {
    if destination.contains('*') {
        return Rejection::new(ErrorCode::NotFound, "wildcards are not supported: subscribe each room");
    }
    // `/user/{name}/queue/…` is how Spring names another user's.
    if destination.starts_with("/user/") && !destination.starts_with("/user/queue/") {
        return Rejection::new(ErrorCode::Forbidden, "queues of other users cannot be subscribed: use /user/queue/…");
    }
    Rejection::new(ErrorCode::NotFound, "there is no such destination to subscribe to")
}

fn templates<const N: usize, T: Copy>(
    lists: [(&'static str, &Vec<String>, Hole, T); N],
) -> Result<Vec<(Template, T)>, ConfigError> {
    let mut found: Vec<(&str, Template, T)> = Vec::new();
    for (key, texts, hole, meaning) in lists {
        if texts.is_empty() && key != "stomp.send_ignored" {
            return Err(ConfigError::invalid(key, "must name at least one template"));
        }
        for text in texts {
            let wrong = |why: &str| ConfigError::invalid(key, format!("{why}: \"{text}\""));
            let template = Template::parse(text).map_err(wrong)?;
            match (&hole, template.has_room()) {
                (Hole::Must, false) => return Err(wrong("must hold {roomId} in every template")),
                (Hole::MustNot, true) => return Err(wrong("must not hold {roomId}")),
                _ => {}
            }
            if let Some((other, ..)) = found.iter().find(|(_, other, _)| other.overlaps(&template)) {
                return Err(wrong(&format!("must not have a destination in common with {other}")));
            }
            found.push((key, template, meaning));
        }
    }
    Ok(found.into_iter().map(|(_, template, meaning)| (template, meaning)).collect())
}

#[cfg(test)]
#[path = "destination_tests.rs"]
mod tests;
