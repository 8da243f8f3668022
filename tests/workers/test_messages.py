"""The bytes on the queue: what every publisher writes, every consumer takes, and nothing else gets far."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.jobs import TASK_OF, Message, message_for
from infra.local import clients
from infra.messages import MAX_BYTES, Unreadable, decode, encode
from tests import processes
from tests.conftest import Database, Person
from tests.processes import until
from tests.workers.conftest import assert_done_once, settled, submitted


def client(queues: dict[str, str]) -> Any:
    return clients.sqs(queues["scoring"].rpartition("/")[0].rpartition("/")[0])


def depth(queues: dict[str, str], name: str) -> int:
    found = client(queues).get_queue_attributes(
        QueueUrl=queues[name],
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return sum(int(value) for value in found.values())


@pytest.mark.parametrize("stage", list(TASK_OF))
def test_what_is_written_is_read(stage: Any) -> None:
    message = Message(uuid4(), uuid4(), stage, "request-1", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    assert decode(encode(message)) == message


def test_a_message_carries_ids_only() -> None:
    message = Message(uuid4(), uuid4(), "scoring", "request-1")
    envelope = json.loads(encode(message))
    assert json.loads(envelope["body"])[:2] == [[], {"job_id": str(message.job_id)}]
    assert envelope["headers"]["kwargsrepr"] == "{***}"
    assert len(encode(message)) < MAX_BYTES / 4


@pytest.mark.usefixtures("quick")
def test_celery_itself_writes_what_the_lambda_reads_and_reads_what_the_api_writes(
    tmp_path: Path, db: Database, member: Person, queues: dict[str, str]
) -> None:
    """One job published by our writer, one by Celery's; both worked on by a real Celery worker."""
    from workers.celery_app import create_app

    ours, celerys = submitted(member), submitted(member, publish=False)
    create_app().send_task(
        TASK_OF["scoring"],
        kwargs={"job_id": str(celerys.id)},
        queue="scoring",
        headers={"ffp": {"tenant_id": str(celerys.tenant_id), "correlation_id": "c", "traceparent": None}},
    )
    raw = client(queues).receive_message(QueueUrl=queues["scoring"], MaxNumberOfMessages=10, VisibilityTimeout=0)
    assert {decode(message["Body"]).job_id for message in raw["Messages"]} <= {ours.id, celerys.id}
    with processes.worker(tmp_path, FFP_RELAY="off") as worker:
        until(lambda: settled(db, ours.id) and settled(db, celerys.id), 20, worker.said)
    assert_done_once(db, ours)
    assert_done_once(db, celerys)


@given(st.one_of(st.text(max_size=200), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["body", "headers", "ffp", "task", "properties", "x"]), inner, max_size=4)).map(json.dumps)))  # fmt: skip
def test_nothing_but_our_messages_is_read(body: str) -> None:
    with pytest.raises(Unreadable):
        decode(body)


def hostile(job: Message) -> dict[str, str]:
    good = json.loads(encode(job))
    other_task = json.loads(encode(job))
    other_task["headers"]["task"] = "os.system"
    pickled = json.loads(encode(job)) | {"content-type": "application/x-python-serialize"}
    no_header = json.loads(encode(job))
    del no_header["headers"]["ffp"]
    return {
        "text": "not json",
        "empty": "{}",
        "list": "[]",
        "deep": "[" * 50_000 + "]" * 50_000,
        "deep_object": '{"body":' * 20_000 + "1" + "}" * 20_000,
        "large": json.dumps(good | {"padding": "x" * 200_000}),
        "unknown_task": json.dumps(other_task),
        "pickle": json.dumps(pickled),
        "no_tenant": json.dumps(no_header),
        "bad_properties": json.dumps(good | {"properties": 5, "headers": [1]}),
        "bad_delivery": json.dumps(good | {"properties": {"delivery_info": "x"}, "body": 3}),
        "bad_body": json.dumps(good | {"body": "{{{"}),
        "unknown_job": encode(Message(job.tenant_id, uuid4(), "scoring", "c")),
        "foreign_tenant": encode(Message(uuid4(), job.job_id, "scoring", "c")),
        "wrong_stage": encode(Message(job.tenant_id, job.job_id, "generating", "c")),
    }


@pytest.mark.usefixtures("quick")
def test_a_worker_survives_hostile_messages_and_none_is_lost(
    tmp_path: Path, db: Database, member: Person, queues: dict[str, str]
) -> None:
    """Every one ends in the dead-letter queue, whole; the good job beside them is done."""
    victim = submitted(member, publish=False)
    db.rows("update jobs set available_at = now() + interval '1 hour'")  # and no other message is a permit for it
    bodies = hostile(message_for(victim))
    sqs = client(queues)
    redrive = sqs.get_queue_attributes(QueueUrl=queues["scoring"], AttributeNames=["RedrivePolicy"])["Attributes"]
    fewer = json.loads(redrive["RedrivePolicy"]) | {"maxReceiveCount": 2}
    sqs.set_queue_attributes(QueueUrl=queues["scoring"], Attributes={"RedrivePolicy": json.dumps(fewer)})
    for body in bodies.values():
        sqs.send_message(QueueUrl=queues["scoring"], MessageBody=body)
    good = submitted(member)
    with processes.worker(tmp_path, FFP_RELAY="off") as worker:
        until(lambda: settled(db, good.id), 20, worker.said)
        until(
            lambda: depth(queues, "scoring-dlq") >= len(bodies),
            60,
            lambda: f"{depth(queues, 'scoring-dlq')} of {len(bodies)}, {depth(queues, 'scoring')} left",
        )
        assert worker.popen.poll() is None
    assert_done_once(db, good)
    # A message for another tenant, an unknown job or a later stage did no work.
    assert db.value("select status from jobs where id = %s", victim.id) == "queued"
    assert db.value("select count(*) from attempts where job_id = %s", victim.id) == 0
    kept = set()
    while found := sqs.receive_message(QueueUrl=queues["scoring-dlq"], MaxNumberOfMessages=10).get("Messages"):
        kept |= {message["Body"] for message in found}
    assert kept == set(bodies.values())
