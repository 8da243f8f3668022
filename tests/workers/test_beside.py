"""What takes long, or waits for somebody else, holds up no program."""

import re
import socket
from pathlib import Path

import httpx2
import psutil
import pytest

from tests import processes
from tests.conftest import Database, Person
from tests.processes import until
from tests.wire import Wire
from tests.workers.conftest import settled, submitted
from workers import beside


def test_the_loop_is_left_to_programs() -> None:
    assert {"scoring", "generation"} == beside.IN_LOOP


@pytest.mark.usefixtures("quick")
def test_an_email_that_does_not_end_holds_up_no_program(tmp_path: Path, db: Database, member: Person) -> None:
    database = db.app_url.rpartition("@")[2].partition("/")[0]
    host, _, port = database.partition(":")
    with Wire(host, int(port)) as wire:
        hold = wire.hold(b"sending", "before")  # the claim of an e-mail: outside of a transaction, which would time out
        through = db.app_url.replace(database, f"127.0.0.1:{wire.port}")
        with processes.worker(tmp_path, FFP_DATABASE_URL=through) as worker:
            first = submitted(member)
            assert hold.reached.wait(60), worker.said()
            second = submitted(member, nprs_now=5)
            until(lambda: settled(db, second.id), 60, worker.said)
            hold.release()
            until(lambda: db.value("select count(*) from emails where status = 'sent'") == 2, 60, worker.said)
    assert settled(db, first.id)


def test_it_is_started_again_and_ends_with_the_worker(
    tmp_path: Path, db: Database, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What works beside the loop is killed: another one takes its place and does what there is to do, and what it
    counts is on the worker's page. Told to end, the worker takes it along.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with processes.worker(tmp_path, FFP_METRICS_PORT=str(port)) as worker:
        first = _child(worker)
        first.kill()
        until(lambda: _children(worker) not in ([], [first]), 30, worker.said)
        submitted(member)
        until(lambda: db.value("select count(*) from emails where status = 'sent'") == 1, 60, worker.said)
        assert '"event":"beside_ended"' in worker.said().replace(" ", "")
        page = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        assert re.search(r'^ffp_.*stage="sending".* [1-9]', page, re.MULTILINE), page
        second = _child(worker)
        worker.popen.terminate()
        assert worker.popen.wait(100) == 0
        assert not second.is_running()
    assert worker.said().count("beside_ended") == 1


def test_it_does_not_outlive_a_killed_worker(tmp_path: Path, member: Person) -> None:
    with processes.worker(tmp_path) as worker:
        child = _child(worker)
        worker.popen.kill()
        until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 10, worker.said)


def _children(worker: processes.Process) -> list[psutil.Process]:
    return psutil.Process(worker.popen.pid).children()


def _child(worker: processes.Process) -> psutil.Process:
    until(lambda: _children(worker), 30, worker.said)
    [found] = _children(worker)
    return found
