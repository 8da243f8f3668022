"""A worker is killed at a statement; whatever the statement was, the job ends once, with one program."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import processes
from tests.conftest import Database, Person
from tests.processes import until
from tests.wire import Side, Wire
from tests.workers.conftest import assert_done_once, settled, submitted

pytestmark = pytest.mark.usefixtures("quick")

# Every statement of a worker's job; each is killed at before it is sent and after it was done.
STATEMENTS = [b"app.claim_next", b"app.finish_scoring", b"app.mark_published", b"app.finish_generation"]
SAMPLE = {(b"app.claim_next", "after"), (b"app.finish_scoring", "after"), (b"app.finish_generation", "before"), (b"app.finish_generation", "after")}  # fmt: skip
POINTS = [
    pytest.param(
        statement,
        side,
        id=f"{statement.decode()}-{side}",
        marks=() if (statement, side) in SAMPLE else pytest.mark.long,
    )
    for statement in STATEMENTS
    for side in ("before", "after")
]


@pytest.mark.parametrize(("statement", "side"), POINTS)
def test_killed_at(
    statement: bytes, side: Side, tmp_path: Path, db: Database, member: Person, database_wire: Wire,
    through: dict[str, str],
) -> None:  # fmt: skip
    hold = database_wire.hold(statement, side)
    job = submitted(member)
    with processes.worker(tmp_path, FFP_RELAY="off", **through) as victim:
        assert hold.reached.wait(200), victim.said()
        victim.kill()
    database_wire.cut()
    with processes.worker(tmp_path) as heir:
        until(lambda: settled(db, job.id), 20, heir.said)
    assert_done_once(db, job)


def test_everything_in_the_queue_is_lost(tmp_path: Path, db: Database, member: Person, queues: dict[str, str]) -> None:
    """The message went out and nobody has it: the sweeper finds the job and the relay sends it again."""
    from infra.local import clients

    job = submitted(member)
    clients.sqs(queues["scoring"].rpartition("/")[0].rpartition("/")[0]).purge_queue(QueueUrl=queues["scoring"])
    with processes.worker(tmp_path) as worker:
        until(lambda: settled(db, job.id), 20, worker.said)
    assert_done_once(db, job)


def test_a_worker_that_slept_past_its_lease_stores_nothing(
    tmp_path: Path, db: Database, member: Person, database_wire: Wire, through: dict[str, str]
) -> None:
    """SIGSTOP in the middle, another worker takes over and ends the job, SIGCONT: the fence holds."""
    hold = database_wire.hold(b"app.finish_generation", "before")
    job = submitted(member)
    with processes.worker(tmp_path, FFP_RELAY="off", **through) as sleeper:
        assert hold.reached.wait(200), sleeper.said()
        sleeper.signal(signal.SIGSTOP)
        with processes.worker(tmp_path) as heir:
            until(lambda: settled(db, job.id), 20, heir.said)
        [program] = db.rows("select id from programs")
        hold.release()
        sleeper.signal(signal.SIGCONT)
        until(lambda: "nothing_to_do" in sleeper.said(), 10, sleeper.said)
    assert db.rows("select id from programs") == [program]
    assert_done_once(db, job)


def test_a_graceful_stop_loses_nothing(tmp_path: Path, db: Database, member: Person) -> None:
    jobs = [submitted(member) for _ in range(6)]
    with processes.worker(tmp_path) as worker:
        until(lambda: db.value("select count(*) from jobs where status <> 'queued'") > 0, 15, worker.said)
        worker.signal(signal.SIGTERM)
        assert worker.popen.wait(200) == 0
    with processes.worker(tmp_path):
        until(lambda: all(settled(db, job.id) for job in jobs), 30)
    for job in jobs:
        assert_done_once(db, job)


def test_two_workers_and_every_message_twice(tmp_path: Path, db: Database, person: Callable[..., Person], queues: dict[str, str]) -> None:  # fmt: skip
    from domain.jobs import message_for
    from infra import queue

    jobs = [submitted(person("acme" if number % 2 else "globex")) for number in range(6)]
    queue.publish([message_for(job) for job in jobs])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with processes.worker(tmp_path / "a"), processes.worker(tmp_path / "b"):
        until(lambda: all(settled(db, job.id) for job in jobs), 30)
    for job in jobs:
        assert_done_once(db, job)
    assert db.value("select count(*) from programs") == len(jobs)


def test_a_worker_outlives_its_queue(tmp_path: Path, db: Database, member: Person, queues: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """SQS goes away under a running worker and comes back: it works on, without a restart."""
    endpoint = queues["scoring"].rpartition("/")[0].rpartition("/")[0]
    host, _, port = endpoint.rpartition("//")[2].partition(":")
    with Wire(host, int(port)) as wire, processes.worker(tmp_path, AWS_ENDPOINT_URL=f"http://127.0.0.1:{wire.port}") as worker:  # fmt: skip
        first = submitted(member)
        until(lambda: settled(db, first.id), 20, worker.said)
        wire.refuse(True)
        until(lambda: "receive_failed" in worker.said(), 20, worker.said)
        wire.refuse(False)
        second = submitted(member)
        until(lambda: settled(db, second.id), 25, worker.said)
        assert worker.popen.poll() is None
    assert_done_once(db, second)
