"""From answers to a program, as a client sees it."""

from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from tests.answers import low_back_pain
from tests.conftest import Database, Person


def test_a_submission_becomes_a_program(
    api: TestClient,
    person: Callable[..., Person],
    submit: Callable[..., Any],
    work: Callable[[], int],
    db: Database,
) -> None:
    member = person("acme")
    answer = submit(member)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["cache-control"] == "no-store"
    assert (job["status"], job["stage"], job["progress"]["percent"]) == ("queued", "scoring", 0)

    assert work() == 2

    done = api.get(answer.headers["location"], headers=member.headers).json()
    assert (done["status"], done["progress"]["percent"], done["error"]) == ("succeeded", 100, None)
    result = api.get(done["links"]["result"], headers=member.headers).json()
    assert {scale["id"]: scale["value"] for scale in result["scores"]}["disability_rmdq"] == 6
    program = api.get(done["result"]["href"], headers=member.headers).json()
    assert program["spec"]["region"] == "lower_back"
    assert program["assessment_id"] == job["links"]["assessment"].rpartition("/")[2]
    items = [item for week in program["weeks"] for session in week["sessions"] for item in session["items"]]
    assert all(item["why"] and item["name"] for item in items)
    assert db.value("select count(*) from programs where status = 'active'") == 1


def test_a_red_flag_ends_in_a_referral_without_a_program(
    api: TestClient,
    person: Callable[..., Person],
    submit: Callable[..., Any],
    work: Callable[[], int],
    db: Database,
) -> None:
    member = person("acme")
    job = submit(member, answers=low_back_pain(rf_ces_saddle="not_sure")).json()
    assert work() == 1
    done = api.get(f"/v1/jobs/{job['id']}", headers=member.headers).json()
    assert (done["status"], done["result"]["type"]) == ("succeeded", "referral")
    result = api.get(done["result"]["href"], headers=member.headers).json()
    assert (result["outcome"], result["screening"]["level"]) == ("referral", "emergency")
    assert db.value("select count(*) from programs") == 0
    assert db.value("select count(*) from audit_log where action = 'safety.referral'") == 1
