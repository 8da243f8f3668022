"""What takes long, or waits for somebody else, holds up no program."""

from pathlib import Path

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
