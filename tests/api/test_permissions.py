"""The table of permissions against the running application: every operation, as everybody."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from api import streams
from api.app import create_app
from domain.permissions import ALLOWED, PUBLIC
from domain.tenancy import PEOPLE, STAFF_ROLES
from tests.api import permissions_page
from tests.api.operations import Operation, example, operations
from tests.api.problems import assert_problem
from tests.conftest import Database, Person

NOBODY = "nobody"
# What a request without any sense must meet before anything of it is read, and a good one as well.
SHAPES = ("nonsense", "sensible")


@cache
def all_operations() -> list[Operation]:
    """Not at import: every process of a run imports every test."""
    return operations(create_app().openapi())


def guarded() -> list[Operation]:
    return [operation for operation in all_operations() if operation.id not in PUBLIC]


def test_every_operation_is_in_the_table_and_nothing_else_is() -> None:
    assert {operation.id for operation in all_operations()} == ALLOWED.keys() | PUBLIC
    assert not ALLOWED.keys() & PUBLIC
    for operation, roles in ALLOWED.items():
        assert roles, f"{operation} is nobody's"
        assert roles <= PEOPLE | STAFF_ROLES, operation
    assert {operation.id for operation in all_operations() if not operation.needs_token} == PUBLIC


def test_the_page_shows_the_table() -> None:
    assert permissions_page.PAGE.read_text() == permissions_page.page(), (
        "docs/permissions.md is of another table: python -m tests.api.permissions_page"
    )


@pytest.fixture
def credentials(
    db: Database, person: Callable[..., Person], sign: Callable[..., str]
) -> Callable[[str], dict[str, str]]:
    """Somebody new of this role, of a tenant of their own: an operation may end their session or erase them."""

    def make(role: str) -> dict[str, str]:
        if role == NOBODY:
            return {}
        if role in PEOPLE:
            return person(uuid4().hex, role, "individual" if role == "individual" else "business").headers
        subject = uuid4().hex
        db.rows("insert into identity.principals (sub, staff_role) values (%s, %s)", subject, role)
        return {"Authorization": f"Bearer {sign(subject)}"}

    return make


def ask(api: TestClient, operation: Operation, headers: dict[str, str], shape: str) -> Response:
    path, content, kind = operation.path, None, operation.media_type
    for name in operation.named("path"):
        path = path.replace(f"{{{name}}}", "no-such-thing" if shape == "nonsense" else str(uuid4()))
    if shape == "nonsense":
        content = b'{"' if operation.media_type else None
    elif operation.media_type:
        content = json.dumps(operation.example or example(operation.schema)).encode()
        headers = headers | {"If-Match": '"1"', "Idempotency-Key": str(uuid4())}
    return api.request(
        operation.method, path, content=content, headers=headers | ({"Content-Type": kind} if kind else {})
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("role", [*sorted(PEOPLE | STAFF_ROLES), NOBODY])
def test_every_operation_answers_every_role_as_the_table_says(
    api: TestClient,
    credentials: Callable[[str], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    subtests: pytest.Subtests,
    role: str,
    shape: str,
) -> None:
    monkeypatch.setattr(streams, "_BURST_S", 0.01)
    for operation in guarded():
        if shape == "sensible" and role not in ALLOWED[operation.id]:
            continue  # refused before anything is read, as nonsense shows
        with subtests.test(operation=str(operation), id=operation.id):
            answer = ask(api, operation, credentials(role), shape)
            if role == NOBODY:
                assert_problem(answer, 401, "unauthenticated")
            elif role not in ALLOWED[operation.id]:
                assert_problem(answer, 403, "forbidden")
            else:
                assert answer.status_code not in {401, 403}, answer.text
                assert answer.status_code < 500 or answer.status_code == 503, answer.text  # there is no user pool here
                if shape == "nonsense" and (operation.media_type or operation.named("path")):
                    assert answer.status_code >= 400, answer.text


def test_a_token_that_is_none_is_refused_everywhere(api_alone: TestClient, subtests: pytest.Subtests) -> None:
    for operation in guarded():
        with subtests.test(operation=str(operation)):
            answer: Any = ask(api_alone, operation, {"Authorization": "Bearer nonsense"}, "nonsense")
            assert_problem(answer, 401, "unauthenticated")
