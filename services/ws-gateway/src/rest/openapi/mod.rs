//! The OpenAPI document: what the handlers say about themselves, completed by what holds for all of them, so that it is said once.

mod problems;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

/// Completes the document of the handlers: names, ids in addresses, and the refusals that any operation of a kind can end with.
pub fn complete(document: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    let schemas = document["components"]["schemas"].clone();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        let operations = item.as_object_mut().into_iter().flat_map(|item| item.values_mut());
        for operation in operations.filter(|call| call["responses"].is_object()) {
            name(operation);
            summarize(operation);
            explain_answers(&schemas, operation);
            ids(path, operation);
            problems::complete(operation);
        }
    }
    document
}

/// A summary is one sentence; what follows in the handler's comment belongs to the description.
fn summarize(operation: &mut Value) {
    let summary = operation["summary"].as_str().map(|summary| summary.replace('\n', " ")).unwrap_or_default();
    if let Some((first, rest)) = summary.split_once(". ") {
        let description = operation["description"].as_str().map(|more| format!("\n\n{more}")).unwrap_or_default();
        operation["description"] = format!("{rest}{description}").into();
        operation["summary"] = format!("{first}.").into();
    }
}

/// An answer about which the handler says nothing else is what its body is.
fn explain_answers(schemas: &Value, operation: &mut Value) {
    for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if response["description"].as_str().is_none_or(str::is_empty) {
            let body = response["content"]["application/json"]["schema"]["$ref"].as_str();
            let schema = body.and_then(|body| body.rsplit('/').next()).map(|name| &schemas[name]["description"]);
            response["description"] = schema.and_then(Value::as_str).unwrap_or("Done.").into();
        }
    }
}

/// Ids in the address are UUIDs, unless the handler says something else. Of what is no id the handler should say more.
fn ids(path: &str, operation: &mut Value) {
    let mut parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        if !parameters.iter().any(|parameter| parameter["in"] == "path" && parameter["name"] == name) {
            let mut parameter = json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
            if let Some(of) = name.strip_suffix("_id") {
                parameter["description"] = format!("Id of the {of}.").into();
                parameter["schema"]["format"] = "uuid".into();
            }
            parameters.push(parameter);
        }
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
}

/// Operations are named as everything else on the wire; handlers are Rust functions.
fn name(operation: &mut Value) {
    if let Some(id) = operation["operationId"].as_str() {
        let mut words = id.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        let id = words.fold(first, |id, word| {
            let (initial, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            id + &initial.to_uppercase() + rest
        });
        operation["operationId"] = id.into();
    }
}
