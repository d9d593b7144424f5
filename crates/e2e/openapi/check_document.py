"""Checks the OpenAPI document on standard input: it is valid OpenAPI, and there is an example of everything that is
sent or answered as JSON, which its schema allows."""

import json
import sys

from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

document = json.load(sys.stdin)
complaints = []
checked = 0


def resolved(schema):
    while "$ref" in schema:
        part = document
        for word in schema["$ref"].removeprefix("#/").split("/"):
            part = part[word]
        schema = part
    return schema


def example_of(schema):
    """That of a schema, or the one that those of its properties make."""
    schema = resolved(schema)
    if "example" in schema:
        return schema["example"]
    parts = {name: example_of(part) for name, part in schema.get("properties", {}).items()}
    return parts if parts and None not in parts.values() else None


def examples_of(described):
    """Of a body or a parameter: its own ones, or that of its schema."""
    own = [example["value"] for example in described.get("examples", {}).values()]
    of_schema = example_of(described["schema"])
    return own or [example for example in (described.get("example"), of_schema) if example is not None]


def check(place, described):
    global checked
    # References are looked up from the root of what is validated against.
    schema = {"allOf": [described["schema"]], "components": document["components"]}
    examples = examples_of(described)
    if not examples:
        complaints.append(f"{place} has no example")
    for example in examples:
        checked += 1
        errors = OAS31Validator(schema, format_checker=OAS31Validator.FORMAT_CHECKER).iter_errors(example)
        complaints.extend(f"{place}: the example is not as described: {error.message}" for error in errors)


validate(document)
for path, operations in document["paths"].items():
    for method, operation in operations.items():
        for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
            check(f"{method} {path} request {media_type}", body)
        for parameter in operation.get("parameters", []):
            if examples_of(parameter):
                check(f"{method} {path} parameter {parameter['name']}", parameter)
        for status, response in operation["responses"].items():
            for media_type, body in response.get("content", {}).items():
                check(f"{method} {path} {status} {media_type}", body)

for complaint in complaints:
    print(complaint)
print(f"{len(document['paths'])} paths, {checked} examples")
sys.exit(1 if complaints else 0)
