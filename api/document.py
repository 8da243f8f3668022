"""What the OpenAPI document says beyond what FastAPI finds out by itself: our problems, an example of every body."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from api import errors, sections

# What may happen whatever the operation is; a route lists what is its own.
_TO_ANY = (500,)
_SIGNED_IN = (401, 403, 429, 503)
_ID = "019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a10"
_WITH_BODY = (400, 408, 413, 415, 422)


def install(app: FastAPI) -> None:
    """Have `app.openapi()` make the document with every section's routes, once."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            sections.load(app)
            document = generate()
            _describe_problems(document)
            _show_bodies(document)
        return app.openapi_schema or generate()

    app.openapi = openapi  # type: ignore[method-assign]


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (operation for path in document["paths"].values() for operation in path.values())


def _describe_problems(document: dict[str, Any]) -> None:
    """FastAPI documents its own 422 shape, which nobody ever gets: put ours in its place."""
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = errors.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    for operation in _operations(document):
        answers = operation["responses"]
        if "HTTPValidationError" in str(answers.get("422")):
            answers["422"] = errors.responses(422)[422]
        signed_in = _SIGNED_IN if operation.get("security") else ()
        with_body = _WITH_BODY if "requestBody" in operation else ()
        for status, answer in errors.responses(*_TO_ANY, *signed_in, *with_body).items():
            answers.setdefault(str(status), answer)


def _show_bodies(document: dict[str, Any]) -> None:
    """Each field says what goes into it; a reader wants to see the whole."""
    for operation in _operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content.setdefault("example", _example(document, content["schema"]))


def _example(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Made of the examples of its fields; a field that shows nothing is left out."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found: Any = None
    if "examples" in schema or "enum" in schema:
        found = (schema.get("examples") or schema["enum"])[0]
    elif "const" in schema:
        found = schema["const"]
    elif schema.get("format") == "uuid":
        found = _ID
    elif "anyOf" in schema:
        found = _example(document, schema["anyOf"][0])
    elif "items" in schema and (item := _example(document, schema["items"])) is not None:
        found = [item]
    elif "properties" in schema:
        fields = {name: _example(document, field) for name, field in schema["properties"].items()}
        found = {name: value for name, value in fields.items() if value is not None}
    return found
