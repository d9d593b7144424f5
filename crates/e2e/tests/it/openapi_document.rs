//! The OpenAPI document says all that it should, of every route there is.

use std::{collections::BTreeSet, fs, path::Path};

use chat_e2e::System;
use chat_protocol::ErrorCode;
use regex::Regex;
use serde_json::{Value, json};

const ROUTES: &str = include_str!("../../../../services/ws-gateway/src/routes.rs");

/// An operation of the document.
struct Operation {
    method: String,
    path: String,
    says: Value,
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

async fn document() -> Value {
    let system = System::shared().await;
    let answer = reqwest::get(format!("{}/api/openapi.json", system.gateway(0).url())).await;
    answer.unwrap().json().await.unwrap()
}

fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().unwrap();
    let calls = paths.iter().flat_map(|(path, item)| {
        let calls = item.as_object().unwrap().iter();
        calls.map(|(method, says)| Operation { method: method.clone(), path: path.clone(), says: says.clone() })
    });
    calls.collect()
}

/// Fails with all complaints at once: whoever adds an operation sees everything it lacks.
fn no_complaints(complaints: &[String]) {
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[tokio::test]
async fn every_operation_has_a_name_a_summary_and_a_tag() {
    let document = document().await;
    let tags: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let name = Regex::new("^[a-z]+([A-Z][a-z]+)+$").unwrap();
    let (mut names, mut complaints) = (BTreeSet::new(), Vec::new());
    for operation in operations(&document) {
        let mut complain = |what: &str| complaints.push(format!("{}: {what}", operation.name()));
        let says = &operation.says;
        let id = says["operationId"].as_str().unwrap_or_default();
        if !name.is_match(id) {
            complain("give it an operation_id of two words or more, such as listRooms");
        }
        if !names.insert(id.to_owned()) {
            complain("its operation_id is that of another one");
        }
        let summary = says["summary"].as_str().unwrap_or_default();
        if summary.is_empty() || summary.len() > 100 || !summary.ends_with('.') {
            complain("the first paragraph of its comment must be one short sentence");
        }
        if !says["tags"].as_array().is_some_and(|own| own.len() == 1 && tags.contains(&&own[0])) {
            complain("it needs one tag, of those of the document");
        }
    }
    no_complaints(&complaints);
}

#[tokio::test]
async fn every_refusal_names_the_codes_of_its_status() {
    let mut complaints = Vec::new();
    for operation in operations(&document().await) {
        for (status, response) in operation.says["responses"].as_object().unwrap() {
            if status.as_str() < "400" {
                continue;
            }
            let schema = &response["content"]["application/problem+json"]["schema"];
            let codes = schema["allOf"][1]["properties"]["code"]["enum"].as_array();
            let of_status = |code: &Value| {
                let found = ErrorCode::ALL.iter().find(|known| known.as_str() == *code);
                found.is_some_and(|found| found.http_status().to_string() == *status)
            };
            if !codes.is_some_and(|codes| !codes.is_empty() && codes.iter().all(of_status)) {
                let name = operation.name();
                complaints.push(format!("{name}: name the codes of {status}, as in \"room_not_found: why\""));
            }
        }
    }
    no_complaints(&complaints);
}

#[tokio::test]
async fn whatever_a_client_sends_has_its_limits() {
    let document = document().await;
    let mut complaints = Vec::new();
    for operation in operations(&document) {
        let parameters = operation.says["parameters"].as_array().into_iter().flatten();
        let mut sent: Vec<_> =
            parameters.map(|p| (p["name"].as_str().unwrap().to_owned(), p["schema"].clone())).collect();
        let bodies = operation.says["requestBody"]["content"].as_object().into_iter().flatten();
        sent.extend(bodies.map(|(_, body)| ("body".to_owned(), body["schema"].clone())));
        for (name, schema) in sent {
            unlimited(&document, &schema, &format!("{}: {name}", operation.name()), &mut complaints);
        }
    }
    no_complaints(&complaints);
}

/// Complains of the parts of a schema that have no limit.
fn unlimited(document: &Value, schema: &Value, place: &str, complaints: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let target = document.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} is nowhere"));
        return unlimited(document, target, place, complaints);
    }
    for either in ["oneOf", "anyOf", "allOf"].iter().flat_map(|word| schema[word].as_array().into_iter().flatten()) {
        unlimited(document, either, place, complaints);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        unlimited(document, property, &format!("{place}.{name}"), complaints);
    }
    let is =
        |name: &str| schema["type"] == name || schema["type"].as_array().is_some_and(|all| all.contains(&json!(name)));
    let has = |words: &[&str]| words.iter().any(|word| !schema[word].is_null());
    if is("string") && !has(&["enum", "pattern", "maxLength", "format"]) {
        complaints.push(format!("{place} needs a max_length, pattern, format or enum"));
    }
    if is("integer") && !(has(&["minimum"]) && has(&["maximum"])) {
        complaints.push(format!("{place} needs a minimum and a maximum"));
    }
    if is("array") {
        if !has(&["maxItems"]) {
            complaints.push(format!("{place} needs max_items"));
        }
        unlimited(document, &schema["items"], &format!("{place}[]"), complaints);
    }
}

