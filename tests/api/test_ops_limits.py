"""The limits over HTTP and from the command line's words: read, changed once, listed, acting on the next submission."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.operators import Staff, staff
from tests.conftest import Database, Person

LIMITS: dict[str, Any] = {"share": 0.5, "window": 3, "stages": {"scoring": {"paused": True}}, "tenants": {}}


@pytest.fixture
def operator(db: Database, sign: Callable[..., str], api: TestClient) -> Staff:
    return staff(db, sign, api)


def put(who: Staff, limits: Any, tag: str | None, reason: str = "a test") -> Any:
    headers = who.headers | ({} if tag is None else {"If-Match": tag})
    return who.client.put("/v1/ops/limits", json={"limits": limits, "reason": reason}, headers=headers)


def test_limits_are_changed_as_a_whole_and_kept(db: Database, operator: Staff) -> None:
    first = operator.client.get("/v1/ops/limits", headers=operator.headers)
    assert (first.json()["version"], first.headers["etag"]) == (2, '"2"')
    known = operator.headers | {"If-None-Match": '"2"'}
    assert operator.client.get("/v1/ops/limits", headers=known).status_code == 304

    assert put(operator, LIMITS, None).status_code == 428
    changed = put(operator, LIMITS, '"2"')
    assert (changed.status_code, changed.headers["etag"]) == (200, '"3"')
    assert changed.json()["limits"]["stages"] == {"scoring": {"concurrency": None, "paused": True}}
    stale = put(operator, LIMITS, '"2"')
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_revision")

    history = operator.get("limits/history")["items"]
    assert [(each["version"], each["reason"]) for each in history[:1]] == [(3, "a test")]
    assert all(each["reason"].startswith("As shipped") for each in history[1:])
    assert history[0]["changed_by"] == str(operator.staff_id)
    [audit] = db.rows("select actor_id, subject_id from audit_log where action = 'limits.changed'")
    assert audit["actor_id"] == operator.staff_id


@pytest.mark.parametrize(
    "wrong", [{"share": 2}, {"window": 0}, {"stages": {"nonsense": {}}}, {"tenants": {"nobody": {}}}, {"more": 1}]
)
def test_what_makes_no_sense_is_refused(operator: Staff, wrong: dict[str, Any]) -> None:
    assert put(operator, LIMITS | wrong, '"2"').status_code == 422
    assert operator.get("limits")["version"] == 2


def test_nobody_else_reads_or_changes_them(
    api: TestClient, db: Database, person: Callable[..., Person], operator: Staff, sign: Callable[..., str]
) -> None:
    owner, content = person("acme", "business_owner"), staff(db, sign, api, "content_admin")
    for headers in (owner.headers, content.headers):
        assert api.get("/v1/ops/limits", headers=headers).status_code == 403
        assert api.get("/v1/ops/limits/history", headers=headers).status_code == 403
    assert put(content, LIMITS, '"2"').status_code == 403


def test_a_submission_into_a_pause_is_accepted_and_waits(
    api: TestClient, db: Database, person: Callable[..., Person], operator: Staff, submit: Callable[..., Any],
    work: Callable[[], int],
) -> None:  # fmt: skip
    assert put(operator, LIMITS, '"2"').status_code == 200
    who = person("acme")
    answer = submit(who)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert work() == 0
    assert db.value("select held and published_at is null from jobs where kind = 'assessment'")
