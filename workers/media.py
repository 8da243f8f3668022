"""The way in for videos: Lambda's entry for their queue, and elsewhere a thread beside the worker, since a film takes
minutes that nobody's program should wait for.
"""

import random
import threading
from typing import Any

from domain.jobs import Transient, backoff_s
from domain.videos import LEASE_S
from infra import logs, queue, settings
from infra.messages import Unreadable, decode
from infra.telemetry import entry
from workers import sqs, videos
from workers.work import deliver

_WAIT_S = 1
_PAUSE_S = 5.0


@entry("media")
def handler(event: dict[str, Any], _context: Any) -> dict[str, list[dict[str, str]]]:
    """One record at a time: the function's timeout is a film's."""
    failures = [record["messageId"] for record in event["Records"] if not sqs.handled(record)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}


def run(stop: threading.Event) -> None:
    """Until `stop`. Nothing that fails here ends it."""
    url = settings.queues().urls.get("media")
    while url is not None and not stop.is_set():
        try:
            for message in queue.receive(url, _WAIT_S):
                _take(url, message)
        except Exception as error:  # noqa: BLE001 - the queue is down: what is on it stays there
            logs.warning("media_failed", error=type(error).__name__, frames=logs.frames(error))
            stop.wait(_PAUSE_S)


def _take(url: str, message: queue.Received) -> None:
    """Its message stays away for as long as the job is ours."""
    if videos.ending.is_set():
        return
    queue.delay(url, message.receipt_handle, LEASE_S)
    pause = backoff_s(1, random.random())  # noqa: S311 # nosec B311 # spreads retries
    try:
        deliver(decode(message.body))
    except Unreadable:
        logs.error("message_unreadable", message_id=message.id)
    except Transient as error:
        pause = error.retry_in or pause
    except Exception as error:  # noqa: BLE001 - recorded by `deliver`
        logs.warning("delivery_failed", error=type(error).__name__)
    else:
        queue.delete(url, message.receipt_handle)
        return
    finally:
        logs.clear()
    queue.delay(url, message.receipt_handle, pause)
