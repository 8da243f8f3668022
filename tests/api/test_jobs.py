"""The status resource: until when to come back, canceling, and how long it is kept."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from starlette.testclient import TestClient

from infra.database import unit_of_work
from tests.answers import low_back_pain
from tests.api.problems import assert_problem, nothing_changes
from tests.conftest import Database

Make = Callable[..., Any]


def test_come_back_until_it_has_ended(api: TestClient, submit: Make, work: Make, person: Make) -> None:
    member = person("acme")
    path = submit(member).headers["location"]
    waiting = api.get(path, headers=member.headers)
    assert waiting.headers["retry-after"] == "1"
    work()
    ended = api.get(path, headers=member.headers)
    assert "retry-after" not in ended.headers
    unchanged = api.get(path, headers=member.headers | {"If-None-Match": ended.headers["etag"]})
    assert unchanged.status_code == 304
    assert "retry-after" not in unchanged.headers


def test_a_preference_that_is_honoured_is_named(api: TestClient, submit: Make, work: Make, person: Make) -> None:
    member = person("acme")
    answer = submit(member, headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=1")
    path = answer.headers["location"]
    assert "preference-applied" not in api.get(path, headers=member.headers | {"Prefer": "wait=soon"}).headers
    work()
    ended = api.get(path, headers=member.headers | {"Prefer": "wait=500"})
    assert (ended.status_code, ended.headers["preference-applied"]) == (200, "wait=20")
    assert ended.json()["status"] == "succeeded"


def test_a_replay_that_waits_gets_the_end(start: Make, submit: Make, work: Make, person: Make) -> None:
    member = person("acme")
    assessment = start(member)
    submit(member, assessment=assessment, key="k-1")
    work()
    answer = submit(member, assessment=assessment, key="k-1", headers={"Prefer": "wait=5"})
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert answer.headers["idempotent-replayed"] == "true"


def test_a_canceled_job_does_no_work(api: TestClient, submit: Make, work: Make, person: Make, db: Database) -> None:
    member = person("acme")
    path = submit(member).headers["location"]
    canceled = api.post(f"{path}/cancel", headers=member.headers | {"X-Request-ID": "cancel-it-1"})
    assert (canceled.status_code, canceled.json()["status"]) == (202, "canceled")
    assert canceled.json()["finished_at"] is not None
    assert "retry-after" not in canceled.headers
    assert work() == 1  # the message is read, found to be done with, and gone
    assert db.value("select count(*) from scores") == db.value("select count(*) from programs") == 0
    after = api.get(path, headers=member.headers)
    assert after.json() == canceled.json()
    assert after.headers["etag"] == canceled.headers["etag"]
    [row] = db.rows("select actor_id, request_id from audit_log where action = 'job.canceled'")
    assert row == {"actor_id": member.context.user_id, "request_id": "cancel-it-1"}


@pytest.mark.parametrize("answers", [low_back_pain(), low_back_pain(rf_ces_saddle="yes")], ids=["program", "referral"])
def test_what_has_ended_cannot_be_canceled(
    api: TestClient, submit: Make, work: Make, person: Make, db: Database, answers: dict[str, Any]
) -> None:
    member = person("acme")
    path = submit(member, answers=answers).headers["location"]
    work()
    with nothing_changes(db):
        assert_problem(api.post(f"{path}/cancel", headers=member.headers), 409, "job_is_final")


def test_a_job_is_canceled_once(api: TestClient, submit: Make, person: Make, db: Database) -> None:
    member = person("acme")
    path = submit(member).headers["location"]
    assert api.post(f"{path}/cancel", headers=member.headers).status_code == 202
    with nothing_changes(db):
        assert_problem(api.post(f"{path}/cancel", headers=member.headers), 409, "job_is_final")


def test_a_job_that_is_worked_on_can_be_canceled(api: TestClient, submit: Make, person: Make, db: Database) -> None:
    from domain.jobs import LeaseLost, message_for
    from domain.tenancy import worker_context
    from infra.database import unit_of_work

    member = person("acme")
    path = submit(member).headers["location"]
    context = worker_context(member.tenant_id)
    with unit_of_work(context) as uow:
        job = uow.jobs.read(UUID(path.rpartition("/")[2]))
    with unit_of_work(context) as uow:
        claim = uow.jobs.claim(message_for(job), 60, "a worker")
    assert api.post(f"{path}/cancel", headers=member.headers).status_code == 202
    with pytest.raises(LeaseLost), unit_of_work(context) as uow:
        uow.jobs.finish_scoring(claim.job, "1", {}, referral=False)
    assert db.value("select count(*) from scores") == 0
    assert db.rows("select outcome, ended_at is not null as ended from attempts") == [
        {"outcome": "canceled", "ended": True}
    ]


def test_a_dead_letter_reads_as_being_worked_on_and_can_be_canceled(
    api: TestClient, submit: Make, work: Make, person: Make, db: Database
) -> None:
    member = person("acme")
    path = submit(member).headers["location"]
    db.rows("update jobs set status = 'running'")
    db.rows("update jobs set status = 'dead', error_code = 'attempts_exhausted'")
    shown = api.get(path, headers=member.headers).json()
    assert (shown["status"], shown["error"]["code"]) == ("retrying", "attempts_exhausted")
    assert api.post(f"{path}/cancel", headers=member.headers).json()["status"] == "canceled"
    work()
    assert db.value("select count(*) from programs") == 0


def test_a_failed_job_says_why(api: TestClient, submit: Make, person: Make, db: Database) -> None:
    member = person("acme")
    path = submit(member).headers["location"]
    db.rows("update jobs set status = 'running'")
    db.rows("update jobs set status = 'failed', error_code = 'no_feasible_program', finished_at = now()")
    answer = api.get(path, headers=member.headers)
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["error"]) == (
        "failed",
        {"code": "no_feasible_program", "reference": answer.json()["id"]},
    )
    assert answer.json()["result"] is None


def test_a_job_is_kept_for_thirty_days_after_its_end(
    api: TestClient, submit: Make, work: Make, person: Make, db: Database
) -> None:
    member, stranger = person("acme"), person("globex")
    path = submit(member).headers["location"]
    db.rows("update jobs set created_at = now() - interval '90 days'")
    assert api.get(path, headers=member.headers).status_code == 200  # old, and still not done
    work()
    db.rows("update jobs set finished_at = now() - interval '29 days 23 hours'")
    kept = api.get(path, headers=member.headers)
    assert kept.status_code == 200
    db.rows("update jobs set finished_at = now() - interval '30 days 1 minute'")
    for extra in ({}, {"If-None-Match": kept.headers["etag"]}, {"Prefer": "wait=5"}):
        assert_problem(api.get(path, headers=member.headers | extra), 410, "job_gone")
    assert_problem(api.get(path, headers=stranger.headers), 404, "not_found")


def test_a_result_is_there_once_scoring_has_committed(api: TestClient, submit: Make, work: Make, person: Make) -> None:
    member = person("acme")
    job = submit(member).json()
    path = f"{job['links']['assessment']}/result"
    assert_problem(api.get(path, headers=member.headers), 404, "not_found")
    work()
    first = api.get(path, headers=member.headers)
    assert first.headers["cache-control"] == "no-store"
    assert (first.json()["attempt_number"], first.json()["since_first"]) == (1, None)
    second = submit(member, answers=low_back_pain(nprs_now=1)).json()
    path = f"{second['links']['assessment']}/result"
    assert_problem(api.get(path, headers=member.headers), 404, "not_found")
    work()
    assert api.get(path, headers=member.headers).json()["attempt_number"] == 2
    assert api.get(path, headers=member.headers).json()["since_first"]
    for pain in (2, 3):
        last = submit(member, answers=low_back_pain(nprs_now=pain)).json()
        work()
    with unit_of_work(member.context) as uow:  # however many there are, three are read
        read = uow.assessments.scores(UUID(last["links"]["assessment"].rpartition("/")[2]))
    assert [each.number for each in read] == [4, 3, 1]


def test_a_commit_is_answered_202_even_if_the_database_fails_right_after_it(
    submit: Make, work: Make, person: Make, db: Database
) -> None:
    """What comes after the commit (noting that the message went out, waiting) must not turn it into an error."""
    broken = "begin raise exception 'gone' using errcode = '57P01'; end"
    for name in ("mark_published(uuid, uuid, text, uuid, text)", "read_job(uuid, uuid, text, uuid)"):
        [row] = db.rows("select pg_get_functiondef(%s::regprocedure) as text", f"app.{name}")
        head, quote, rest = row["text"].partition("$function$")
        db.rows(f"{head}{quote}{broken}{rest[rest.index(quote) :]}")
    answer = submit(person("acme"), headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert work() == 2
    assert db.value("select status from jobs where kind = 'assessment'") == "succeeded"


def test_a_locked_row_is_503_and_not_an_error(api: TestClient, submit: Make, person: Make, db: Database) -> None:
    member = person("acme")
    path = submit(member).headers["location"]
    with psycopg.connect(db.superuser_url) as other:
        other.execute("select 1 from jobs for update")
        answer = api.post(f"{path}/cancel", headers=member.headers)
        assert_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"
    assert api.post(f"{path}/cancel", headers=member.headers).status_code == 202
