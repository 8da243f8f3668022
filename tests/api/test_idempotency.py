"""One key, one job: replays, other bodies, other people, other days, and twins that have not finished."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from starlette.testclient import TestClient

from tests.answers import low_back_pain
from tests.api.problems import assert_problem, nothing_changes
from tests.conftest import Database
from tests.processes import until

Make = Callable[..., Any]


def test_a_repeated_submit_gets_the_stored_answer(
    start: Make, submit: Make, work: Make, person: Make, db: Database
) -> None:
    member = person("acme")
    assessment = start(member)
    first = submit(member, assessment=assessment, key="k-1")
    assert first.status_code == 202
    assert "idempotent-replayed" not in first.headers
    again = submit(member, assessment=assessment, key="k-1")
    work()
    with nothing_changes(db):
        late = submit(member, assessment=assessment, key="k-1")
        differently = submit(
            member, assessment=assessment, key="k-1", headers={"X-Request-ID": "another-id", "If-Match": '"9"'}
        )
    for replay in (again, late, differently):
        assert (replay.status_code, replay.json()) == (first.status_code, first.json())
        assert replay.headers["idempotent-replayed"] == "true"
        for name in ("location", "etag", "retry-after", "cache-control", "content-type"):
            assert replay.headers[name] == first.headers[name]
    assert work() == 0
    assert (
        db.value("select count(*) from jobs where kind = 'assessment'")
        == db.value("select count(*) from programs")
        == 1
    )


def test_the_order_of_keys_in_the_body_does_not_matter(start: Make, submit: Make, person: Make) -> None:
    member = person("acme")
    assessment = start(member)
    answers = low_back_pain()
    first = submit(member, assessment=assessment, key="k-1", answers=answers)
    again = submit(member, assessment=assessment, key="k-1", answers=dict(reversed(answers.items())))
    assert again.json() == first.json()


def test_a_key_with_another_body_is_refused(
    api: TestClient, start: Make, submit: Make, person: Make, db: Database
) -> None:
    member = person("acme")
    assessment = start(member)
    assert submit(member, assessment=assessment, key="k-1").status_code == 202
    other = start(member)
    assert other["id"] != assessment["id"]
    with nothing_changes(db):
        changed = submit(member, assessment=assessment, key="k-1", answers=low_back_pain(nprs_now=9))
        assert_problem(changed, 422, "idempotency_key_reused")
        elsewhere = submit(member, assessment=other, key="k-1")
        assert_problem(elsewhere, 422, "idempotency_key_reused")


def test_already_submitted_under_another_key(start: Make, submit: Make, person: Make, db: Database) -> None:
    member = person("acme")
    assessment = start(member)
    job = submit(member, assessment=assessment, key="k-1").json()
    with nothing_changes(db):
        answer = submit(member, assessment=assessment, key="k-2")
        assert_problem(answer, 409, "already_submitted")
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"


def test_a_refused_submit_does_not_use_its_key_up(start: Make, submit: Make, person: Make, db: Database) -> None:
    member = person("acme")
    assessment = start(member)
    with nothing_changes(db):
        assert_problem(submit(member, assessment=assessment, key="k-1", answers={}), 422, "invalid_answers")
    assert submit(member, assessment=assessment, key="k-1").status_code == 202


def test_keys_belong_to_one_person_of_one_tenant(submit: Make, person: Make, db: Database) -> None:
    everybody = [person("acme"), person("acme"), person("acme", "clinician"), person("globex")]
    answers = [submit(who, key="the-same-key") for who in everybody]
    assert [answer.status_code for answer in answers] == [202] * 4
    assert len({answer.json()["id"] for answer in answers}) == 4
    assert db.value("select count(*) from idempotency_keys where key = 'the-same-key'") == 4


def test_a_key_is_free_again_after_a_day(start: Make, submit: Make, person: Make, db: Database) -> None:
    member = person("acme")
    assessment = start(member)
    first = submit(member, assessment=assessment, key="k-1").json()
    db.rows("update idempotency_keys set created_at = now() - interval '23 hours 59 minutes'")
    assert submit(member, assessment=assessment, key="k-1").json() == first
    db.rows("update idempotency_keys set created_at = now() - interval '24 hours 1 second'")
    assert_problem(submit(member, assessment=assessment, key="k-1"), 409, "already_submitted")
    second = submit(member, key="k-1", answers=low_back_pain(nprs_now=9))
    assert second.status_code == 202
    assert second.json()["id"] != first["id"]
    assert "idempotent-replayed" not in second.headers
    assert db.value("select count(*) from idempotency_keys") == 1


def test_a_twin_that_is_still_at_work_is_409(start: Make, submit: Make, person: Make, db: Database) -> None:
    """The other request holds the key: it has inserted the row and not committed."""
    member = person("acme")
    assessment = start(member)
    with psycopg.connect(db.superuser_url) as twin:
        twin.execute(
            "insert into idempotency_keys (tenant_id, user_id, route, key, body_hash, response)"
            " values (%s, %s, 'assessments.submit', 'k-1', '', 'null')",
            (member.tenant_id, member.context.user_id),
        )
        before = db.value("select count(*) from jobs where kind = 'assessment'")
        answer = submit(member, assessment=assessment, key="k-1")
        assert_problem(answer, 409, "request_in_flight")
        assert answer.headers["retry-after"] == "1"
        assert db.value("select count(*) from jobs where kind = 'assessment'") == before
        twin.rollback()
    assert submit(member, assessment=assessment, key="k-1").status_code == 202


@pytest.mark.parametrize(("pain", "status"), [(3, 202), (9, 422)])
def test_a_twin_waits_for_the_first_and_is_told(
    start: Make, submit: Make, person: Make, db: Database, pain: int, status: int
) -> None:
    """Both have looked for the key before either has stored it."""
    member = person("acme")
    assessment = start(member)
    with psycopg.connect(db.superuser_url) as other, ThreadPoolExecutor(2) as threads:
        other.execute("select 1 from assessments for update")

        def send(nprs_now: int, waiting: int) -> Any:
            answers = low_back_pain(nprs_now=nprs_now)
            sent = threads.submit(submit, member, assessment=assessment, key="k-1", answers=answers)
            until(lambda: blocked(db) == waiting, 1.5)
            return sent

        first, twin = send(3, 1), send(pain, 2)
        other.rollback()
    assert first.result().status_code == 202
    assert twin.result().status_code == status
    if status == 202:
        assert twin.result().json() == first.result().json()
        assert twin.result().headers["idempotent-replayed"] == "true"
    else:
        assert_problem(twin.result(), 422, "idempotency_key_reused")
    assert db.value("select count(*) from jobs where kind = 'assessment'") == 1


def blocked(db: Database) -> int:
    count: int = db.value(
        "select count(*) from pg_stat_activity where datname = %s and wait_event_type = 'Lock'", db.name
    )
    return count


def test_a_submit_survives_a_queue_that_is_down(
    submit: Make, work: Make, person: Make, db: Database, queues: dict[str, str], monkeypatch: Any
) -> None:
    from infra import queue, settings
    from workers.relay import relay

    with monkeypatch.context() as down:
        down.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        settings.queues.cache_clear()
        queue.client.cache_clear()
        answer = submit(person("acme"), key=str(uuid4()))
    settings.queues.cache_clear()
    queue.client.cache_clear()
    assert answer.status_code == 202
    assert db.value("select published_at is null from jobs where kind = 'assessment'")
    monkeypatch.setenv("FFP_RELAY_GRACE_S", "0.001")
    assert relay() == 1
    assert work() == 2
    assert db.value("select status from jobs where kind = 'assessment'") == "succeeded"
