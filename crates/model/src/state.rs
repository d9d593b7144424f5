//! One moment of the system: one room, one partition of each topic.

use crate::{Faults, group::Group, room::Room};

/// What a client wants done; it stands for its `clientMessageId`, too: the same command is the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Command {
    /// A message.
    Message(u8),
    /// Removes [`Client::KICKED`] from the room: an entry like any other.
    Kick,
}

/// A row of the timeline, and the event that tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry {
    /// Its place.
    pub seq: usize,
    /// What was executed.
    pub command: Command,
}

/// PostgreSQL: the timeline, and the room's row with the last seq given out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Database {
    /// In the order of their commits.
    pub rows: Vec<Entry>,
    /// `rooms.head_seq`.
    pub head: usize,
}

impl Database {
    /// The row of a command executed before.
    pub fn find(&self, command: Command) -> Option<Entry> {
        self.rows.iter().copied().find(|row| row.command == command)
    }

    /// The entry that ended the membership of [`Client::KICKED`].
    pub fn kick(&self) -> Option<Entry> {
        self.find(Command::Kick)
    }
}

/// What a persister has in hand: the steps between which it may freeze, lose its partition, or die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Persisting {
    /// Read from `chat-messages`.
    Taken,
    /// It looked for a repeat before it had the lock ([`crate::Dedupe::BeforeLock`]).
    Looked {
        /// What it found.
        repeat: bool,
    },
    /// Committed in the database; the event to produce, if any.
    Stored(Option<Entry>),
    /// Kafka acknowledged the event.
    Produced,
}

/// What a broadcaster has in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Broadcasting {
    /// Read from `chat-events`.
    Taken,
    /// Redis took it.
    Published,
}

/// Where a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// Nowhere: not yet, or no longer.
    Away,
    /// At a gateway, subscribed or about to be.
    At(usize),
    /// Told that it is not a member.
    Removed,
    /// Told that its cursor is beyond the head.
    Refused,
}

/// A client that reads the room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Client {
    /// Where it is.
    pub link: Link,
    /// The seq after which its screen begins: told by its first subscription.
    pub start: Option<usize>,
    /// What it was shown, over all connections.
    pub screen: Vec<Entry>,
    /// How much of that came before the connection it has.
    pub before: usize,
}

impl Client {
    /// The one whose membership a kick ends.
    pub const KICKED: usize = 1;

    /// The last seq it has: what it resumes from.
    pub fn cursor(&self) -> Option<usize> {
        self.screen.last().map(|entry| entry.seq).or(self.start)
    }
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct System {
    /// How many commands of the script were sent for the first time.
    pub sent: usize,
    /// `chat-messages`.
    pub commands: Vec<Command>,
    /// Who reads it.
    pub persisters: Group<Persisting>,
    /// PostgreSQL.
    pub database: Database,
    /// `chat-events`.
    pub events: Vec<Entry>,
    /// Who reads it.
    pub broadcasters: Group<Broadcasting>,
    /// The room on each gateway.
    pub gateways: Vec<Room>,
    /// Who reads along.
    pub clients: Vec<Client>,
    /// The faults that may still happen.
    pub left: Faults,
}

impl System {
    /// Nothing has happened.
    pub fn new(gateways: usize, clients: usize, faults: Faults) -> Self {
        let client = Client { link: Link::Away, start: None, screen: Vec::new(), before: 0 };
        Self {
            sent: 0,
            commands: Vec::new(),
            persisters: Group::default(),
            database: Database::default(),
            events: Vec::new(),
            broadcasters: Group::default(),
            gateways: vec![Room::default(); gateways],
            clients: vec![client; clients],
            left: faults,
        }
    }

    /// Puts frames on the screens, and ends what the room ended.
    pub fn show(&mut self, told: crate::room::Told) {
        for (client, entry) in told.frames {
            self.clients[client].screen.push(entry);
        }
        for client in told.removed {
            self.clients[client].link = Link::Removed;
        }
    }
}
