use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use super::complete;

/// An operation, completed.
fn operation(operation: &Value) -> Value {
    at("/rooms", operation)
}

fn at(path: &str, operation: &Value) -> Value {
    let document = json!({
        "openapi": "3.1.0",
        "info": { "title": "t", "version": "1" },
        "paths": { path: { "get": operation } },
    });
    complete(&serde_json::from_value::<OpenApi>(document).unwrap())["paths"][path]["get"].clone()
}

fn statuses(operation: &Value) -> Vec<&str> {
    operation["responses"].as_object().unwrap().keys().map(String::as_str).collect()
}

fn codes<'a>(operation: &'a Value, status: &str) -> &'a Value {
    &operation["responses"][status]["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"]
}

#[test]
fn an_operation_has_the_refusals_of_what_it_takes() {
    let bare = operation(&json!({ "responses": { "204": { "description": "" } } }));
    assert_eq!(statuses(&bare), ["204", "406", "429", "431", "500", "503"]);
    let full = json!({
        "security": [{ "bearer": [] }],
        "requestBody": { "content": {} },
        "responses": { "404": { "description": "room_not_found: not there, or not yours" } },
    });
    let full = at("/rooms/{room_id}", &full);
    assert_eq!(statuses(&full), ["400", "401", "404", "406", "408", "413", "415", "429", "431", "500", "503"]);
    assert_eq!(codes(&full, "401"), &json!(["unauthorized", "token_expired"]));
    assert_eq!(codes(&full, "404"), &json!(["room_not_found", "not_found"]));
}

#[test]
fn a_refusal_is_described_by_its_codes_with_an_example_and_headers() {
    let busy = operation(&json!({ "responses": { "503": { "description": "busy: a queue is full" } } }));
    let busy = &busy["responses"]["503"];
    assert_eq!(
        busy["description"],
        "A queue is full. `busy`: repeat with the same clientMessageId. `unavailable`: repeat later."
    );
    assert_eq!(busy["headers"]["Retry-After"]["required"], true);
    let example = &busy["content"]["application/problem+json"]["examples"]["busy"]["value"];
    assert_eq!((&example["status"], &example["code"], &example["retry"]), (&json!(503), &json!("busy"), &json!(true)));
}

#[test]
fn the_codes_of_a_handler_are_those_of_the_status_that_it_names() {
    let refused = operation(&json!({ "responses": {
        "400": { "description": "bad_request (also when it is unknown), invalid_character" },
        "404": { "description": "room_not_found; user_not_found: userId is no member" },
    } }));
    assert_eq!(codes(&refused, "400"), &json!(["bad_request", "invalid_character"]));
    assert_eq!(codes(&refused, "404"), &json!(["room_not_found", "user_not_found"]));
    let why = refused["responses"]["404"]["description"].as_str().unwrap();
    assert!(why.starts_with("userId is no member. `room_not_found`: "), "{why}");
}

#[test]
fn a_summary_is_one_sentence_and_an_answer_is_what_its_body_is() {
    let two =
        operation(&json!({ "summary": "Do it. It\ncan be\nundone.", "responses": { "204": { "description": "" } } }));
    assert_eq!((&two["summary"], &two["description"]), (&json!("Do it."), &json!("It can be undone.")));
    assert_eq!(two["responses"]["204"]["description"], "Done.");
}

#[test]
fn functions_become_names_of_the_wire() {
    let named = |id: &str| operation(&json!({ "operationId": id, "responses": {} }))["operationId"].clone();
    assert_eq!(named("create_group_room"), "createGroupRoom");
    assert_eq!(named("listRooms"), "listRooms");
}

#[test]
fn ids_in_the_address_are_uuids_unless_the_handler_says_something_else() {
    let emoji =
        json!({ "name": "emoji", "in": "path", "required": true, "schema": { "type": "string", "maxLength": 64 } });
    let full = at("/rooms/{room_id}/reactions/{emoji}", &json!({ "parameters": [emoji], "responses": {} }));
    assert_eq!(full["parameters"][0]["schema"]["maxLength"], 64);
    assert_eq!(full["parameters"][1]["name"], "room_id");
    assert_eq!(full["parameters"][1]["schema"]["format"], "uuid");
    assert!(full["parameters"][2].is_null());
}
