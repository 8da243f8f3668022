"""The consumer of dead letters and the replayer are killed around each statement and each call of SQS, as processes.

Whatever the moment: no letter is lost, no job is put back twice, and each ends once.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from domain.jobs import Job, message_for
from infra.messages import encode
from tests import letters, processes
from tests.conftest import Database, Person, emulated_sqs
from tests.processes import Process, running, until
from tests.wire import Side, Wire
from tests.workers.conftest import assert_done_once, settled, submitted
from tests.workers.test_messages import depth
from tests.workers.test_replays import now, order, started

pytestmark = pytest.mark.usefixtures("quick")

CONSUMER = ["-c", "import threading; from workers import dead_letters; dead_letters.run(threading.Event())"]
REPLAYER = ["-c", "import threading; from workers import replays; replays.run(threading.Event())"]

# What each process asks, in order: of PostgreSQL, and of SQS by the name of the call.
TAKING = ["AmazonSQS.ReceiveMessage", "app.take_dead_letter", "AmazonSQS.DeleteMessage"]
REPLAYING = ["app.replay_step", "AmazonSQS.SendMessageBatch", "update jobs j set published_at"]
SAMPLE = {
    ("app.take_dead_letter", "after"), ("AmazonSQS.DeleteMessage", "before"), ("AmazonSQS.DeleteMessage", "after"),
    ("app.replay_step", "after"), ("AmazonSQS.SendMessageBatch", "before"), ("AmazonSQS.SendMessageBatch", "after"),
}  # fmt: skip


def points(of: list[str]) -> list[Any]:
    sides: tuple[Side, ...] = ("before", "after")
    return [
        pytest.param(what, side, id=f"{what}-{side}", marks=() if (what, side) in SAMPLE else pytest.mark.long)
        for what in of
        for side in sides
    ]


@pytest.fixture
def wires(
    db: Database, queues: dict[str, str]
) -> Iterator[tuple[dict[str, str], Callable[[str, Side], Any], Wire, Wire]]:
    """The environment of a process behind two wires, and how to hold it at something that it asks."""
    database, sqs = urlsplit(db.relay_url), urlsplit(queues["scoring"])
    assert database.hostname
    assert sqs.hostname
    with (
        Wire(database.hostname, database.port or 5432) as to_database,
        Wire(sqs.hostname, sqs.port or 80) as to_sqs,
    ):
        plain = f"127.0.0.1:{to_database.port}"
        environment = {
            "FFP_RELAY_DATABASE_URL": db.relay_url.replace(f"{database.hostname}:{database.port}", plain)
            + "?sslmode=disable&gssencmode=disable",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{to_sqs.port}",
        }

        def hold(what: str, side: Side) -> Any:
            return (to_sqs if what.startswith("AmazonSQS") else to_database).hold(what.encode(), side)

        yield environment, hold, to_database, to_sqs


def killed_at(hold: Any, environment: dict[str, str], command: list[str], directory: Path) -> None:
    with running(command, directory / "victim.log", environment) as victim:
        assert hold.reached.wait(200), victim.said()
        victim.kill()


@pytest.mark.parametrize(("what", "side"), points(TAKING))
def test_the_consumer_is_killed(
    what: str, side: Side, tmp_path: Path, db: Database, person: Callable[..., Person], queues: dict[str, str], wires: Any
) -> None:  # fmt: skip
    """One job each of two tenants, and a message that nobody can read."""
    environment, hold, *both = wires
    jobs = [submitted(person(tenant), publish=False) for tenant in ("acme", "globex")]
    with letters.poisoned(db):
        for job in jobs:
            letters.exhaust(job)
    sqs, url = emulated_sqs(), queues["scoring-dlq"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "2"})
    for body in (*(encode(message_for(job)) for job in jobs), "unreadable"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    killed_at(hold(what, side), environment, CONSUMER, tmp_path)
    for wire in both:
        wire.cut()
    with running(CONSUMER, tmp_path / "heir.log") as heir:
        until(lambda: depth(queues, "scoring-dlq") == 0, 20, heir.said)
    found = db.rows("select job_id, state, times_seen from dead_letters order by job_id nulls last")
    assert [row["job_id"] for row in found] == [*sorted(job.id for job in jobs), None]
    assert {(row["state"], row["times_seen"]) for row in found} == {("open", 1)}
    assert db.value("select count(*) from dead_letter_messages") == len(found)
    assert {row["status"] for row in db.rows("select status from jobs where kind = 'assessment'")} == {"dead"}


@pytest.mark.parametrize(("what", "side"), points(REPLAYING))
def test_the_replayer_is_killed(
    what: str, side: Side, tmp_path: Path, db: Database, person: Callable[..., Person], queues: dict[str, str], wires: Any
) -> None:  # fmt: skip
    environment, hold, *both = wires
    made = [letters.dead(db, person(tenant)) for tenant in ("acme", "globex", "acme")]
    replay = started(order(expected=3, rate=50))
    killed_at(hold(what, side), environment, REPLAYER, tmp_path)
    for wire in both:
        wire.cut()
    with processes.worker(tmp_path) as heir:
        until(lambda: all(settled(db, job.id) for job, _ in made), 30, heir.said)
        until(lambda: now(replay).settled, 10, heir.said)
    assert now(replay).outcomes == {"succeeded": 3}
    assert_replayed_once(db, made)


def assert_replayed_once(db: Database, made: list[tuple[Job, UUID]]) -> None:
    for job, letter in made:
        assert_done_once(db, job)
        [row] = db.rows("select state, resolution, replays from dead_letters where id = %s", letter)
        assert row == {"state": "resolved", "resolution": "succeeded", "replays": 1}
        assert db.value("select replays from jobs where id = %s", job.id) == 1
        assert db.value("select count(*) from audit_log where subject_id = %s", letter) == 1
        scored = "select count(*) from attempts where job_id = %s and stage = 'scoring' and outcome = 'succeeded'"
        assert db.value(scored, job.id) == 1


@pytest.mark.long
def test_a_job_dies_for_real_and_is_replayed(
    tmp_path: Path, db: Database, person: Callable[..., Person], queues: dict[str, str]
) -> None:
    """Nobody helps: a worker that fails five times, SQS that gives up, the consumer, and after the cure the replayer."""
    job, other = submitted(person("acme")), submitted(person("globex"))
    with processes.worker(tmp_path) as worker:
        with letters.poisoned(db):
            until(lambda: db.value("select count(*) from dead_letter_messages") == 2, 60, worker.said)
        assert {row["status"] for row in db.rows("select status from jobs")} == {"dead"}
        replay = started(order(expected=2))
        until(lambda: now(replay).settled, 20, worker.said)
        until(lambda: settled(db, job.id) and settled(db, other.id), 20, worker.said)
        assert worker.popen.poll() is None
    assert_replayed_once(db, [(each, db.value("select id from dead_letters where job_id = %s", each.id)) for each in (job, other)])  # fmt: skip


def test_two_replayers_share_one_replay(tmp_path: Path, db: Database, person: Callable[..., Person], queues: dict[str, str]) -> None:  # fmt: skip
    """And two workers: every letter is put back once, and the rate is that of the replay, not of each replayer."""
    made = [letters.dead(db, person("acme" if number % 2 else "globex")) for number in range(8)]
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    replay = started(order(expected=8, rate=10))
    with processes.worker(tmp_path / "a") as one, processes.worker(tmp_path / "b"):

        def ended() -> bool:
            return now(replay).settled and all(settled(db, job.id) for job, _ in made)

        until(ended, 40, one.said)
    assert_replayed_once(db, made)
    [span] = db.rows("select extract(epoch from max(replayed_at) - min(replayed_at))::float as s from replay_letters")
    assert span["s"] >= 7 / 10


def test_postgresql_goes_away_under_the_consumer(
    tmp_path: Path, db: Database, member: Person, queues: dict[str, str], wires: Any
) -> None:
    """The message stays, and is taken when it is back."""
    environment, _, to_database, _ = wires
    job = submitted(member, publish=False)
    with letters.poisoned(db):
        letters.exhaust(job)
    sqs, url = emulated_sqs(), queues["scoring-dlq"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})

    def said(process: Process) -> str:
        return process.said()

    with running(CONSUMER, tmp_path / "consumer.log", environment) as consumer:
        to_database.refuse(True)
        sqs.send_message(QueueUrl=url, MessageBody=encode(message_for(job)))
        until(lambda: "dead_letters_failed" in said(consumer), 20, consumer.said)
        assert depth(queues, "scoring-dlq") == 1
        to_database.refuse(False)
        until(lambda: db.rows("select 1 from dead_letter_messages"), 20, consumer.said)
        until(lambda: depth(queues, "scoring-dlq") == 0, 10, consumer.said)
    assert db.value("select times_seen from dead_letters") == 1
