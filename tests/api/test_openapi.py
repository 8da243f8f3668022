"""The OpenAPI document itself: valid as emitted, and complete for whoever reads it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.testclient import TestClient

from api.app import create_app
from api.bodies import parse
from api.middleware import SECURITY
from domain.permissions import PUBLIC
from tests.api.problems import assert_problem
from tests.conftest import Person

STREAM = "text/event-stream"
FREE = (STREAM, "application/fhir+json")  # events; and FHIR, which HL7 describes
BINARY = ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",)  # JSON has no example of it


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app().openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_it_is_served_as_it_is(api_alone: TestClient, document: dict[str, Any]) -> None:
    answer = api_alone.get("/openapi.json")
    assert answer.status_code == 200
    assert parse(answer.content, 100) == document


def test_every_operation_says_what_it_is(document: dict[str, Any], subtests: pytest.Subtests) -> None:
    seen: set[str] = set()
    for method, path, operation in operations(document):
        with subtests.test(operation=f"{method.upper()} {path}"):
            assert re.fullmatch(r"[a-z][a-z0-9_]+", operation["operationId"])
            assert operation["operationId"] not in seen
            seen.add(operation["operationId"])
            assert 3 <= len(operation["summary"]) <= 80
            assert not operation["summary"].endswith(".")
            assert path.startswith("/v1/")
            assert bool(operation.get("security")) == (operation["operationId"] not in PUBLIC)


def test_every_operation_lists_its_problems(document: dict[str, Any], subtests: pytest.Subtests) -> None:
    for method, path, operation in operations(document):
        with subtests.test(operation=f"{method.upper()} {path}"):
            answers = operation["responses"]
            assert [status for status in answers if status.startswith(("2", "3"))]
            expected = {"500"}
            if operation.get("security"):
                expected |= {"401", "403", "429", "503"}
            if "requestBody" in operation:
                expected |= {"400", "408", "413", "415", "422"}
            assert expected <= set(answers)
            for status, answer in answers.items():
                if status >= "400" and path != "/v1/health/ready":
                    assert list(answer["content"]) == ["application/problem+json"], status


def test_every_answer_and_body_has_a_schema(document: dict[str, Any], subtests: pytest.Subtests) -> None:
    for method, path, operation in operations(document):
        with subtests.test(operation=f"{method.upper()} {path}"):
            for status, answer in operation["responses"].items():
                assert answer["description"]
                for kind, content in answer.get("content", {}).items():
                    assert kind in FREE or content["schema"], (status, kind)


def test_every_body_has_an_example_that_is_one(document: dict[str, Any], subtests: pytest.Subtests) -> None:
    """Made of the examples of its fields, where the body has none of its own."""
    for method, path, operation in operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            if kind in BINARY:
                continue
            with subtests.test(operation=f"{method.upper()} {path}"):
                schema = content["schema"] | {"components": document["components"]}
                assert content["example"], "no example of the body"
                OAS31Validator(schema).validate(content["example"])


def test_every_answer_of_every_operation_has_the_security_headers(
    api_alone: TestClient, document: dict[str, Any], person: Callable[..., Person], subtests: pytest.Subtests
) -> None:
    """As nobody, and as somebody who asks for what is not there: whatever the answer, page or problem."""
    member = person("acme").headers
    asked = [(method, path, headers) for method, path, _ in operations(document) for headers in ({}, member)]
    asked += [("get", path, {}) for path in ("/", "/openapi.json", "/docs", "/redoc", "/v1/nothing", "/favicon.ico")]
    asked += [(method, "/v1/health/live", {}) for method in ("post", "options", "head", "trace")]
    statuses = set()
    for method, path, headers in asked:
        with subtests.test(method=method, path=path, signed_in=bool(headers)):
            if STREAM in str(document["paths"].get(path, {}).get(method)) and headers and "{" not in path:
                continue  # it has no end
            url = re.sub(r"\{\w+\}", "019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a10", path)
            answer = api_alone.request(method, url, headers=headers)
            statuses.add(answer.status_code)
            for name, value in SECURITY.items():
                may = [value, "private, no-cache"] if name == "Cache-Control" and answer.is_success else [value]
                [given] = answer.headers.get_list(name)
                assert given in may, name
            assert answer.headers["x-request-id"]
            assert "Origin" in answer.headers["vary"]
            assert "server" not in answer.headers
            assert "x-powered-by" not in answer.headers
    assert {200, 400, 401, 404, 405, 422} <= statuses


def test_an_error_of_ours_has_them_too(api_alone: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("infra.pools.is_ready", broken)
    answer = api_alone.get("/v1/health/ready")
    assert_problem(answer, 500, "internal_error")
    for name, value in SECURITY.items():
        assert answer.headers.get_list(name) == [value], name
