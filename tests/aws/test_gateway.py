"""What API Gateway refuses by itself: never what the application takes, and in the application's words."""

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import schemathesis
import yaml
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft4Validator
from pydantic import TypeAdapter, ValidationError
from schemathesis import Case, GenerationMode

from api import sections
from api.app import create_app
from tests.aws import gateway, shapes

# Of these API Gateway does not look at the body: it is of another media type, or may be left out.
WITHOUT_A_SHAPE = {"import_template", "submit_assessment", "approve_program", "accept_adaptation", "decline_adaptation"}
# What generated bodies hardly ever meet: one of several members, and no other.
BY_RULES_OF_ITS_OWN = {"order_replay", "edit_program", "create_bulk_action"}
CLOUDFORMATION_TAKES = 1_000_000  # bytes of a template; https://docs.aws.amazon.com/AWSCloudFormation: quotas
RESOURCES = 300  # of one API, before anybody is asked for more
STRANGE = [None, True, 0, 1.5, "", "7", "2026-11-22", [], ["x"], {}, {"x": 1}]


@pytest.fixture(scope="module")
def ours() -> dict[str, Any]:
    found: dict[str, Any] = create_app().openapi()
    return found


@pytest.fixture(scope="module")
def definition() -> dict[str, Any]:
    return gateway.definition()


@pytest.fixture(scope="module")
def accepts() -> dict[str, TypeAdapter[Any]]:
    """By operation, what the application takes for a body."""
    app = create_app()
    sections.load(app)
    return {
        route.name: TypeAdapter(route.body_field.field_info.annotation)
        for route in _routes(app.routes)
        if route.body_field
    }


def _routes(given: Iterable[Any]) -> Iterator[APIRoute]:
    for each in given:
        if isinstance(each, APIRoute):
            yield each
        elif hasattr(each, "original_router"):
            yield from _routes(each.original_router.routes)


