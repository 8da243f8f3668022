"""Every operation of openapi.json, and requests for it made from its own description: a new route is walked unlisted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Any


@dataclass(frozen=True)
class Parameter:
    name: str
    where: str  # path, query or header
    required: bool
    schema: Json


@dataclass(frozen=True)
class Operation:
    id: str
    method: str
    path: str
    tag: str
    summary: str
    parameters: tuple[Parameter, ...]
    media_type: str | None  # of its body
    schema: Json  # of its body
    example: Json | None  # of its body, where the description gives one as a whole
    needs_token: bool
    streams: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def named(self, *places: str) -> list[str]:
        return [parameter.name for parameter in self.parameters if parameter.where in places]


def operations(document: Json) -> list[Operation]:
    return [
        _operation(document, method, path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]


def _operation(document: Json, method: str, path: str, described: Json) -> Operation:
    content = described.get("requestBody", {}).get("content", {})
    media_type = next(iter(content), None)
    body = content[media_type] if media_type else {}
    given = [example.get("value") for example in body.get("examples", {}).values()]
    return Operation(
        described["operationId"],
        method.upper(),
        path,
        described["tags"][0],
        described["summary"],
        tuple(
            Parameter(each["name"], each["in"], each.get("required", False), each["schema"])
            for each in described.get("parameters", ())
        ),
        media_type,
        resolved(document, body.get("schema", {})),
        next(iter(given), body.get("example")),
        bool(described.get("security")),
        any("text/event-stream" in answer.get("content", {}) for answer in described["responses"].values()),
    )


def resolved(document: Json, schema: Json) -> Json:
    """Without references. None of ours is recursive but for templates, whose depth is cut."""
    return _resolved(document, schema, ())


def _resolved(document: Json, schema: Json, seen: tuple[str, ...]) -> Json:
    if isinstance(schema, list):
        return [_resolved(document, each, seen) for each in schema]
    if not isinstance(schema, dict):
        return schema
    name = schema.get("$ref")
    if isinstance(name, str):
        if name in seen:
            return {}
        target = document["components"]["schemas"][name.rpartition("/")[2]]
        return _resolved(document, {**target, **{k: v for k, v in schema.items() if k != "$ref"}}, (*seen, name))
    return {key: _resolved(document, value, seen) for key, value in schema.items()}


def example(schema: Json, named: Mapping[str, Json] | None = None, name: str = "") -> Json:
    """A value of this schema: its first example, or the plainest that it takes. `named` says what a field of that name
    is to be, wherever it is.
    """
    named = named or {}
    if name in named:
        return named[name]
    if schema.get("type") == "object" and "properties" in schema:
        whole = next(iter(schema.get("examples", ())), {})
        wanted = set(whole) or set(schema.get("required", ()))
        made = {
            key: named.get(key, whole.get(key) if key in whole else example(value, named, key))
            for key, value in schema["properties"].items()
            if key in wanted or key in named
        }
        if not made:  # nothing is required: one field, so that there is something to do
            made = {key: example(value, named, key) for key, value in list(schema["properties"].items())[:1]}
        return made
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return example(next(each for each in schema[key] if each.get("type") != "null"), named)
    return _plainest(schema, named)


def _plainest(schema: Json, named: Mapping[str, Json]) -> Json:
    match schema.get("type"):
        case "string":
            form = {"uuid": "019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a10", "date": "2026-11-22", "email": "x@example.com",
                    "date-time": "2026-11-22T12:00:00Z"}.get(schema.get("format", ""))  # fmt: skip
            return form or "x" * max(schema.get("minLength", 3), 3)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "array":
            return [example(schema["items"], named) for _ in range(max(schema.get("minItems", 1), 1))]
        case _:
            return {}


def fields(schema: Json) -> Iterator[str]:
    """Names of all that a body may hold."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from fields(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from fields(value)
