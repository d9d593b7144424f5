//! What can be broken: the parts of the system, alone, in pairs, all of one kind; and the links between them.

use std::{fmt, str::FromStr};

use clap::ValueEnum;

/// A part of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Component {
    WsGateway,
    Persister,
    Broadcaster,
    Notifier,
    ReadReceipt,
    Kafka,
    Redis,
    Postgres,
}

impl Component {
    pub const ALL: [Self; 8] = [
        Self::WsGateway,
        Self::Persister,
        Self::Broadcaster,
        Self::Notifier,
        Self::ReadReceipt,
        Self::Kafka,
        Self::Redis,
        Self::Postgres,
    ];

    /// Its name on the command line, of its binary, and of its process in the stack.
    pub fn name(self) -> &'static str {
        match self {
            Self::WsGateway => "ws-gateway",
            Self::Persister => "persister",
            Self::Broadcaster => "broadcaster",
            Self::Notifier => "notifier",
            Self::ReadReceipt => "read-receipt",
            Self::Kafka => "kafka",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }

    /// Kafka, Redis, PostgreSQL: one of each, kept by the stack.
    pub fn is_infra(self) -> bool {
        matches!(self, Self::Kafka | Self::Redis | Self::Postgres)
    }

    /// A service that takes records from Kafka.
    pub fn is_consumer(self) -> bool {
        !self.is_infra() && self != Self::WsGateway
    }

    /// What it talks to, and who talks to it.
    pub fn links(self) -> &'static [Link] {
        match self {
            Self::WsGateway => &[Link::Kafka, Link::Redis, Link::Postgres, Link::Clients],
            Self::Persister => &[Link::Kafka, Link::Postgres],
            Self::Broadcaster => &[Link::Kafka, Link::Redis],
            Self::Notifier | Self::ReadReceipt => &[Link::Kafka, Link::Redis, Link::Postgres],
            Self::Kafka | Self::Redis | Self::Postgres => &[],
        }
    }
}

/// A link of a service, which can be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Link {
    Kafka,
    Redis,
    Postgres,
    /// Those that connect to a gateway
    Clients,
}

impl Link {
    pub fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::Clients => "clients",
        }
    }

    /// The link from everybody to a store.
    pub fn to(component: Component) -> Option<Self> {
        match component {
            Component::Kafka => Some(Self::Kafka),
            Component::Redis => Some(Self::Redis),
            Component::Postgres => Some(Self::Postgres),
            _ => None,
        }
    }
}

/// What a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One instance.
    One(Component),
    /// One instance of each, at once.
    Pair(Component, Component),
    /// Every gateway at once: all clients have to come back together.
    AllGateways,
}

const ALL_GATEWAYS: &str = "all-gateways";

impl Subject {
    /// What is hit without a choice. The pairs are those that cover for each other: Kafka keeps what PostgreSQL cannot take, the database's head
    /// is what fills in for Redis and the broadcaster, and unacknowledged sends need a gateway that remembers or a persister that dedupes.
    pub fn all() -> impl Iterator<Item = Self> {
        use Component::{Broadcaster, Kafka, Persister, Postgres, Redis, WsGateway};
        let pairs = [
            Self::Pair(Kafka, Postgres),
            Self::Pair(Kafka, Redis),
            Self::Pair(Postgres, Redis),
            Self::Pair(Persister, Broadcaster),
            Self::Pair(WsGateway, Persister),
            Self::AllGateways,
        ];
        Component::ALL.into_iter().map(Self::One).chain(pairs)
    }

    pub fn components(self) -> Vec<Component> {
        match self {
            Self::One(component) => vec![component],
            Self::Pair(first, second) => vec![first, second],
            Self::AllGateways => vec![Component::WsGateway],
        }
    }

    pub fn contains(self, component: Component) -> bool {
        self.components().contains(&component)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(component) => f.pad(component.name()),
            Self::Pair(first, second) => f.pad(&format!("{}+{}", first.name(), second.name())),
            Self::AllGateways => f.pad(ALL_GATEWAYS),
        }
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let component = |name: &str| {
            Component::ALL.into_iter().find(|it| it.name() == name).ok_or_else(|| {
                let names = Component::ALL.map(Component::name).join(", ");
                format!("there is no {name:?}: take one of {names}, two of them as kafka+postgres, or {ALL_GATEWAYS}")
            })
        };
        match text.split_once('+') {
            _ if text == ALL_GATEWAYS => Ok(Self::AllGateways),
            None => Ok(Self::One(component(text)?)),
            Some((first, second)) if first == second => Err(format!("{first} twice is no pair: name two")),
            Some((first, second)) => Ok(Self::Pair(component(first)?, component(second)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_as_it_is_written() {
        for subject in Subject::all() {
            assert_eq!(subject.to_string().parse(), Ok(subject));
        }
        assert!("kafka+".parse::<Subject>().unwrap_err().contains("kafka+postgres"));
        assert!("kafka+kafka".parse::<Subject>().is_err());
    }

    #[test]
    fn every_name_on_the_command_line_is_the_one_in_the_table() {
        for component in Component::ALL {
            assert_eq!(component.to_possible_value().unwrap().get_name(), component.name());
        }
        for link in Link::value_variants() {
            assert_eq!(link.to_possible_value().unwrap().get_name(), link.name());
        }
    }
}
