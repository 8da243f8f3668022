"""What operators see of dead letters over HTTP, what they may do, and that it is on record."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from tests import letters
from tests.api.operators import Staff, staff
from tests.api.problems import assert_problem
from tests.conftest import Database, Person
from tests.workers.conftest import submitted
from tests.workers.test_replays import turns

Make = Callable[..., Person]


@pytest.fixture
def anna(db: Database, sign: Callable[..., str], api: TestClient) -> Staff:
    return staff(db, sign, api)


def test_letters_of_every_tenant_newest_first(db: Database, person: Make, anna: Staff) -> None:
    acme, globex = person("acme"), person("globex")
    _, first = letters.dead(db, acme)
    _, second = letters.dead(db, globex)
    found = anna.get("dead-letters")["items"]
    assert [(each["id"], each["tenant"]) for each in found] == [(str(second), "globex"), (str(first), "acme")]
    one = anna.get("dead-letters", limit=1)
    assert [each["id"] for each in anna.get("dead-letters", limit=1, cursor=one["next"])["items"]] == [str(first)]
    assert [each["id"] for each in anna.get("dead-letters", tenant_id=acme.tenant_id)["items"]] == [str(first)]
    assert anna.get("dead-letters", code="other")["items"] == []
    assert anna.get("dead-letters", state="resolved")["items"] == []
    assert len(anna.get("dead-letters", **{"from": "2020-01-01T00:00:00Z", "queue": "scoring"})["items"]) == 2


def test_nobody_else_sees_them(
    db: Database, person: Make, anna: Staff, sign: Callable[..., str], api: TestClient
) -> None:
    """Not even who runs the tenant whose job it was, nor other staff."""
    job, letter = letters.dead(db, person("acme"))
    owner, content = person("acme", "business_owner"), staff(db, sign, api, "content_admin")
    for path in (
        "dead-letters",
        f"dead-letters/{letter}",
        "dead-letters/groups",
        f"jobs/{job.id}",
        "jobs",
        "queues",
        "replays",
    ):
        for headers in (owner.headers, content.headers):
            assert_problem(api.get(f"/v1/ops/{path}", headers=headers), 403, "forbidden")
        assert_problem(api.get(f"/v1/ops/{path}"), 401, "unauthenticated")


def test_a_letter_tells_all_but_what_it_carried(db: Database, person: Make, anna: Staff) -> None:
    job, letter = letters.dead(db, person("acme"))
    found = anna.get(f"dead-letters/{letter}")
    assert [each["number"] for each in found["attempts"]] == [1, 2, 3, 4, 5]
    assert all(each["error_class"] == "ValidationError" and each["frames"] for each in found["attempts"])
    [message] = found["messages"]
    assert message["payload"] == {
        "readable": True, "task": "assessments.score", "stage": "scoring", "replay": 0, "tenant_id": "***",
        "job_id": "***", "correlation_id": "***", "traceparent": "***",
    }  # fmt: skip
    assert found["events"] == []
    assert found["links"]["job"] == f"/v1/ops/jobs/{job.id}"
    missing = anna.client.get(f"/v1/ops/dead-letters/{uuid4()}", headers=anna.headers)
    assert_problem(missing, 404, "not_found")


def test_what_a_message_carried_is_shown_for_a_reason_and_on_record(db: Database, person: Make, anna: Staff) -> None:
    job, letter = letters.dead(db, person("acme"))
    assert_problem(anna.post(f"dead-letters/{letter}/reveal", {}), 422, "invalid_request")
    shown = anna.post(f"dead-letters/{letter}/reveal", {"reason": "Is the tenant the right one?"})
    assert shown.status_code == 200, shown.text
    body = shown.json()["message"]
    assert str(job.id) in body["text"]
    assert body["truncated"] is False
    [audited] = db.rows("select * from audit_log where action = 'dead_letter.revealed'")
    assert (audited["tenant_id"], audited["actor_id"], audited["subject_id"]) == (job.tenant_id, anna.staff_id, letter)
    assert audited["request_id"] == shown.headers["x-request-id"]
    [event] = anna.get(f"dead-letters/{letter}")["events"]
    assert (event["action"], event["reason"]) == ("revealed", "Is the tenant the right one?")


def test_an_unreadable_message_is_shown_whole(db: Database, anna: Staff) -> None:
    assert letters.consume("<xml>never ours</xml>")
    [letter] = anna.get("dead-letters")["items"]
    assert (letter["error_code"], letter["tenant_id"], letter["job_id"]) == ("unreadable_message", None, None)
    assert anna.get(f"dead-letters/{letter['id']}")["messages"][0]["payload"] == {"readable": False}
    shown = anna.post(f"dead-letters/{letter['id']}/reveal", {"reason": "Who sends this?"}).json()
    assert shown["message"]["text"] == "<xml>never ours</xml>"
    assert db.value("select tenant_id from audit_log where action = 'dead_letter.revealed'") is None


def test_a_job_that_died_without_a_message_has_none_to_show(db: Database, person: Make, anna: Staff) -> None:
    job = submitted(person("acme"), publish=False)
    db.rows("update jobs set status = 'running', attempt = 5")
    db.rows("update jobs set status = 'dead'")
    letter = db.value("select id from dead_letters where job_id = %s", job.id)
    assert anna.post(f"dead-letters/{letter}/reveal", {"reason": "curious"}).json() == {"message": None}


def test_groups_count_what_belongs_together(db: Database, person: Make, anna: Staff) -> None:
    acme, globex = person("acme"), person("globex")
    for who in (acme, acme, globex):
        letters.dead(db, who)
    letters.consume("nonsense")
    groups = anna.get("dead-letters/groups")["items"]
    assert [(each["letters"], each["open"], each["tenants"], each["state"]) for each in groups] == [
        (3, 3, 2, "open"), (1, 1, 0, "open"),
    ]  # fmt: skip
    assert groups[0]["label"].startswith("unexpected_error ValidationError")
    by_tenant = anna.get("dead-letters/groups", by="tenant")["items"]
    assert {(each["label"], each["letters"]) for each in by_tenant} == {("acme", 2), ("globex", 1), ("none", 1)}
    assert [each["value"] for each in anna.get("dead-letters/groups", by="code")["items"]] == [
        "unexpected_error",
        "unreadable_message",
    ]
    assert {each["value"] for each in anna.get("dead-letters/groups", by="kind")["items"]} == {"assessment", "none"}
    assert len(anna.get("dead-letters/groups", by="release")["items"]) == 1
    only = anna.get("dead-letters/groups", tenant_id=globex.tenant_id)["items"]
    assert [each["letters"] for each in only] == [1]


def test_a_group_has_notes_is_resolved_and_opens_again(db: Database, person: Make, anna: Staff) -> None:
    acme = person("acme")
    letters.dead(db, acme)
    fingerprint = anna.get("dead-letters/groups")["items"][0]["value"]
    here = f"dead-letters/groups/{fingerprint}"
    assert anna.post(f"{here}/notes", {"text": "A rule is missing."}).status_code == 201
    anna.post(f"{here}/notes", {"text": "Asked the team."})
    assert [note["text"] for note in anna.get(here)["notes"]] == ["A rule is missing.", "Asked the team."]
    assert anna.post(f"{here}/resolve", {"release": "9.9.9"}).json()["state"] == "resolved"
    letters.dead(db, acme)
    after = anna.get(here)
    assert (after["state"], after["resolved_in"]) == ("reopened", "9.9.9")
    assert after["reopened_in"] == anna.get("dead-letters")["items"][0]["release"]
    assert [row["action"] for row in db.rows("select action from audit_log where subject_type = 'dead_letter_group' order by id")] == [
        "dead_letter_group.noted", "dead_letter_group.noted", "dead_letter_group.resolved",
    ]  # fmt: skip
    assert_problem(anna.post(f"dead-letters/groups/{'0' * 16}/notes", {"text": "x"}), 404, "not_found")


def test_a_letter_is_discarded_for_a_reason_and_can_be_restored(db: Database, person: Make, anna: Staff) -> None:
    job, letter = letters.dead(db, person("acme"))
    assert_problem(anna.post(f"dead-letters/{letter}/restore", {"reason": "oops"}), 409, "dead_letter_in_other_state")
    assert anna.post(f"dead-letters/{letter}/discard", {"reason": "a test account"}).json()["state"] == "discarded"
    assert_problem(anna.post(f"dead-letters/{letter}/discard", {"reason": "again"}), 409, "dead_letter_in_other_state")
    assert anna.post(f"dead-letters/{letter}/restore", {"reason": "it was not"}).json()["state"] == "open"
    events = anna.get(f"dead-letters/{letter}")["events"]
    assert [(each["action"], each["reason"]) for each in events] == [
        ("discarded", "a test account"),
        ("restored", "it was not"),
    ]
    audited = db.rows("select tenant_id, action from audit_log where subject_id = %s order by id", letter)
    assert audited == [
        {"tenant_id": job.tenant_id, "action": "dead_letter.discarded"},
        {"tenant_id": job.tenant_id, "action": "dead_letter.restored"},
    ]
    assert db.value("select status from jobs") == "dead"


def test_the_difference_between_attempts(db: Database, person: Make, anna: Staff) -> None:
    _, letter = letters.dead(db, person("acme"))
    db.rows("update attempts set error_class = 'TimeoutError', frames = '{}' where number = 3")
    found = anna.get(f"dead-letters/{letter}/diff")["items"]
    assert [(each["before"], each["after"]) for each in found] == [(1, 2), (2, 3), (3, 4), (4, 5)]
    assert found[0]["changes"] == {}
    assert found[1]["changes"]["error_class"] == ["ValidationError", "TimeoutError"]
    assert set(found[1]["changes"]) == {"error_class", "frames"}


def test_what_a_member_reads_meanwhile(db: Database, person: Make, anna: Staff, api: TestClient) -> None:
    """Their job is being worked on, before and after it is put back: never `dead`, never backwards."""
    member = person("acme")
    job, letter = letters.dead(db, member)

    def seen() -> str:
        return str(api.get(f"/v1/jobs/{job.id}", headers=member.headers).json()["status"])

    assert seen() == "retrying"
    anna.post("replays", {"selector": {"ids": [str(letter)]}, "mode": "execute", "expected_count": 1, "reason": "test"})
    turns()
    assert db.value("select status from jobs where id = %s", job.id) == "retrying"
    assert seen() == "retrying"
