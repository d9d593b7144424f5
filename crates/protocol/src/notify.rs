//! What a member wants to be told of a room, and who is mentioned in a text.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::id::UserId;

/// What of a room a member is notified of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum NotifyLevel {
    /// Every message.
    #[default]
    All,
    /// Messages that mention the member.
    Mentions,
    /// Nothing.
    None,
}

impl NotifyLevel {
    /// Every level, the loudest first.
    pub const ALL: [Self; 3] = [Self::All, Self::Mentions, Self::None];

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Mentions => "MENTIONS",
            Self::None => "NONE",
        }
    }

    /// The inverse of [`Self::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }
}

/// Most people that one message mentions; further ones are not.
pub const MENTIONS_MAX: usize = 20;

/// Characters of a UUID.
const ID_CHARS: usize = 36;

/// Whom a text mentions: `<@userId>`, because nicknames are not unique. Who of them is a member is not known here.
pub fn mentioned(content: &str) -> BTreeSet<UserId> {
    let mut mentioned = BTreeSet::new();
    for (_, rest) in content.match_indices("<@").map(|(at, token)| content.split_at(at + token.len())) {
        let id = rest.get(..ID_CHARS).filter(|_| rest[ID_CHARS..].starts_with('>'));
        if let Some(Ok(id)) = id.map(Uuid::try_parse) {
            mentioned.insert(UserId(id));
        }
        if mentioned.len() == MENTIONS_MAX {
            break;
        }
    }
    mentioned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_is_an_id_between_its_brackets() {
        let (alice, bob) = (UserId::generate(), UserId::generate());
        for (text, expected) in [
            (format!("<@{alice}> look, and you <@{bob}>, and you <@{alice}>"), vec![alice, bob]),
            (format!("안녕<@{alice}>가"), vec![alice]),
            (format!("<<@<@{alice}>>"), vec![alice]),
            (format!("@{alice} <{alice}> <@ {alice}> <@{alice} <@{alice}x>"), vec![]),
            ("<@가가가가가가가가가가가가가>".to_owned(), vec![]),
            ("<@".to_owned(), vec![]),
            (format!("<@{}>", "x".repeat(36)), vec![]),
        ] {
            assert_eq!(mentioned(&text), expected.into_iter().collect(), "{text}");
        }
    }

    #[test]
    fn one_message_mentions_so_many_and_no_more() {
        let crowd = (0..30).map(|n| format!("<@{}>", Uuid::from_u128(n))).collect::<Vec<_>>().concat();
        let expected = (0..20).map(|n| UserId(Uuid::from_u128(n))).collect();
        assert_eq!(mentioned(&crowd), expected);
    }

    #[test]
    fn levels_are_called_as_in_the_database() {
        for level in NotifyLevel::ALL {
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
            assert_eq!(NotifyLevel::parse(level.as_str()), Some(level));
        }
    }
}
