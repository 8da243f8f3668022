"""What API Gateway is told about the bodies of requests: their shape, so far as nothing that the application takes has
another.

A shape says which members have to be there, and where text, a list or an object has to be. Everything else stays with
the application, whose answer points at each field: which values, how long, how many, members that nobody asked for, and
numbers, which it also takes as text. A shape needs no word of JSON schema but four, all of draft 4, so none of what API
Gateway reads differently or not at all (`nullable`, `oneOf`, `discriminator`, `minItems`, `exclusiveMinimum`,
`additionalProperties`) matters: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

import re
from typing import Any, Final

Schema = dict[str, Any]
MEDIA_TYPE: Final = "application/json"
_REFERENCE: Final = "#/components/schemas/"
# The application also takes numbers for these.
_NUMBERS_TOO: Final = {"date", "date-time", "time", "duration"}


def models(ours: dict[str, Any]) -> dict[str, Schema]:
    """By name, each once: the shapes of the bodies of every operation in an OpenAPI document."""
    names = [name for operations in ours["paths"].values() for each in operations.values() if (name := _named(each))]
    return {_plain(name): shape({"$ref": _REFERENCE + name}, ours) for name in sorted(set(names))}


def body(operation: dict[str, Any]) -> Schema | None:
    """The `requestBody` that names a model; None where there need be none, or it is no JSON of ours."""
    name = _named(operation)
    if name is None:
        return None
    return {"required": True, "content": {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE + _plain(name)}}}}


def shape(schema: Schema, ours: dict[str, Any], within: tuple[str, ...] = ()) -> Schema:
    """No narrower than `schema`: {} where that is a choice, has a type that something else is taken for, or is within
    itself.
    """
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REFERENCE)
        return {} if name in within else shape(ours["components"]["schemas"][name], ours, (*within, name))
    match schema.get("type"):
        case "object":
            return _object(schema, ours, within)
        case "array":
            items = shape(schema.get("items", {}), ours, within)
            return {"type": "array"} | ({"items": items} if items else {})
        case "string" if schema.get("format") not in _NUMBERS_TOO:
            return {"type": "string"}
    return {}


def _object(schema: Schema, ours: dict[str, Any], within: tuple[str, ...]) -> Schema:
    members = {name: shape(each, ours, within) for name, each in schema.get("properties", {}).items()}
    known = {name: each for name, each in members.items() if each}
    required = list(schema.get("required", []))
    return {"type": "object"} | ({"required": required} if required else {}) | ({"properties": known} if known else {})


def _named(operation: dict[str, Any]) -> str | None:
    wanted = operation.get("requestBody", {})
    schema = wanted.get("content", {}).get(MEDIA_TYPE, {}).get("schema", {})
    named = wanted.get("required") and set(wanted["content"]) == {MEDIA_TYPE} and "$ref" in schema
    return schema["$ref"].removeprefix(_REFERENCE) if named else None


def _plain(name: str) -> str:
    """API Gateway's names of models have letters and digits alone."""
    return re.sub(r"[^A-Za-z0-9]", "", name)
