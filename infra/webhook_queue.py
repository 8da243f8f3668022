"""What the dispatcher of webhooks and their sender hand each other, over SQS: the sender knows neither the database nor
a secret, and the dispatcher no receiver.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from infra import logs, queue, settings

_BATCH = 10


@dataclass(frozen=True, slots=True)
class Letter:
    """One attempt, ready to be posted until `until_s` (seconds since 1970): after that it is another one's turn.
    `tries` counts as `attempt` does, but from where it was last resent.
    """

    tenant_id: UUID
    delivery_id: UUID
    attempt: int
    tries: int
    until_s: float
    url: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Result:
    tenant_id: UUID
    delivery_id: UUID
    attempt: int
    tries: int
    outcome: str
    status: int | None
    duration_ms: int


def send(letters: Sequence[Letter]) -> int:
    """Returns how many SQS has taken; the others are taken for lost later, and sent again."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - the first letter's to pay for

    queues, taken = settings.webhook_queues(), 0
    if queues is None:
        return 0
    for start in range(0, len(letters), _BATCH):
        batch = letters[start : start + _BATCH]
        entries = [
            {"Id": str(number), "MessageBody": _text(each), "MessageGroupId": str(each.tenant_id)}
            for number, each in enumerate(batch)
        ]
        try:
            answer = queue.client().send_message_batch(QueueUrl=queues.to_send, Entries=entries)  # type: ignore[arg-type]
        except (BotoCoreError, ClientError) as error:
            logs.warning("webhooks_not_queued", count=len(batch), error=type(error).__name__)
            continue
        taken += len(answer.get("Successful", []))
    return taken


def tell(result: Result) -> None:
    """Raises botocore's errors: then the message of the attempt comes back, and so does the attempt."""
    queues = settings.webhook_queues()
    if queues is not None:
        queue.client().send_message(QueueUrl=queues.results, MessageBody=_text(result))


def letter(text: str) -> Letter | None:
    """None for what is none, or is too old to be posted."""
    try:
        found = json.loads(text)
        made = Letter(
            UUID(found["tenant_id"]),
            UUID(found["delivery_id"]),
            int(found["attempt"]),
            int(found["tries"]),
            float(found["until_s"]),
            str(found["url"]),
            {str(name): str(value) for name, value in found["headers"].items()},
            str(found["body"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return made if made.until_s > time.time() else None


def result(text: str) -> Result | None:
    """None for what is none."""
    try:
        found = json.loads(text)
        status = found["status"]
        return Result(
            UUID(found["tenant_id"]),
            UUID(found["delivery_id"]),
            int(found["attempt"]),
            int(found["tries"]),
            str(found["outcome"]),
            None if status is None else int(status),
            int(found["duration_ms"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _text(message: Letter | Result) -> str:
    return json.dumps(asdict(message), default=str, separators=(",", ":"))
