"""Jobs and queues of every tenant as operators see them."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from tests import letters
from tests.api.operators import Staff, staff
from tests.api.problems import assert_problem
from tests.conftest import Database, Person
from tests.workers.conftest import submitted

Make = Callable[..., Person]


@pytest.fixture
def anna(db: Database, sign: Callable[..., str], api: TestClient) -> Staff:
    return staff(db, sign, api)


def test_jobs_of_every_tenant_as_they_are(db: Database, person: Make, anna: Staff) -> None:
    waiting = submitted(person("acme"), publish=False)
    job, letter = letters.dead(db, person("globex"))
    found = anna.get("jobs")["items"]
    assert [(each["id"], each["tenant"], each["status"]) for each in found] == [
        (str(job.id), "globex", "dead"), (str(waiting.id), "acme", "queued"),
    ]  # fmt: skip
    assert [each["id"] for each in anna.get("jobs", status="queued")["items"]] == [str(waiting.id)]
    assert [each["id"] for each in anna.get("jobs", tenant_id=job.tenant_id, kind="assessment")["items"]] == [
        str(job.id)
    ]
    assert anna.get("jobs", changed_since=found[0]["updated_at"])["items"] == []
    one = anna.get(f"jobs/{job.id}")
    assert one["dead_letters"] == [str(letter)]
    assert [each["outcome"] for each in one["attempts"]] == ["retry"] * 5
    assert "answers" not in str(one)
    assert "user_id" not in one


def test_a_job_of_any_tenant_can_be_ended(db: Database, person: Make, anna: Staff) -> None:
    job, letter = letters.dead(db, person("acme"))
    ended = anna.post(f"jobs/{job.id}/cancel")
    assert (ended.status_code, ended.json()["status"]) == (200, "canceled")
    assert_problem(anna.post(f"jobs/{job.id}/cancel"), 409, "job_is_final")
    assert_problem(anna.post(f"jobs/{letter}/cancel"), 404, "not_found")
    assert db.value("select resolution from dead_letters") == "canceled"
    [audited] = db.rows("select tenant_id, actor_id, actor_role from audit_log where action = 'job.canceled'")
    assert audited == {"tenant_id": job.tenant_id, "actor_id": anna.staff_id, "actor_role": "operator"}


def test_queues_by_what_waits_runs_and_is_stuck(db: Database, person: Make, anna: Staff) -> None:
    submitted(person("acme"), publish=False)
    running, lost = submitted(person("globex")), submitted(person("acme"))
    db.rows("update jobs set status = 'running', lease_until = now() + interval '1 minute' where id = %s", running.id)
    db.rows("update jobs set status = 'running', lease_until = now() - interval '1 minute' where id = %s", lost.id)
    letters.consume("nonsense")
    found = {each["queue"]: each for each in anna.get("queues")["items"]}
    assert set(found) >= {"scoring", "generation", "none"}
    scoring = found["scoring"]
    assert (scoring["waiting"], scoring["running"], scoring["lost"], scoring["unpublished"]) == (1, 1, 1, 1)
    assert scoring["oldest_s"] >= 0
    assert found["none"]["dead_letters"] == 1
    assert found["generation"]["waiting"] == 0
