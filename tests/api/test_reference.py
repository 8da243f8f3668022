"""What can be looked up: templates, health, the OpenAPI document, and a page for every error."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.testclient import TestClient

from api.app import create_app
from api.errors import catalogue
from domain.permissions import PUBLIC
from infra.content import load_templates
from tests.api.problems import SECRET, assert_problem
from tests.conftest import Database, Person, forget

Make = Callable[..., Person]
PAGES = Path(__file__).parents[2] / "docs" / "errors"


def test_templates_are_listed_and_read(api_alone: TestClient, person: Make) -> None:
    headers = person("acme").headers
    listed = api_alone.get("/v1/templates", headers=headers)
    assert listed.status_code == 200
    items = listed.json()["items"]
    assert [item["id"] for item in items] == sorted(template.id for template in load_templates())
    for item in items:
        read = api_alone.get(f"/v1/templates/{item['id']}", headers=headers)
        assert read.status_code == 200
        body = read.json()
        assert {name: body[name] for name in item} == item
        assert body["document"]["id"] == item["id"]
        assert {"linkId", "type"} <= set(body["document"]["items"][0])


def test_the_newest_version_is_shown_whatever_its_digits(api_alone: TestClient, person: Make, db: Database) -> None:
    for version, status in (("1.10.0", "published"), ("1.9.0", "published"), ("2.0.0", "retired")):
        db.rows(
            "insert into templates (id, slug, version, content_hash, document, status)"
            " select gen_random_uuid(), slug, %s, %s, document || jsonb_build_object('version', %s::text), %s"
            " from templates where slug = 'low-back-pain' and version = '1.0.0'",
            version, f"hash of {version}", version, status,
        )  # fmt: skip
    headers = person("acme").headers
    assert api_alone.get("/v1/templates/low-back-pain", headers=headers).json()["version"] == "1.10.0"
    listed = api_alone.get("/v1/templates", headers=headers).json()["items"]
    assert [item["version"] for item in listed if item["id"] == "low-back-pain"] == ["1.10.0"]


@pytest.mark.parametrize(
    "name", ["no-such-template", "%00", "a%00b", "%ff", "..%2f..%2fetc", "low-back-pain%0a", "x" * 5000, "%F0%9F%A6%B4"]
)
def test_a_template_that_is_not_there(api_alone: TestClient, person: Make, name: str) -> None:
    answer = api_alone.get(f"/v1/templates/{name}", headers=person("acme").headers)
    assert_problem(answer, 404, "no_such_route" if "%2f" in name else "not_found")


def test_health_costs_no_token(api_alone: TestClient) -> None:
    for path in ("/v1/health/live", "/v1/health/ready"):
        answer = api_alone.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert answer.headers["cache-control"] == "no-store"


def test_not_ready_without_the_database(api_alone: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFP_DATABASE_URL", "postgresql://ffp_app@127.0.0.1:1/ffp")
    forget()
    answer = api_alone.get("/v1/health/ready")
    assert_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert api_alone.get("/v1/health/live").status_code == 200


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app().openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_openapi_document_is_valid(document: dict[str, Any], api_alone: TestClient) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    served = api_alone.get("/openapi.json")
    assert (served.status_code, served.json()) == (200, document)


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    for name, operation in operations(document):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"]), name
        assert operation["summary"], name
        assert operation["tags"], name
        problems = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
        assert "500" in problems, name
        for status, answer in problems.items():
            content = answer["content"]
            assert list(content) == ["application/problem+json"], (name, status)
            assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
        if operation.get("security"):
            assert {"401", "403", "503"} <= set(problems), name
        if "requestBody" in operation:
            assert {"400", "413", "415", "422"} <= set(problems), name
    assert "HTTPValidationError" not in str(document)


def test_every_operation_but_the_public_ones_needs_a_token(document: dict[str, Any]) -> None:
    assert {o["operationId"] for _, o in operations(document) if "security" not in o} == PUBLIC


def test_headers_that_matter_are_parameters(document: dict[str, Any]) -> None:
    of = {o["operationId"]: {p["name"].lower() for p in o.get("parameters", ())} for _, o in operations(document)}
    assert {"idempotency-key", "if-match", "prefer"} <= of["submit_assessment"]
    assert {"if-match"} <= of["save_assessment"]
    assert {"if-none-match"} <= of["get_assessment"]
    assert {"if-none-match", "prefer"} <= of["get_job"]


@pytest.mark.parametrize("page", catalogue(), ids=lambda page: page.code)
def test_every_error_has_a_page(page: Any) -> None:
    text = (PAGES / f"{page.code}.md").read_text()
    assert text.startswith(f"# `{page.code}`, {page.status}\n")
    assert "**What it means.**" in text
    assert "**What to do.**" in text


def test_every_page_is_about_an_error() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {page.code for page in catalogue()}
    assert len({page.code for page in catalogue()}) == len(catalogue())


def test_the_type_of_a_problem_is_an_address(api_alone: TestClient) -> None:
    for page in catalogue():
        answer = api_alone.get(f"/v1/errors/{page.code}")
        assert answer.status_code == 200
        assert answer.json() == {"code": page.code, "status": page.status, "title": page.title, "detail": page.detail}
    assert_problem(api_alone.get(f"/v1/errors/{SECRET}"), 404, "no_such_route")
