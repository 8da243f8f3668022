"""Lambda's entry for the work queues: a batch of SQS records, each on its own, failures reported one by one."""

import random
from typing import Any

from domain.jobs import Transient, backoff_s
from infra import logs, queue
from infra.messages import Unreadable, decode
from infra.telemetry import entry
from workers.work import deliver

# Records are left to a next invocation rather than cut off half-way: a stage takes a few seconds at most.
_RESERVE_MS = 10_000


@entry("sqs")
def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Returns SQS's partial batch response: whoever is named in it comes back, everyone else is deleted."""
    failures = []
    for record in event["Records"]:
        out_of_time = context is not None and context.get_remaining_time_in_millis() < _RESERVE_MS
        if out_of_time or not handled(record):
            failures.append(record)
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failures]}


def handled(record: dict[str, Any]) -> bool:
    """Whether the message is done with. Whatever goes wrong, it stays on the queue, to come back after a pause and
    to end in the dead-letter queue after its last receive.
    """
    pause = backoff_s(int(record["attributes"]["ApproximateReceiveCount"]), random.random())  # noqa: S311 # nosec B311 # spreads retries
    try:
        deliver(decode(record["body"]))
    except Unreadable:
        logs.error("message_unreadable", message_id=record["messageId"])
    except Transient as error:
        pause = error.retry_in or pause
    except Exception as error:  # noqa: BLE001 - recorded by `deliver`; one record must not fail its batch
        logs.warning("delivery_failed", error=type(error).__name__)
    else:
        return True
    finally:
        logs.clear()
    queue.delay(record["eventSourceARN"], record["receiptHandle"], pause)
    return False
