//! Kafka topics: names, keys, who produces and who consumes.
//!
//! | topic | key | value | produced by | consumer groups |
//! | --- | --- | --- | --- | --- |
//! | `chat-messages` | room id | [`crate::Command`] | ws-gateway | persister |
//! | `chat-events` | room id | [`crate::Event`] | persister | broadcaster, notifier |
//! | `chat-read-events` | room id | [`crate::MarkRead`] | ws-gateway | read-receipt, notifier |
//! | `<topic>-dlt` | the original's | the original's bytes, `kafka_dlt-*` headers | the failing consumer | – |
//! | `chat-dlt-log` | `<topic>-dlt:partition:offset` | what was done about that dead letter | `chatctl dlt` | – |

/// Commands.
pub const MESSAGES: &str = "chat-messages";
/// Committed events and outcomes.
pub const EVENTS: &str = "chat-events";
/// Read marks.
pub const READ_EVENTS: &str = "chat-read-events";
/// What operators did about dead letters; compacted, one partition. Not among [`Topics::all`]: no service knows it.
pub const DEAD_LETTER_LOG: &str = "chat-dlt-log";
/// Suffix of a dead-letter topic.
pub const DEAD_LETTER_SUFFIX: &str = "-dlt";
/// Partitions of every topic unless configured otherwise. Changing it later moves rooms between partitions.
pub const DEFAULT_PARTITIONS: i32 = 12;

/// The topics' and groups' names under a prefix (empty in production; tests run side by side with one each).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    prefix: String,
}

impl Topics {
    /// Names starting with `prefix`.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// Commands.
    pub fn messages(&self) -> String {
        self.name(MESSAGES)
    }

    /// Committed events.
    pub fn events(&self) -> String {
        self.name(EVENTS)
    }

    /// Read marks.
    pub fn read_events(&self) -> String {
        self.name(READ_EVENTS)
    }

    /// A consumer group's name: the service's, under the prefix.
    pub fn group(&self, service: &str) -> String {
        self.name(service)
    }

    /// Every topic, dead-letter topics included.
    pub fn all(&self) -> Vec<String> {
        self.sources().into_iter().flat_map(|topic| [dead_letter(&topic), topic]).collect()
    }

    /// The topics that can have dead letters.
    pub fn sources(&self) -> [String; 3] {
        [self.messages(), self.events(), self.read_events()]
    }

    /// What operators did about dead letters.
    pub fn dead_letter_log(&self) -> String {
        self.name(DEAD_LETTER_LOG)
    }

    fn name(&self, base: &str) -> String {
        format!("{}{base}", self.prefix)
    }
}

/// The dead-letter topic of a topic.
pub fn dead_letter(topic: &str) -> String {
    format!("{topic}{DEAD_LETTER_SUFFIX}")
}
