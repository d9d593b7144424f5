//! Identifiers. All are UUID strings on the wire; a newtype each, so that they cannot be mixed up.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type},
    },
};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new time-ordered id (UUIDv7).
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(s).map(Self)
            }
        }
    };
}

uuid_id!(
    /// A conversation, direct or group. Kafka key of everything that happens in it.
    RoomId
);
uuid_id!(
    /// A person with an account.
    UserId
);
uuid_id!(
    /// A timeline entry, for its whole life.
    MessageId
);
uuid_id!(
    /// One WebSocket connection, or one REST call that waits for an outcome.
    SessionId
);
uuid_id!(
    /// One run of one ws-gateway process; a restart gets a new one.
    GatewayId
);

/// Name space of direct rooms' ids (a fixed random UUID of this project).
const DIRECT_ROOMS: Uuid = Uuid::from_u128(0x6f1c_7a52_1d0e_4b7b_9c53_2a8e_5f64_d0c1);

/// Name space of users whom an identity provider knows (a fixed random UUID of this project).
const EXTERNAL_USERS: Uuid = Uuid::from_u128(0x2b8e_05d4_93c7_4f1a_8e66_7d31_b0a9_5c24);

impl UserId {
    /// The user of an identity provider's subject: UUIDv5 over both, so that every gateway gives the same one without asking, and no provider
    /// can name the id of a user that is not its own.
    pub fn of_subject(issuer: &str, subject: &str) -> Self {
        // An issuer is a URL, which holds no line feed.
        Self(Uuid::new_v5(&EXTERNAL_USERS, format!("{issuer}\n{subject}").as_bytes()))
    }
}

impl RoomId {
    /// The one direct room of two users: UUIDv5 over the sorted pair, so that whoever creates it first, and however often,
    /// it is the same room on the same Kafka partition.
    pub fn direct(a: UserId, b: UserId) -> Self {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let mut name = [0; 32];
        name[..16].copy_from_slice(low.0.as_bytes());
        name[16..].copy_from_slice(high.0.as_bytes());
        Self(Uuid::new_v5(&DIRECT_ROOMS, &name))
    }
}

/// Name space of groups' ids (a fixed random UUID of this project).
const GROUP_ROOMS: Uuid = Uuid::from_u128(0x0d7e_94c3_5b28_4f61_8b1a_c4f2_93d5_7e06);

impl RoomId {
    /// The group that a user creates under an id of its own: UUIDv5 over both, so that a repeat finds the same room.
    pub fn group(creator: UserId, client_message_id: &ClientMessageId) -> Self {
        let mut name = creator.0.as_bytes().to_vec();
        name.extend_from_slice(client_message_id.as_stored().as_bytes());
        Self(Uuid::new_v5(&GROUP_ROOMS, &name))
    }
}

/// The sender's own id of a send, unique per room and sender: what makes a retry safe.
///
/// Usually a UUID string. Existing clients send numbers or other short strings; those are accepted and returned as sent. A number
/// is stored with a leading `#`, which no string id may have, so that `5` and `"5"` stay different ids.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientMessageId(String);

impl PartialSchema for ClientMessageId {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9._:@/+=~-]{1,64}$"));
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(i64::MIN))
            .maximum(Some(i64::MAX));
        let either = OneOfBuilder::new().item(text).item(number);
        either
            .description(Some("The sender's own id of a send: a UUID, an integer or a short string; returned as sent."))
            .into()
    }
}

impl ToSchema for ClientMessageId {}

impl ClientMessageId {
    /// Longest accepted id, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// A new random id.
    pub fn generate() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    /// Takes the stored form (as from [`Self::as_stored`]).
    pub fn from_stored(stored: String) -> Self {
        Self(stored)
    }

    /// The form under which it is stored and compared.
    pub fn as_stored(&self) -> &str {
        &self.0
    }

    /// Takes an id a client sent as a string.
    pub fn parse(s: &str) -> Result<Self, InvalidClientMessageId> {
        let fits = !s.is_empty() && s.len() <= Self::MAX_BYTES;
        let plain = s.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:@/+=~".contains(&b));
        if fits && plain { Ok(Self(s.to_owned())) } else { Err(InvalidClientMessageId) }
    }
}

/// Why a client message id was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("clientMessageId must be a UUID, an integer, or 1 to 64 characters of A-Z a-z 0-9 - _ . : @ / + = ~")]
pub struct InvalidClientMessageId;

impl fmt::Display for ClientMessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.strip_prefix('#').unwrap_or(&self.0))
    }
}

impl fmt::Debug for ClientMessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ClientMessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.strip_prefix('#').map(str::parse::<i64>) {
            Some(Ok(number)) => serializer.serialize_i64(number),
            _ => serializer.serialize_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for ClientMessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = ClientMessageId;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a clientMessageId: a UUID, an integer or a short string")
            }
            fn visit_str<E: de::Error>(self, s: &str) -> Result<Self::Value, E> {
                ClientMessageId::parse(s).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Self::Value, E> {
                Ok(ClientMessageId(format!("#{n}")))
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Self::Value, E> {
                i64::try_from(n).map_err(|_| E::custom(InvalidClientMessageId)).and_then(|n| self.visit_i64(n))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direct_room_is_the_same_whoever_asks() {
        let (a, b, c) = (UserId::generate(), UserId::generate(), UserId::generate());
        assert_eq!(RoomId::direct(a, b), RoomId::direct(b, a));
        assert_ne!(RoomId::direct(a, b), RoomId::direct(a, c));
    }

    #[test]
    fn a_group_created_again_under_the_same_id_is_the_same_group() {
        let (a, b) = (UserId::generate(), UserId::generate());
        let id = |id: &str| ClientMessageId::parse(id).unwrap();
        assert_eq!(RoomId::group(a, &id("g-1")), RoomId::group(a, &id("g-1")));
        assert_ne!(RoomId::group(a, &id("g-1")), RoomId::group(a, &id("g-2")));
        assert_ne!(RoomId::group(a, &id("g-1")), RoomId::group(b, &id("g-1")));
    }

    #[test]
    fn a_client_message_id_is_returned_as_sent() {
        for sent in [r#""0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d11""#, "42", "-7", r#""42""#, r#""local_12""#] {
            let id: ClientMessageId = serde_json::from_str(sent).unwrap();
            assert_eq!(serde_json::to_string(&id).unwrap(), sent);
            let stored = ClientMessageId::from_stored(id.as_stored().to_owned());
            assert_eq!(serde_json::to_string(&stored).unwrap(), sent);
        }
    }

    #[test]
    fn a_bad_client_message_id_is_refused() {
        let long = format!("\"{}\"", "x".repeat(65));
        for sent in ["\"\"", "\"#5\"", "\"a b\"", "\"a\\u0000\"", "null", "1.5", "18446744073709551615", "{}", &long] {
            assert!(serde_json::from_str::<ClientMessageId>(sent).is_err(), "{sent}");
        }
    }
}
