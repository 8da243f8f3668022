"""The bytes on the queue: Celery's message protocol 2 as kombu's SQS transport writes and reads it, in plain JSON.

Written here so that neither the API nor a Lambda worker has to import Celery; tests/workers proves that Celery reads
what this writes, and that this reads what Celery writes.
"""

import json
from uuid import UUID

from domain.jobs import QUEUE_OF, TASK_OF, Message, Stage
from infra.ids import new_id

MAX_BYTES = 8_192
_MAX_REPLAYS = 2**31  # what PostgreSQL counts to
_STAGE_OF: dict[str, Stage] = {task: stage for stage, task in TASK_OF.items()}


class Unreadable(Exception):
    """Not a message of ours. It is never dropped: it goes to the dead-letter queue."""


def encode(message: Message) -> str:
    """Ids only. The arguments are masked in the headers, where Celery would print them."""
    task_id = str(message.id or new_id())
    task = TASK_OF[message.stage]
    queue = QUEUE_OF[message.stage]
    kwargs = {"job_id": str(message.job_id)}
    return json.dumps(
        {
            "body": json.dumps([[], kwargs, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": task,
                "id": task_id,
                "root_id": task_id,
                "parent_id": None,
                "group": None,
                "argsrepr": "()",
                "kwargsrepr": "{***}",
                "ignore_result": True,
                "ffp": {
                    "tenant_id": str(message.tenant_id),
                    "correlation_id": message.correlation_id,
                    "traceparent": message.traceparent,
                    "replay": message.replay,
                },
            },
            "properties": {
                "correlation_id": task_id,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
                "delivery_tag": task_id,
            },
        }
    )


def decode(body: str) -> Message:
    """Raises Unreadable for whatever is not one of our messages, however odd."""
    if len(body) > MAX_BYTES:
        raise Unreadable
    try:
        envelope = json.loads(body)
        if envelope["content-type"] != "application/json":
            raise Unreadable
        _, kwargs, _ = json.loads(envelope["body"])
        headers = envelope["headers"]
        return message_from(headers["task"], headers["id"], kwargs["job_id"], headers["ffp"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Unreadable from None


def message_from(task: str, message_id: object, job_id: object, ours: object) -> Message:
    """A message from what a Celery task is given: its name, its id, its argument, our header. Raises Unreadable."""
    if task not in _STAGE_OF or not isinstance(ours, dict):
        raise Unreadable
    correlation_id, traceparent, replay = ours.get("correlation_id"), ours.get("traceparent"), ours.get("replay", 0)
    if not isinstance(correlation_id, str) or not isinstance(traceparent, str | None) or type(replay) is not int:
        raise Unreadable
    if not 0 <= replay < _MAX_REPLAYS or not f"{correlation_id}{traceparent}".isprintable():
        raise Unreadable
    try:
        return Message(
            UUID(str(ours.get("tenant_id"))), UUID(str(job_id)), _STAGE_OF[task], correlation_id, traceparent, replay,
            id=UUID(str(message_id)),
        )  # fmt: skip
    except ValueError:
        raise Unreadable from None
