//! JSON from clients, read strictly and in one place: `chat.v1` frames and the bodies of STOMP frames.
//!
//! Beyond the grammar (RFC 8259) a text is refused when it is nested deeper than [`DEPTH`] or says a key of an object twice: parsers
//! disagree on which of the two counts, so that one of them would let through what another refused. Every refusal names the place.

mod field;
mod strict;

use std::fmt;

use serde_json::{Map, Value};

pub use field::Field;

/// Deepest nesting of arrays and objects; the outermost is 1.
pub const DEPTH: usize = 32;

/// Why a text was not taken: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(pub(crate) String);

impl JsonError {
    /// A refusal by a rule of the caller's.
    pub fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

/// Where in a document: written `rooms[3].roomId`. Lives on the stack, so that a good document costs nothing.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The document.
    Root,
    /// A field of an object.
    Key(&'a Path<'a>, &'a str),
    /// An element of an array.
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            // Keys come from the client: a long one is not worth repeating, and a control character must not get into logs.
            Self::Key(parent, key) => {
                let key: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
                match parent {
                    Self::Root => f.write_str(&key),
                    parent => write!(f, "{parent}.{key}"),
                }
            }
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// An object whose fields are taken out one by one. Fields that nobody takes are ignored: clients may say more than is asked.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    fields: Map<String, Value>,
    path: Path<'a>,
}

impl Object<'static> {
    /// Reads a document that must be an object.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        match strict::parse(text)? {
            Value::Object(fields) => Ok(Self { fields, path: Path::Root }),
            other => Err(JsonError(format!("must be a JSON object, not {}", field::kind(&other)))),
        }
    }
}

impl<'a> Object<'a> {
    /// An object inside a document.
    fn inside(value: Value, path: Path<'a>) -> Result<Self, JsonError> {
        match value {
            Value::Object(fields) => Ok(Self { fields, path }),
            other => Err(JsonError(format!("{path} must be an object, not {}", field::kind(&other)))),
        }
    }

    /// A field that must be there.
    pub fn required<T: Field>(&mut self, name: &str) -> Result<T, JsonError> {
        self.optional(name)?.ok_or_else(|| {
            let path = Path::Key(&self.path, name);
            JsonError(format!("{path} is missing: it must be {}", T::EXPECTED))
        })
    }

    /// A field that may be absent, or null.
    pub fn optional<T: Field>(&mut self, name: &str) -> Result<Option<T>, JsonError> {
        match self.fields.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::read(value, Path::Key(&self.path, name)).map(Some),
        }
    }

    /// Whether a field is there.
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::RoomId;

    /// Any document of a moderate depth.
    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(8, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_breaks_no_rule_is_read_as_every_parser_reads_it(document in document()) {
            let text = document.to_string();
            let usual: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(strict::parse(&text).unwrap(), usual);
        }

        #[test]
        fn any_text_is_read_or_refused_in_a_few_words(text in any::<String>()) {
            if let Err(error) = Object::parse(&text) {
                prop_assert!(error.to_string().len() < 200, "{}", error);
            }
        }

        #[test]
        fn whatever_is_taken_out_of_a_document_is_read_or_refused(document in document(), cut in any::<prop::sample::Index>()) {
            let text = document.to_string();
            let mut at = cut.index(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let (usual, ours) = (serde_json::from_str::<Value>(&text[..at]), strict::parse(&text[..at]));
            prop_assert_eq!(usual.ok(), ours.ok());
        }
    }

    fn problem(text: &str) -> String {
        Object::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_an_object_is_refused_with_its_place() {
        for (text, expected) in [
            ("", "line 1 column 0"),
            ("{", "line 1 column 1"),
            ("null", "must be a JSON object, not null"),
            ("[]", "must be a JSON object, not an array"),
            ("{\"a\":1} x", "trailing characters at line 1 column 9"),
            ("{\"a\":NaN}", "line 1 column 6"),
            ("{\"a\":01}", "line 1 column 7"),
            ("{\"a\":1e999}", "number out of range"),
            ("{\"a\":\"\\ud800\"}", "line 1 column"),
            ("{\"\\ud800\":1}", "line 1 column"),
            ("{\"a\":\"\u{1}\"}", "control character"),
            ("{a:1}", "line 1 column 2"),
            ("{\"a\":1,}", "line 1 column 8"),
            ("\u{feff}{}", "line 1 column 1"),
        ] {
            let message = problem(text);
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn a_key_twice_is_refused_at_any_level_and_however_it_is_written() {
        assert!(problem(r#"{"a":1,"b":2,"a":1}"#).contains("a is said twice"), "{}", problem(r#"{"a":1,"a":1}"#));
        assert!(problem(r#"{"x":[0,{"y":{"b":1,"\u0062":2}}]}"#).contains("x[1].y.b is said twice"));
        assert!(Object::parse(r#"{"a":{"k":1},"b":{"k":1}}"#).is_ok(), "the same key in two objects");
    }

    #[test]
    fn depth_is_limited_and_the_limit_itself_fits() {
        let nested = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(Object::parse(&nested(DEPTH)).is_ok());
        assert!(problem(&nested(DEPTH + 1)).contains("deeper than 32"));
        assert!(problem(&"{\"a\":".repeat(10_000)).contains("deeper than 32"));
        assert!(problem(&"[".repeat(60_000)).contains("deeper than 32"));
    }

    #[test]
    fn a_field_is_named_with_what_it_must_be() {
        let mut object = Object::parse(r#"{"seq":"5","roomId":null,"more":{"x":1}}"#).unwrap();
        let message = |error: JsonError| error.to_string();
        let seq = object.required::<i64>("seq").map_err(message).unwrap_err();
        assert!(seq.starts_with("seq must be an integer") && seq.ends_with("not a string"), "{seq}");
        assert_eq!(
            object.required::<RoomId>("roomId").map_err(message).unwrap_err(),
            "roomId is missing: it must be a UUID"
        );
        assert_eq!(object.optional::<bool>("absent"), Ok(None));
    }

    #[test]
    fn a_path_does_not_repeat_what_is_long_or_invisible() {
        let key = format!("k\u{7}\n{}", "x".repeat(1_000));
        assert_eq!(Path::Key(&Path::Root, &key).to_string().len(), 64);
    }
}
