//! What can be done about a dead letter, by the kind of its failure.

/// Why a record failed, as far as the reason tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// JSON of a type that the service does not know.
    UnknownType,
    /// A version that the service does not know.
    UnknownVersion,
    /// The key is not the room: the record is in the wrong partition.
    WrongKey,
    /// PostgreSQL refuses the data.
    Database,
    /// Not JSON, or not of this shape.
    Unreadable,
    /// Nothing that this program knows.
    Other,
}

impl Fault {
    /// From the texts that the services write.
    pub fn of(reason: &str) -> Self {
        let says = |part: &str| reason.contains(part);
        if says("schema version") {
            Self::UnknownVersion
        } else if says("unknown variant") {
            Self::UnknownType
        } else if reason.contains("key is not the") {
            Self::WrongKey
        } else if reason.starts_with("PostgreSQL:") {
            Self::Database
        } else if says(" at line ") || says("EOF while") || says("without an entry") || says("entry without seq") {
            Self::Unreadable
        } else if says("of another room") {
            Self::WrongKey
        } else {
            Self::Other
        }
    }

    /// What to do, in a few lines.
    pub fn advice(self) -> &'static str {
        match self {
            Self::UnknownType | Self::UnknownVersion => {
                "The producer is of another version than the service that failed. Upgrade the service, then replay."
            }
            Self::WrongKey => {
                "The producer chose the wrong key, which decides partition and order; a replay keeps it and fails again.\n\
                 Correct the producer and let it send anew, then discard."
            }
            Self::Database => {
                "PostgreSQL refused the data. If a constraint or migration is at fault, correct it, then replay.\n\
                 If the data are at fault, discard."
            }
            Self::Unreadable => {
                "The bytes are nothing that this topic carries, and stay so: a replay fails again.\n\
                 Find out who produced them, then discard."
            }
            Self::Other => {
                "No failure that this version of chatctl knows. If its cause is gone, replay: what is stored already\n\
                 is recognised and changes nothing. Otherwise discard."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_of_the_services_are_recognised() {
        let not_json = serde_json::from_str::<serde_json::Value>("{broken").unwrap_err().to_string();
        let missing = serde_json::from_str::<chat_protocol::Command>("{}").unwrap_err().to_string();
        for (reason, fault) in [
            (format!("not a command: {not_json}"), Fault::Unreadable),
            (missing, Fault::Unreadable),
            ("EOF while parsing a value at line 1 column 0".to_owned(), Fault::Unreadable),
            ("not a command: unknown variant `Dance`, expected one of".to_owned(), Fault::UnknownType),
            ("schema version 9 is not supported".to_owned(), Fault::UnknownVersion),
            ("schema version 9, this service knows 1".to_owned(), Fault::UnknownVersion),
            ("the record's key is not the command's room".to_owned(), Fault::WrongKey),
            ("the key is not the room's id".to_owned(), Fault::WrongKey),
            ("the entry is of another room".to_owned(), Fault::WrongKey),
            ("PostgreSQL: new row violates check constraint (23514)".to_owned(), Fault::Database),
            ("an entry without seq".to_owned(), Fault::Unreadable),
            ("a message without an entry".to_owned(), Fault::Unreadable),
            (String::new(), Fault::Other),
        ] {
            assert_eq!(Fault::of(&reason), fault, "{reason}");
        }
    }
}
