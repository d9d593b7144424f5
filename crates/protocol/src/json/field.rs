//! What a field may be. A refusal says what it must be, and never repeats a value: it may be long, or not for logs.

use serde::Deserialize;
use serde_json::Value;

use super::{JsonError, Object, Path};
use crate::{
    entry::EntryType,
    frame::RoomCursor,
    id::{ClientMessageId, MessageId, RoomId},
};

/// A type that a field can have.
pub trait Field: Sized {
    /// Completes "it must be …".
    const EXPECTED: &'static str;

    /// Reads the value that stands at `path`.
    fn read(value: Value, path: Path<'_>) -> Result<Self, JsonError>;
}

/// What a value is, for refusals.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "another number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn wrong<T: Field>(value: &Value, path: Path<'_>) -> JsonError {
    JsonError(format!("{path} must be {}, not {}", T::EXPECTED, kind(value)))
}

impl Field for String {
    const EXPECTED: &'static str = "a string";

    fn read(value: Value, path: Path<'_>) -> Result<Self, JsonError> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(wrong::<Self>(&other, path)),
        }
    }
}

macro_rules! scalar_fields {
    ($($type:ty, $expected:literal, $get:expr;)*) => {$(
        impl Field for $type {
            const EXPECTED: &'static str = $expected;

            fn read(value: Value, path: Path<'_>) -> Result<Self, JsonError> {
                let get: fn(&Value) -> Option<$type> = $get;
                get(&value).ok_or_else(|| wrong::<Self>(&value, path))
            }
        }
    )*};
}

scalar_fields! {
    bool, "true or false", Value::as_bool;
    i64, "an integer from -9223372036854775808 to 9223372036854775807", Value::as_i64;
    u64, "an integer from 0 to 18446744073709551615", Value::as_u64;
    u32, "an integer from 0 to 4294967295", |value| value.as_u64().and_then(|number| number.try_into().ok());
}

macro_rules! text_fields {
    ($($type:ty, $expected:literal;)*) => {$(
        impl Field for $type {
            const EXPECTED: &'static str = $expected;

            fn read(value: Value, path: Path<'_>) -> Result<Self, JsonError> {
                match <$type>::deserialize(&value) {
                    Ok(read) => Ok(read),
                    Err(_) if value.is_string() => Err(JsonError(format!("{path} must be {}", Self::EXPECTED))),
                    Err(_) => Err(wrong::<Self>(&value, path)),
                }
            }
        }
    )*};
}

text_fields! {
    RoomId, "a UUID";
    MessageId, "a UUID";
    ClientMessageId, "a UUID, an integer of 64 bits, or 1 to 64 characters of A-Z a-z 0-9 - _ . : @ / + = ~";
    EntryType, "TEXT or IMAGE";
}

impl Field for RoomCursor {
    const EXPECTED: &'static str = "an object with roomId";

    fn read(value: Value, path: Path<'_>) -> Result<Self, JsonError> {
        let mut object = Object::inside(value, path)?;
        Ok(Self {
            room_id: object.required("roomId")?,
            after: object.optional("after")?,
            presence: object.optional("presence")?.unwrap_or_default(),
        })
    }
}

impl<T: Field> Field for Vec<T> {
    const EXPECTED: &'static str = "an array";

    fn read(value: Value, path: Path<'_>) -> Result<Self, JsonError> {
        match value {
            Value::Array(values) => {
                let element = |(index, value)| T::read(value, Path::Index(&path, index));
                values.into_iter().enumerate().map(element).collect()
            }
            other => Err(wrong::<Self>(&other, path)),
        }
    }
}
