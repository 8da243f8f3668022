"""Nothing that dies is lost: a job has its letter the moment it is dead, a message is stored before it is deleted."""

from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from domain.jobs import Message, message_for
from infra import outbox
from infra.database import unit_of_work
from infra.messages import encode
from tests import letters
from tests.conftest import Database, Person
from tests.workers.conftest import submitted
from tests.workers.test_messages import hostile
from workers.work import deliver


def test_a_job_that_dies_has_a_letter_that_says_why(
    db: Database, person: Callable[..., Person], queues: object
) -> None:
    """Two tenants' jobs die of one thing: two letters, one fingerprint, and nothing of their answers."""
    acme, globex = person("acme"), person("globex")
    job, _ = letters.dead(db, acme)
    other, _ = letters.dead(db, globex)
    found = db.rows("select * from dead_letters order by first_seen_at")
    assert [(row["tenant_id"], row["job_id"]) for row in found] == [
        (acme.tenant_id, job.id),
        (globex.tenant_id, other.id),
    ]
    [fingerprint] = {row["fingerprint"] for row in found}
    for row in found:
        assert (row["state"], row["times_seen"], row["kind"], row["stage"]) == ("open", 1, "assessment", "scoring")
        assert (row["error_code"], row["error_class"]) == ("unexpected_error", "ValidationError")
        assert row["signature"].startswith("unexpected_error ValidationError < infra/templates.py ")
        assert any(frame.startswith("workers/work.py:") for frame in row["frames"])
        assert row["release"] not in ("", "unknown")
    assert db.value("select state from dead_letter_groups where fingerprint = %s", fingerprint) == "open"
    assert {row["status"] for row in db.rows("select status from jobs")} == {"dead"}
    attempts = db.rows("select * from attempts where job_id = %s order by number", job.id)
    assert [row["number"] for row in attempts] == [1, 2, 3, 4, 5]
    assert all(row["error_class"] == "ValidationError" and row["frames"] and row["release"] for row in attempts)


