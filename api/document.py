"""What the OpenAPI document says beyond what FastAPI finds out by itself: our problems, an example of every body."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from api import errors, sections

# What may happen whatever the operation is; a route lists what is its own.
_TO_ANY = (500,)
_SIGNED_IN = (401, 403, 429, 503)
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
    """Made of the examples of its fields; a field without one is left out."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "examples" in schema:
        return schema["examples"][0]
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if "anyOf" in schema:
        return _example(document, schema["anyOf"][0])
    if "properties" in schema:
        fields = {name: _example(document, field) for name, field in schema["properties"].items()}
        return {name: value for name, value in fields.items() if value is not None}
    return None