#[tokio::test]
async fn every_route_is_in_the_document_and_every_operation_is_a_route() {
    let documented: BTreeSet<_> = operations(&document().await).iter().map(Operation::name).collect();
    assert_eq!(routes(), documented);
}

/// What `routes.rs` serves below `/api/v1`, from its scopes and the attributes of the handlers it names.
fn routes() -> BTreeSet<String> {
    let word = Regex::new(r#"scope\("([^"]*)"\)|rest::(\w+)::(\w+)\)|[()]"#).unwrap();
    let (mut scopes, mut depth, mut routes) = (Vec::<(usize, String)>::new(), 0, BTreeSet::new());
    for found in word.captures_iter(ROUTES) {
        match (found.get(1), found.get(2).zip(found.get(3))) {
            (Some(scope), _) => scopes.push((depth, scope.as_str().to_owned())),
            (_, Some((module, function))) => {
                let base: String = scopes.iter().map(|(_, path)| path.as_str()).collect();
                if base.starts_with("/api/v1") {
                    routes.insert(route(&base, module.as_str(), function.as_str()));
                }
                depth -= 1;
            }
            _ if &found[0] == "(" => depth += 1,
            _ => depth -= 1,
        }
        scopes.retain(|(of, _)| *of <= depth);
    }
    routes
}

/// Method and path of a handler.
fn route(base: &str, module: &str, function: &str) -> String {
    let rest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../services/ws-gateway/src/rest");
    let places = [rest.join(format!("{module}.rs")), rest.join(module).join("mod.rs")];
    let source = places.iter().find_map(|place| fs::read_to_string(place).ok()).expect("the file of a module");
    let handler = format!(r#"#\[(get|put|post|delete|patch)\("([^"]*)"\)\]\s+pub async fn {function}\b"#);
    let found = Regex::new(&handler).unwrap().captures(&source);
    let found = found.unwrap_or_else(|| panic!("{module}::{function} has no #[get(\"…\")] or the like just above it"));
    format!("{} {base}{}", &found[1], &found[2])
}

#[tokio::test]
async fn every_operation_is_served_and_wants_a_token_if_it_says_so() {
    let system = System::shared().await;
    let base = system.gateway(0).url();
    let client = reqwest::Client::new();
    let id = Regex::new(r"\{\w+\}").unwrap();
    for operation in operations(&document().await) {
        let path = id.replace_all(&operation.path, "0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d11");
        let method = operation.method.to_uppercase().parse().unwrap();
        let request = client.request(method, format!("{base}{path}?query=a")).json(&json!({}));
        let response = request.send().await.unwrap();
        let (status, kind) = (response.status().as_u16(), response.headers()["content-type"].clone());
        let problem: Value = response.json().await.unwrap();
        let expected = match operation.says["security"].as_array() {
            Some(wanted) if !wanted.is_empty() => (401, "unauthorized"),
            // All of them want a body.
            _ => (400, "bad_request"),
        };
        assert_eq!((status, problem["code"].as_str().unwrap()), expected, "{}", operation.name());
        assert_eq!(kind, "application/problem+json", "{}", operation.name());
    }
}
