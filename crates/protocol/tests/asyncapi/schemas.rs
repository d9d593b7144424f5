//! Checks values against the schemas, more strictly than a client should: here a property that is not declared is a mistake, and so is one
//! that never occurs. A misspelt or forgotten property is found from both sides.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use boon::{Compiler, Draft, SchemaIndex};
use serde_json::Value;

use super::document::Document;

const ADDRESS: &str = "https://example.com/asyncapi.json";

pub struct Schemas<'a> {
    document: &'a Document,
    compiler: Compiler,
    compiled: boon::Schemas,
    indices: HashMap<String, SchemaIndex>,
    declared: BTreeSet<String>,
    used: BTreeSet<String>,
}

impl<'a> Schemas<'a> {
    pub fn of(document: &'a Document) -> Self {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V7);
        compiler.enable_format_assertions();
        compiler.add_resource(ADDRESS, document.0.clone()).unwrap();
        let mut declared = BTreeSet::new();
        declare(&document.0["channels"], "/channels", &mut declared);
        declare(&document.0["components"], "/components", &mut declared);
        Self {
            document,
            compiler,
            compiled: boon::Schemas::new(),
            indices: HashMap::new(),
            declared,
            used: BTreeSet::new(),
        }
    }

    /// The value is valid, and all it has is declared.
    pub fn check(&mut self, schema: &str, value: &Value) {
        let index = *self
            .indices
            .entry(schema.to_owned())
            .or_insert_with(|| self.compiler.compile(&format!("{ADDRESS}#{schema}"), &mut self.compiled).unwrap());
        if let Err(error) = self.compiled.validate(value, index) {
            panic!("{error:#}\n{value}");
        }
        self.walk(schema, value);
    }

    fn walk(&mut self, schema: &str, value: &Value) {
        let schema = &self.document.follow(schema);
        match value {
            Value::Object(fields) => {
                let properties = self.properties(schema);
                for (name, field) in fields {
                    if let Some(property) = properties.get(name) {
                        self.used.insert(property.clone());
                        self.walk(property, field);
                    } else if self.document.at(schema).get("additionalProperties").is_some() {
                        self.walk(&format!("{schema}/additionalProperties"), field);
                    } else {
                        panic!("{schema} does not declare {name}, which {value} has");
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(&format!("{schema}/items"), item)),
            _ => {}
        }
    }

    /// The properties that a schema declares, itself or through `allOf`: pointers by name.
    fn properties(&self, schema: &str) -> BTreeMap<String, String> {
        let schema = self.document.follow(schema);
        let value = self.document.at(&schema);
        let parts = value.get("allOf").and_then(Value::as_array).map_or(0, Vec::len);
        let mut properties: BTreeMap<String, String> =
            (0..parts).flat_map(|part| self.properties(&format!("{schema}/allOf/{part}"))).collect();
        if let Some(own) = value.get("properties").and_then(Value::as_object) {
            properties.extend(own.keys().map(|name| (name.clone(), format!("{schema}/properties/{name}"))));
        }
        properties
    }

    /// Declared properties that no checked value had.
    pub fn unused(&self) -> Vec<String> {
        // Of a handshake there are no examples.
        self.declared.difference(&self.used).filter(|pointer| !pointer.contains("/bindings/")).cloned().collect()
    }
}

/// Collects the pointers of all properties that schemas declare.
fn declare(value: &Value, pointer: &str, declared: &mut BTreeSet<String>) {
    // Examples are values, not schemas.
    for (name, field) in value.as_object().into_iter().flatten().filter(|(name, _)| *name != "examples") {
        let pointer = format!("{pointer}/{name}");
        if name == "properties" {
            declared.extend(field.as_object().unwrap().keys().map(|property| format!("{pointer}/{property}")));
        }
        declare(field, &pointer, declared);
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        declare(item, &format!("{pointer}/{index}"), declared);
    }
}
