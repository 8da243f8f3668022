"""Replays over HTTP: a look first, then an order that can be held, stopped and handed on."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from tests import letters
from tests.api.operators import Staff, staff
from tests.api.problems import assert_problem
from tests.conftest import Database, Person
from tests.workers.test_replays import turns, work

Make = Callable[..., Person]


@pytest.fixture
def anna(db: Database, sign: Callable[..., str], api: TestClient) -> Staff:
    return staff(db, sign, api)


@pytest.fixture
def ben(db: Database, sign: Callable[..., str], api: TestClient) -> Staff:
    return staff(db, sign, api)


def wanted(selector: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"selector": selector, "reason": "Mended in 1.4.2."} | more


def test_from_a_look_to_the_end(db: Database, person: Make, anna: Staff, queues: dict[str, str]) -> None:
    """Two tenants' letters of one fingerprint."""
    for tenant in ("acme", "globex"):
        letters.dead(db, person(tenant))
    fingerprint = anna.get("dead-letters/groups")["items"][0]["value"]
    look = anna.post("replays", wanted({"fingerprint": fingerprint}))
    assert look.status_code == 200, look.text
    found = look.json()
    assert (found["mode"], found["count"], found["taken"], found["over_limit"]) == ("dry_run", 2, 2, 0)
    assert {(share["tenant"], share["kind"], share["count"]) for share in found["shares"]} == {
        ("acme", "assessment", 1), ("globex", "assessment", 1),
    }  # fmt: skip
    assert len(found["sample"]) == 2
    assert anna.get("replays")["items"] == []

    order = wanted({"fingerprint": fingerprint}, mode="execute", expected_count=2, rate=500)
    made = anna.post("replays", order, key="the-key")
    assert made.status_code == 202, made.text
    again = anna.post("replays", order, key="the-key")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json()["id"] == made.json()["id"]
    here = made.headers["location"].removeprefix("/v1/ops/")
    turns()
    while work(queues):
        pass
    after = anna.get(here)
    assert (after["state"], after["outcomes"], after["settled"]) == ("done", {"succeeded": 2}, True)
    listed = anna.get(f"{here}/letters")["items"]
    assert [(each["position"], each["outcome"]) for each in listed] == [(1, "succeeded"), (2, "succeeded")]
    assert anna.get(f"{here}/letters", outcome="died")["items"] == []
    assert [each["id"] for each in anna.get("replays")["items"]] == [made.json()["id"]]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"selector": {}, "reason": "why"}, 422, "invalid_request"),
        ({"selector": {"ids": []}, "reason": "why"}, 422, "invalid_request"),
        ({"selector": {"fingerprint": "x"}, "reason": "why"}, 422, "invalid_request"),
        ({"selector": {"filter": {}, "ids": [str(uuid4())]}, "reason": "why"}, 422, "invalid_request"),
        ({"selector": {"filter": {"nonsense": 1}}, "reason": "why"}, 422, "invalid_request"),
        ({"selector": {"filter": {}}}, 422, "invalid_request"),
        ({"selector": {"filter": {}}, "reason": "why", "mode": "execute"}, 422, "invalid_request"),
        ({"selector": {"filter": {}}, "reason": "why", "rate": 501}, 422, "invalid_request"),
        ({"selector": {"filter": {}}, "reason": "why", "rate": 0}, 422, "invalid_request"),
        ({"selector": {"filter": {}}, "reason": "why", "max": 0}, 422, "invalid_request"),
        ({"selector": {"filter": {}}, "reason": "why", "canary": {"first": 0, "max_failure_share": 0.1}}, 422, "invalid_request"),
        ({"selector": {"filter": {}}, "reason": "why", "mode": "execute", "expected_count": 3}, 412, "expected_count_differs"),
    ],
)  # fmt: skip
def test_an_order_that_is_not_one(anna: Staff, body: dict[str, Any], status: int, code: str) -> None:
    assert_problem(anna.post("replays", body), status, code)


def test_an_order_takes_a_key(anna: Staff) -> None:
    body = wanted({"filter": {}}, mode="shadow")
    assert_problem(anna.client.post("/v1/ops/replays", json=body, headers=anna.headers), 400, "idempotency_key_missing")
    assert anna.post("replays", body, key="k").status_code == 202
    assert_problem(
        anna.post("replays", wanted({"filter": {"kind": "x"}}, mode="shadow"), key="k"), 422, "idempotency_key_reused"
    )


def test_hold_go_on_and_end(db: Database, person: Make, anna: Staff, ben: Staff) -> None:
    letters.dead(db, person("acme"))
    made = anna.post(
        "replays", wanted({"filter": {"queue": "scoring"}}, mode="execute", expected_count=1, rate=0.001)
    ).json()
    here = f"replays/{made['id']}"
    assert ben.post(f"{here}/pause").json()["state"] == "paused"
    assert_problem(ben.post(f"{here}/pause"), 409, "replay_in_other_state")
    assert ben.post(f"{here}/resume").json()["state"] == "running"
    assert ben.post(f"{here}/cancel").json()["state"] == "canceled"
    assert_problem(ben.post(f"{here}/resume"), 409, "replay_in_other_state")
    assert_problem(ben.post(f"replays/{uuid4()}/pause"), 404, "not_found")


def test_the_fourth_time_two_agree(db: Database, person: Make, anna: Staff, ben: Staff) -> None:
    _, letter = letters.dead(db, person("acme"))
    db.rows("update dead_letters set replays = 3")
    order = wanted({"ids": [str(letter)]}, mode="execute", expected_count=1)
    assert anna.post("replays", wanted({"ids": [str(letter)]})).json()["over_limit"] == 1
    made = anna.post("replays", order).json()
    assert made["state"] == "waiting"
    assert_problem(anna.post(f"replays/{made['id']}/confirm"), 409, "second_operator_needed")
    confirmed = ben.post(f"replays/{made['id']}/confirm").json()
    assert (confirmed["state"], confirmed["confirmed_by"]) == ("running", str(ben.staff_id))


def test_a_shadow_reports_by_table(db: Database, person: Make, anna: Staff) -> None:
    _, letter = letters.dead(db, person("acme"))
    made = anna.post("replays", wanted({"ids": [str(letter)]}, mode="shadow", rate=500)).json()
    turns()
    after = anna.get(f"replays/{made['id']}")
    assert (after["state"], after["outcomes"]) == ("done", {"would_succeed": 1})
    [item] = anna.get(f"replays/{made['id']}/letters")["items"]
    assert item["report"]["rows"]["scores"] == {"inserted": 1}
    assert db.value("select count(*) from scores") == 0
