"""Jobs that die as jobs die: their stage fails each time it is tried, and SQS gives their message up."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg

from domain.jobs import Job, Message, message_for
from infra.messages import encode
from tests.conftest import Database, Person
from tests.workers.conftest import submitted
from workers import dead_letters, sqs


def record(body: str, queue: str = "scoring", message_id: str | None = None) -> dict[str, Any]:
    """As Lambda's event source gives one."""
    return {
        "messageId": message_id or str(uuid4()),
        "receiptHandle": "handle",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSourceARN": f"arn:aws:sqs:eu-west-2:000000000000:{queue}",
    }


@contextmanager
def poisoned(db: Database) -> Iterator[None]:
    """Meanwhile nothing that was submitted before can be scored: its template cannot be read."""
    db.rows("alter table templates disable trigger templates_guard")
    document = db.value("select document::text from templates where slug = 'low-back-pain' and tenant_id is null")
    good = db.value("select content_hash from templates where slug = 'low-back-pain' and tenant_id is null")
    change = "update templates set document = %s, content_hash = %s where slug = 'low-back-pain'"
    db.rows("update submissions set template_hash = 'broken'")
    db.rows(change, '{"broken": 1}', "broken")
    try:
        yield
    finally:
        db.rows(change, document, good)


def due() -> None:
    """What waits to be tried again may be: its pause is over."""
    _change("update jobs set available_at = null")


def _next(job: Job) -> None:
    _change("update jobs set available_at = null, turn = -1 where id = %s", job.id)


def _change(statement: str, *params: object) -> None:
    with psycopg.connect(os.environ["FFP_ADMIN_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(statement, params)


def exhaust(job: Job, message: Message | None = None) -> None:
    """Deliver its message as often as SQS does, the job being the next one each time."""
    for _ in range(5):
        _next(job)
        answer = sqs.handler({"Records": [record(encode(message or message_for(job)))]}, None)
        assert answer["batchItemFailures"]


def consume(body: str, queue: str = "scoring-dlq", message_id: str | None = None) -> bool:
    """Whether the consumer is done with the message, so that SQS deletes it."""
    answer = dead_letters.handler({"Records": [record(body, queue, message_id)]}, None)
    return not answer["batchItemFailures"]


def dead(db: Database, who: Person) -> tuple[Job, UUID]:
    """A job that has died in scoring, its message taken in, and the id of its letter. Its template is well again."""
    job = submitted(who, publish=False)
    die(db, job)
    letter: UUID = db.value("select id from dead_letters where job_id = %s", job.id)
    return job, letter


def die(db: Database, job: Job) -> None:
    with poisoned(db):
        exhaust(job)
    assert consume(encode(message_for(job)))