def test_the_letter_is_there_whoever_ends_the_job(
    db: Database, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marked by the sweeper, with no message anywhere: the worker was lost five times, and told nothing."""
    job = submitted(member, publish=False)
    for number in range(1, 6):
        db.rows(
            "insert into attempts (tenant_id, job_id, stage, number, worker) values (%s, %s, 'scoring', %s, 'w')",
            job.tenant_id, job.id, number,
        )  # fmt: skip
    db.rows(
        "update jobs set status = 'running', attempt = 5, lease_until = now() - interval '1 s', updated_at = now() - interval '1 hour'"
    )
    assert outbox.sweep(republish_after_s=1)["dead"] == 1
    [letter] = db.rows("select * from dead_letters")
    assert (letter["job_id"], letter["state"], letter["error_code"]) == (job.id, "open", "worker_lost")
    assert letter["signature"] == "worker_lost in scoring"
    assert db.rows("select * from dead_letter_messages") == []


def test_a_message_is_taken_once(db: Database, member: Person) -> None:
    """The consumer was killed before it could delete: the message comes again, even after the job was put back."""
    job = submitted(member, publish=False)
    with letters.poisoned(db):
        letters.exhaust(job)
    assert db.value("select status from jobs") == "dead"  # by its own attempts; the queue gives up later
    for _ in range(3):
        assert letters.consume(encode(message_for(job)), message_id="the-one")
    [row] = db.rows("select times_seen, state from dead_letters")
    assert row == {"times_seen": 1, "state": "open"}
    assert db.value("select count(*) from dead_letter_messages") == 1
    db.rows("update jobs set status = 'retrying', replays = 1, max_attempts = 10")
    assert letters.consume(encode(message_for(job)), message_id="the-one")
    assert letters.consume(encode(message_for(job)), message_id="its-twin")  # from before the replay: stale
    assert db.value("select status from jobs") == "retrying"
    assert db.value("select times_seen from dead_letters") == 1


def test_a_message_whose_job_is_worked_on_stays_in_its_queue(db: Database, member: Person) -> None:
    job = submitted(member, publish=False)
    db.rows("update jobs set status = 'running', attempt = 1, lease_until = now() + interval '30 s'")
    assert not letters.consume(encode(message_for(job)))
    assert db.value("select status from jobs") == "running"
    db.rows("update jobs set lease_until = now() - interval '1 s'")
    assert letters.consume(encode(message_for(job)))
    assert db.value("select status from jobs") == "dead"


def test_a_job_that_was_never_begun_may_die(db: Database, member: Person) -> None:
    job = submitted(member, publish=False)
    assert letters.consume(encode(message_for(job)))
    assert db.value("select status from jobs") == "dead"
    assert db.value("select error_code from dead_letters") == "never_started"


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
def test_a_message_of_a_job_that_has_ended_is_done_with(db: Database, member: Person, status: str) -> None:
    job = submitted(member, publish=False)
    db.rows("update jobs set status = 'running'")
    db.rows("update jobs set status = %s, finished_at = now()", status)
    assert letters.consume(encode(message_for(job)))
    assert db.rows("select * from dead_letters") == []
    assert db.value("select status from jobs") == status


def test_what_names_no_job_is_kept_whole(db: Database, person: Callable[..., Person], queues: object) -> None:
    victim = submitted(person("acme"), publish=False)
    bodies = hostile(message_for(victim)) | {
        "nul": encode(Message(victim.tenant_id, victim.id, "scoring", "a\0b")),
        "surrogate": '{"x": "\ud800"}',
        "huge_replay": encode(Message(victim.tenant_id, victim.id, "scoring", "c", replay=2**80)),
        "quarter_megabyte": "é" * 131_072,
        "a_megabyte": "x" * 1_048_576,
    }
    for name, body in bodies.items():
        assert letters.consume(body, message_id=name), name
        assert letters.consume(body, message_id=name), name
    kept = {row["message_id"]: row for row in db.rows("select * from dead_letter_messages")}
    assert set(kept) == set(bodies)
    for name, row in kept.items():
        whole = bodies[name].encode("utf-8", "surrogatepass")
        assert bytes(row["body"]) == whole[:262_144], name
        assert row["size"] == len(whole)
    assert bytes(kept["quarter_megabyte"]["body"]).decode() == bodies["quarter_megabyte"]
    found = db.rows("select * from dead_letters")
    assert len(found) == len(bodies)
    assert {row["tenant_id"] for row in found} == {None}
    assert {row["error_code"] for row in found} == {"unreadable_message", "unknown_job"}
    assert db.value("select status from jobs") == "queued"


def test_while_postgresql_is_down_messages_stay(db: Database, member: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    job = submitted(member, publish=False)
    monkeypatch.setenv("FFP_RELAY_DATABASE_URL", "postgresql://ffp_relay:x@127.0.0.1:9/ffp")
    assert not letters.consume(encode(message_for(job)))
    monkeypatch.setenv("FFP_RELAY_DATABASE_URL", db.relay_url)
    assert letters.consume(encode(message_for(job)))


def test_what_becomes_of_the_job_becomes_of_its_letter(db: Database, member: Person) -> None:
    job, letter = letters.dead(db, member)
    db.rows("update jobs set status = 'retrying', max_attempts = 10")
    deliver(message_for(job))
    [row] = db.rows("select state, resolution from dead_letters where id = %s", letter)
    assert row == {"state": "resolved", "resolution": "succeeded"}
    deliver(Message(job.tenant_id, job.id, "generating", "c"))
    assert db.value("select status from jobs where id = %s", job.id) == "succeeded"


def test_a_member_who_cancels_resolves_the_letter(db: Database, member: Person) -> None:
    job, letter = letters.dead(db, member)
    with unit_of_work(member.context) as uow:
        uow.jobs.cancel(job.id, "request-1")
    assert db.value("select resolution from dead_letters where id = %s", letter) == "canceled"


def test_a_group_that_was_resolved_opens_again(db: Database, person: Callable[..., Person], queues: object) -> None:
    letters.dead(db, person("acme"))
    db.rows("update dead_letter_groups set state = 'resolved', resolved_in = '1.0'")
    letters.dead(db, person("globex"))
    [group] = db.rows("select state, resolved_in, reopened_in from dead_letter_groups")
    assert group["state"] == "reopened"
    assert group["reopened_in"] == db.value("select release from dead_letters limit 1")


def test_only_the_named_roles_reach_the_letters(db: Database, member: Person) -> None:
    """The application sees none, the relay works through functions alone, operators have no bytes."""
    letters.dead(db, member)
    tables = (
        "dead_letters",
        "dead_letter_messages",
        "dead_letter_events",
        "dead_letter_groups",
        "replays",
        "replay_letters",
    )
    for url in (db.app_url, db.relay_url):
        with psycopg.connect(url, autocommit=True) as connection:
            for table in tables:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"select * from {table}")
    with psycopg.connect(db.ops_url, autocommit=True) as connection:
        assert len(connection.execute("select id from dead_letters").fetchall()) == 1
        refused = [
            "select body from dead_letter_messages",
            "delete from dead_letters",
            "update dead_letters set tenant_id = null",
            "update dead_letter_events set reason = 'x'",
            "update replays set operator_id = gen_random_uuid()",
            "update jobs set status = 'canceled'",
            "select app.replay_step()",
            f"select app.take_dead_letter(null, null, null, 0, 'm', 'q', 1, 'x', '', null, '{uuid4()}')",
            "select answers from assessments",
            "select * from submissions",
            "select * from scores",
            "select * from programs",
            "select * from prescribed_exercises",
            "select email from users",
        ]
        for statement in refused:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    with psycopg.connect(db.app_url, autocommit=True) as connection:
        for function in (
            "app.replay_step()",
            f"app.reveal_dead_letter(null, null, 'operator', '{uuid4()}', '{uuid4()}', 'r', null)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select {function}")
