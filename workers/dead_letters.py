"""Dead-letter queues become a table. A message is deleted only after PostgreSQL has it.

A Lambda function with the dead-letter queues as event sources on AWS, a loop of the worker elsewhere. Where PostgreSQL
is down the messages stay, for 14 days.
"""

import threading
from typing import Any

from domain.errors import Unavailable
from infra import background, dead_letters, logs, metrics, queue
from infra.telemetry import entry

_WAIT_S = 1
_PAUSE_S = 5.0


@entry("dead_letters")
def handler(event: dict[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Returns SQS's partial batch response: whoever is named in it comes back, everyone else is deleted."""
    kept: set[str] = set()
    try:
        with background.connected("dead-letters") as connection:
            for record in event["Records"]:
                name = record["eventSourceARN"].rpartition(":")[2]
                if _take(connection, record["messageId"], name, record["body"]):
                    kept.add(record["messageId"])
    except Unavailable as error:
        logs.error("dead_letters_not_kept", reason=str(error.args))
    failed = [each["messageId"] for each in event["Records"] if each["messageId"] not in kept]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def run(stop: threading.Event) -> None:
    """Take what comes, until `stop`. Nothing that fails here ends it."""
    while not stop.is_set():
        try:
            with background.connected("dead-letters") as connection:
                while not stop.is_set():
                    for url in queue.dead_letter_urls():
                        _drain(connection, url)
        except Exception as error:  # noqa: BLE001 - the database or the queue is down: the messages stay where they are
            logs.warning("dead_letters_failed", error=type(error).__name__, frames=logs.frames(error))
            stop.wait(_PAUSE_S)


def _drain(connection: background.Connection, url: str) -> None:
    name = url.rpartition("/")[2]
    while found := queue.receive(url, _WAIT_S):
        for message in found:
            if _take(connection, message.id, name, message.body):
                queue.delete(url, message.receipt_handle)


def _take(connection: background.Connection, message_id: str, queue_name: str, body: str) -> bool:
    """Whether the message may be deleted. One that cannot be stored is no reason to lose the ones after it."""
    try:
        outcome = dead_letters.take(connection, message_id, queue_name, body)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it
        logs.error("dead_letter_refused", message_id=message_id, error=type(error).__name__)
        return False
    level = logs.error if outcome == "kept" else logs.info
    if outcome == "kept":
        metrics.record(metrics.DEAD_LETTERS)
    level("dead_letter", outcome=outcome, message_id=message_id, queue=queue_name)
    return outcome != "later"