def _with_shapes(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By operation, the schema that its bodies are held against."""
    found = {}
    for operations in body["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                found[operation["operationId"]] = body["components"]["schemas"][name]
    return found


def _variants(value: Any, draw: random.Random) -> Iterator[Any]:
    """The body as it is, and with one place of it left out or something else."""
    yield value
    places = list(_places(value, ()))
    for place in draw.sample(places, min(len(places), 8)):
        for other in STRANGE:
            yield _put(value, place, other)
        yield _put(value, place, ...)


def _places(value: Any, within: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield within
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from _places(each, (*within, key))


def _put(value: Any, place: tuple[Any, ...], other: Any) -> Any:
    if not place:
        return {} if other is ... else other
    key, *rest = place
    copy = value.copy()
    if not rest and other is ...:
        del copy[key]
    else:
        copy[key] = _put(value[key], tuple(rest), other)
    return copy


def test_no_body_that_the_application_takes_is_refused(
    ours: dict[str, Any], definition: dict[str, Any], accepts: dict[str, TypeAdapter[Any]]
) -> None:
    """Bodies by the application's own OpenAPI document, and those with something changed that it takes all the same:
    numbers for text, text for numbers, members left out.
    """
    wanted = _with_shapes(definition)
    assert set(accepts) - set(wanted) == WITHOUT_A_SHAPE
    never_taken = set()
    for found in schemathesis.openapi.from_dict(ours).get_all_operations():
        operation = found.ok()
        name = operation.definition.raw["operationId"]
        if name in wanted:
            taken, refused = _held(operation, Draft4Validator(wanted.pop(name)), accepts[name])
            assert refused, f"nothing of {name} is refused"
            if not taken:
                never_taken.add(name)
    assert wanted == {}
    assert never_taken <= BY_RULES_OF_ITS_OWN


def _held(operation: Any, shape: Draft4Validator, accepted: TypeAdapter[Any]) -> tuple[int, int]:
    """How many bodies the application took, and how many API Gateway would refuse."""
    taken = refused = 0

    @settings(max_examples=3, deadline=None, database=None, phases=[Phase.generate], derandomize=True,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def hold(case: Case) -> None:
        nonlocal taken, refused
        for body in _variants(case.body, random.Random(1)):
            fits = shape.is_valid(body)
            refused += not fits
            try:
                accepted.validate_python(body)
            except ValidationError:
                continue
            taken += 1
            assert fits, body

    hold()
    return taken, refused


def test_what_is_required_of_a_query_is_asked_for_and_nothing_of_headers(
    ours: dict[str, Any], definition: dict[str, Any]
) -> None:
    """Of a header that is missing the application has an answer of its own, with another status."""
    asked = {
        (operation["operationId"], each["in"], each["name"])
        for operations in definition["paths"].values()
        for operation in operations.values()
        for each in operation.get("parameters", [])
        if each["in"] != "path"
    }
    assert asked == {
        (operation["operationId"], "query", each["name"])
        for operations in ours["paths"].values()
        for operation in operations.values()
        for each in operation.get("parameters", [])
        if each["in"] == "query" and each.get("required")
    }
    assert asked == {("list_videos", "query", "program_id")}


def test_every_request_is_held_against_it(definition: dict[str, Any]) -> None:
    assert definition["x-amazon-apigateway-request-validators"] == {
        definition["x-amazon-apigateway-request-validator"]: {
            "validateRequestParameters": True,
            "validateRequestBody": True,
        }
    }


def test_the_answer_is_the_application_s(definition: dict[str, Any]) -> None:
    answers = definition["x-amazon-apigateway-gateway-responses"]
    for name in ("BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS"):
        problem = json.loads(answers[name]["responseTemplates"]["application/problem+json"])
        assert (answers[name]["statusCode"], problem["status"], problem["code"]) == (422, 422, "invalid_request")
        assert problem["errors"] == []


def test_it_is_a_definition_that_api_gateway_reads(definition: dict[str, Any]) -> None:
    """Its known limits: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html"""
    resources = set()
    for path in definition["paths"]:
        segments = path.removeprefix("/").split("/")
        resources |= {tuple(segments[: length + 1]) for length in range(len(segments))}
        for segment in segments:
            assert re.fullmatch(r"[A-Za-z0-9._-]+|\{\w+\}", segment), path
    assert len(resources) < RESOURCES
    for name, schema in definition["components"]["schemas"].items():
        assert name.isalnum()
        assert set(_words(schema)) <= {"type", "required", "properties", "items"}
        Draft4Validator.check_schema(schema)


def _words(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema
    for each in schema.get("properties", {}).values():
        yield from _words(each)
    if "items" in schema:
        yield from _words(schema["items"])


@pytest.mark.parametrize("path", ["/v1/feeds/{token}.ics", "/v1/a/{b}/c", "/v1/x-{y}/z"])
def test_a_parameter_is_a_whole_segment(path: str) -> None:
    assert gateway.resource(path) in {"/v1/feeds/{token}", "/v1/a/{b}/c", "/v1/{y}/z"}


class _Plain(yaml.SafeDumper):
    """As `sam package` writes a template: nothing by reference."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def test_cloudformation_takes_the_template_with_room_to_spare(expanded: Any) -> None:
    packed = yaml.dump(json.loads(expanded.read_text()), Dumper=_Plain, sort_keys=False)
    assert len(packed) < 0.7 * CLOUDFORMATION_TAKES
    assert len(gateway.TEMPLATE.read_bytes()) < 0.7 * CLOUDFORMATION_TAKES


def test_a_shape_within_itself_ends() -> None:
    tree = {
        "type": "object",
        "properties": {"below": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}},
    }
    ours = {"components": {"schemas": {"Tree": tree}}}
    assert shapes.shape({"$ref": "#/components/schemas/Tree"}, ours) == {
        "type": "object", "properties": {"below": {"type": "array"}},
    }  # fmt: skip


def test_text_arrives_as_text(ours: dict[str, Any]) -> None:
    """API Gateway would hand on as base64 what the handler does not call text, to whoever asks for no such type."""
    answers = [
        answer for path in ours["paths"].values() for each in path.values() for answer in each["responses"].values()
    ]
    types = {media for answer in answers for media in answer.get("content", ())}
    assert {"application/json", "image/svg+xml", "text/calendar"} <= types
    # In a process of its own: what Lambda's entry sets up is for all that runs beside it.
    code = "import json; from api.handler import handler; print(json.dumps(handler.config['text_mime_types']))"
    listed = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert [media for media in types if not media.startswith(tuple(listed))] == []
