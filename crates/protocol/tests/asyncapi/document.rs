//! Finding one's way in the document.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub struct Document(pub Value);

impl Document {
    pub fn load() -> Self {
        // The document is ours: the reader's limits against hostile ones, such as how often an anchor may be used, are not needed.
        let options = serde_saphyr::options! { budget: None };
        let text = include_str!("../../../../docs/asyncapi.yaml");
        let document: Value = serde_saphyr::from_str_with_options(text, options).unwrap();
        // A comma in an unquoted text of a flow mapping ends the text, and makes a key without a value of the rest.
        assert_eq!(null(&document, String::new()), None, "a text with a comma needs quotes");
        Self(document)
    }

    pub fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or_else(|| panic!("there is no {pointer}"))
    }

    /// Where a pointer leads in the end.
    pub fn follow(&self, pointer: &str) -> String {
        match self.at(pointer).get("$ref") {
            Some(reference) => self.follow(reference.as_str().unwrap().strip_prefix('#').unwrap()),
            None => pointer.to_owned(),
        }
    }

    /// The channels of a server, by name.
    pub fn channels(&self, server: &str) -> BTreeMap<String, &Value> {
        let reference = format!("#/servers/{server}");
        let channels = self.0["channels"].as_object().unwrap().iter();
        let channels = channels.filter(|(_, channel)| channel["servers"][0]["$ref"] == *reference);
        channels.map(|(name, channel)| (name.clone(), channel)).collect()
    }

    /// A channel's messages: pointers by name.
    pub fn messages(&self, channel: &str) -> BTreeMap<String, String> {
        let messages = format!("/channels/{channel}/messages");
        let names = self.at(&messages).as_object().unwrap().keys();
        names.map(|name| (name.clone(), self.follow(&format!("{messages}/{name}")))).collect()
    }

    /// The examples of a message.
    pub fn payloads(&self, message: &str) -> Vec<&Value> {
        let examples = self.at(message)["examples"].as_array().unwrap_or_else(|| panic!("no example of {message}"));
        assert!(!examples.is_empty(), "no example of {message}");
        examples.iter().map(|example| &example["payload"]).collect()
    }

    /// The schema of a message's headers: its own, or its trait's.
    pub fn headers(&self, message: &str) -> String {
        match self.at(message).get("headers") {
            Some(_) => format!("{message}/headers"),
            None => format!("{}/headers", self.follow(&format!("{message}/traits/0"))),
        }
    }
}

fn null(value: &Value, pointer: String) -> Option<String> {
    match value {
        Value::Null => Some(pointer),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| null(item, format!("{pointer}/{index}")))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, field)| null(field, format!("{pointer}/{name}"))),
        _ => None,
    }
}

/// The variants of an enum, as serde lists them when it meets one that does not exist.
pub fn variants<T: DeserializeOwned>(unknown: &Value) -> Vec<String> {
    let Err(error) = serde_json::from_value::<T>(unknown.clone()) else { panic!("{unknown} is a variant") };
    let text = error.to_string();
    let (_, list) = text.split_once("expected ").expect("serde lists the variants");
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
