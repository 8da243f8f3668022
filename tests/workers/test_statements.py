"""What each task asks of PostgreSQL, counted on the wire."""

from collections.abc import Callable, Iterator

import pytest

from domain.jobs import Message, message_for
from infra import pools
from tests.conftest import Database, Person
from tests.statements import Recorder
from tests.workers.conftest import assert_done_once, submitted
from workers.work import deliver


@pytest.fixture
def recorder(db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with Recorder(db.app_url) as found:
        monkeypatch.setenv("FFP_DATABASE_URL", found.url)
        pools.close()
        yield found
        pools.close()


def test_the_cost_of_each_task(
    recorder: Recorder, db: Database, person: Callable[..., Person], queues: dict[str, str]
) -> None:
    """One function a round trip: claim and finish, the mark of the next message, the look for a solved spec."""
    costs, sent = [], []
    for tenant in ("acme", "globex"):  # the first also parses the template and solves the spec
        job = submitted(person(tenant), publish=False)
        for message in (message_for(job), Message(job.tenant_id, job.id, "generating", "c")):
            with recorder.count() as asked:
                deliver(message)
            costs.append((asked.statements, asked.round_trips))
        sent.append(asked.sent)
        with recorder.count() as again:
            deliver(message_for(job))
        assert (again.statements, again.round_trips) == (1, 1)  # nothing left to do: the claim says so
        assert_done_once(db, job)
    assert costs == [(3, 3), (3, 3), (3, 3), (3, 3)]
    assert sent[1] < sent[0] - 20_000  # a plan that the database has is not sent to it again


def test_the_cost_of_an_email(recorder: Recorder, db: Database, doing: Callable[..., object]) -> None:
    """Claim, read and finish; between the two of them the mail service has it."""
    doing()
    [row] = db.rows("select tenant_id, id from jobs where kind = 'email'")
    with recorder.count() as asked:
        deliver(Message(row["tenant_id"], row["id"], "sending", "c"))
    assert (asked.statements, asked.round_trips) == (3, 3)
    assert db.value("select status from emails") == "sent"
