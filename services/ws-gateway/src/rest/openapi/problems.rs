//! The refusals of every operation. A handler names its own, as in `"room_not_found; user_not_found: not a member"`; what any operation of a
//! kind can end with (no token, a body that cannot be read, a store that is away) is added here. Each status then lists exactly its codes.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use chat_protocol::{
    ErrorCode::{self, BadRequest, NotFound, RateLimited, TokenExpired, Unauthorized, Unavailable},
    Rejection,
};
use serde_json::{Value, json};

use crate::rest::Problem;

/// Codes that an operation can end with because of what it takes, whatever it does.
fn systematic(operation: &Value) -> Vec<ErrorCode> {
    let list = |field: &str| operation[field].as_array().map(Vec::as_slice).unwrap_or_default();
    let statuses =
        |statuses: &'static [u16]| ErrorCode::ALL.iter().filter(|code| statuses.contains(&code.http_status()));
    let mut codes = vec![RateLimited, Unavailable];
    codes.extend(statuses(&[406, 431, 500]));
    for scheme in list("security") {
        codes.push(Unauthorized);
        // The admin token does not expire.
        codes.extend(scheme.get("admin").is_none().then_some(TokenExpired));
    }
    if !list("parameters").is_empty() {
        codes.push(BadRequest);
    }
    // An id that is empty or holds a slash makes another address, which need not lead anywhere.
    if list("parameters").iter().any(|parameter| parameter["in"] == "path") {
        codes.push(NotFound);
    }
    if operation["requestBody"].is_object() {
        codes.push(BadRequest);
        codes.extend(statuses(&[408, 413, 415]));
    }
    codes
}

/// Gives an operation all of its refusals, each as the problem document that is sent.
pub fn complete(operation: &mut Value) {
    let mut refusals = BTreeMap::<String, Refusals>::new();
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        if status.as_str() >= "400" {
            let description = response["description"].as_str().unwrap_or_default();
            refusals.insert(status.clone(), Refusals::named(status, description));
        }
    }
    for code in systematic(operation) {
        refusals.entry(code.http_status().to_string()).or_default().add(code);
    }
    if let Some(responses) = operation["responses"].as_object_mut() {
        responses.extend(refusals.into_iter().map(|(status, refusals)| (status, refusals.response())));
    }
}

/// What can be behind one status.
#[derive(Debug, Default)]
struct Refusals {
    codes: Vec<ErrorCode>,
    why: String,
}

impl Refusals {
    /// Those of a handler: the codes of this status that it names, and what else it says about them.
    fn named(status: &str, description: &str) -> Self {
        let code = |word: &str| ErrorCode::ALL.iter().copied().find(|code| code.as_str() == word);
        let words = description.split(|c: char| !c.is_ascii_lowercase() && c != '_');
        let mut refusals = Self::default();
        for code in words.filter_map(code).filter(|code| code.http_status().to_string() == status) {
            refusals.add(code);
        }
        let reasons = description.split("; ").map(|part| {
            let (names, why) = part.split_once(": ").unwrap_or((part, ""));
            if names.split(", ").all(|name| code(name).is_some()) { why } else { part }
        });
        refusals.why = reasons.filter(|why| !why.is_empty()).map(sentence).collect::<Vec<_>>().join(" ");
        refusals
    }

    fn add(&mut self, code: ErrorCode) {
        if !self.codes.contains(&code) {
            self.codes.push(code);
        }
    }

    fn response(self) -> Value {
        let remedies: Vec<_> = self.codes.iter().map(|code| format!("`{code}`: {}.", code.client_action())).collect();
        let description = [self.why].into_iter().chain(remedies).filter(|part| !part.is_empty()).collect::<Vec<_>>();
        let examples: serde_json::Map<_, _> = self
            .codes
            .iter()
            .map(|code| {
                (code.to_string(), json!({ "value": Problem(Rejection::new(*code, code.client_action())).body() }))
            })
            .collect();
        let schema = json!({ "allOf": [
            { "$ref": "#/components/schemas/ProblemBody" },
            { "properties": {
                "status": { "enum": self.codes.iter().map(|code| code.http_status()).take(1).collect::<Vec<_>>() },
                "code": { "enum": self.codes },
            } },
        ] });
        let mut headers = serde_json::Map::new();
        if self.codes.iter().any(|code| code.retry()) {
            let retry_after = json!({
                "description": "Not before so many seconds.",
                "required": self.codes.iter().all(|code| code.retry()),
                "schema": { "type": "integer", "minimum": 1 },
            });
            headers.insert("Retry-After".to_owned(), retry_after);
        }
        if self.codes.iter().any(|code| code.http_status() == StatusCode::UNAUTHORIZED.as_u16()) {
            let scheme = json!({
                "description": "The scheme to authenticate with.",
                "required": true,
                "schema": { "type": "string", "enum": ["Bearer"] },
            });
            headers.insert("WWW-Authenticate".to_owned(), scheme);
        }
        json!({
            "description": description.join(" "),
            "headers": headers,
            "content": { "application/problem+json": { "schema": schema, "examples": examples } },
        })
    }
}

fn sentence(why: &str) -> String {
    let (word, rest) = why.split_at(why.find(' ').unwrap_or(why.len()));
    let rest = rest.trim_end_matches('.');
    // Names of fields stay as they are.
    match word.chars().next() {
        Some(first) if !word.contains(char::is_uppercase) => {
            format!("{}{}{rest}.", first.to_uppercase(), &word[first.len_utf8()..])
        }
        _ => format!("{word}{rest}."),
    }
}
