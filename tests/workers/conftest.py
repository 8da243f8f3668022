"""Jobs to work on, made as the API makes them."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.jobs import Job, message_for
from domain.services import assessments
from infra import queue
from infra.database import unit_of_work
from infra.ids import new_id
from tests.answers import low_back_pain
from tests.conftest import Database, Person
from tests.wire import Wire


def submitted(who: Person, publish: bool = True, **changes: object) -> Job:
    """A committed submission; published like the API publishes it."""
    with unit_of_work(who.context) as uow:
        assessment, _ = assessments.start(uow, "low-back-pain", new_id())
    wanted = assessments.SubmitRequest(
        assessment.id, assessment.revision, str(uuid4()), low_back_pain(**changes), "test"
    )
    with unit_of_work(who.context) as uow:
        job, _ = assessments.submit(uow, wanted, job_id=new_id(), submission_id=new_id(), today=date(2026, 11, 22))
    if publish:
        assert queue.publish([message_for(job)])
        with unit_of_work(who.context) as uow:
            uow.jobs.mark_published(job.id, job.stage)
    return job


def settled(db: Database, job_id: UUID) -> bool:
    return db.value("select status in ('succeeded', 'failed', 'canceled') from jobs where id = %s", job_id)


def assert_done_once(db: Database, job: Job) -> None:
    """I1, I2, I4: one final state, one program, one tenant."""
    [row] = db.rows("select * from jobs where id = %s", job.id)
    assert (row["status"], row["result_type"]) == ("succeeded", "program"), row
    [program] = db.rows("select * from programs where job_id = %s", job.id)
    assert program["id"] == row["result_id"]
    assert program["tenant_id"] == job.tenant_id
    assert program["user_id"] == job.user_id
    scores = "select count(*) from scores c join submissions s on s.id = c.submission_id where s.assessment_id = %s"
    assert db.value(scores, job.assessment_id) == 1
    assert db.value("select count(*) from sessions where program_id = %s", program["id"]) > 0


@pytest.fixture
def member(person: Callable[..., Person], queues: dict[str, str]) -> Person:
    return person("acme")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, queues: dict[str, str]) -> None:
    """Leases and periods of a second, so that a test sees them end."""
    from infra.local import clients

    for name, value in {
        "FFP_LEASE_S": "1.5", "FFP_VISIBILITY_S": "2", "FFP_RELAY_PERIOD_S": "0.3", "FFP_RELAY_GRACE_S": "0.5",
        "FFP_REPUBLISH_AFTER_S": "3",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    client = clients.sqs(queues["scoring"].rpartition("/")[0].rpartition("/")[0])
    for name in ("scoring", "generation"):
        client.set_queue_attributes(QueueUrl=queues[name], Attributes={"VisibilityTimeout": "2"})


@pytest.fixture
def database_wire(db: Database) -> Iterator[Wire]:
    host, _, port = db.app_url.rpartition("@")[2].partition("/")[0].partition(":")
    with Wire(host, int(port)) as wire:
        yield wire


@pytest.fixture
def through(db: Database, database_wire: Wire) -> dict[str, str]:
    """The environment of a process whose database lies behind the wire."""
    address = db.app_url.rpartition("@")[2].partition("/")[0]
    return {"FFP_DATABASE_URL": db.app_url.replace(address, f"127.0.0.1:{database_wire.port}")}


@pytest.fixture
def doing(person: Callable[..., Person], queues: dict[str, str], db: Database) -> Callable[..., tuple[Person, UUID]]:
    """Somebody with an active program."""
    from workers.work import deliver

    def make(tenant: str = "acme", *, review: bool = False, **answers: Any) -> tuple[Person, UUID]:
        who = person(tenant, review=review)
        job = submitted(who, publish=False, **answers)
        deliver(message_for(job))
        generating = db.rows("select * from jobs where id = %s", job.id)[0]
        message = message_for(job)
        deliver(type(message)(message.tenant_id, message.job_id, "generating", generating["correlation_id"]))
        if review:
            db.rows("update programs set status = 'active'")
        return who, db.value("select id from programs where user_id = %s", who.context.user_id)

    return make
