"""The sender of webhooks: posts what is on its queue, and tells how it went. It has the internet, and no database: on
AWS a function outside the VPC, with neither a secret nor a network that leads to one.
"""

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from infra import http_sender, logs, queue, settings, webhook_queue
from infra.telemetry import entry
from infra.webhook_queue import Result

_WAIT_S = 1
_PAUSE_S = 5.0
_RECEIVED = 10  # messages at most of one receive
_AT_ONCE = 60  # posts: those to slow receivers hold up nobody else's


@entry("webhook_sender")
def handler(event: dict[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Returns SQS's partial batch response: whoever is named in it comes back."""
    records = event["Records"]
    with ThreadPoolExecutor(_RECEIVED) as posts:
        posted = list(posts.map(lambda record: _tried(record["body"]), records))
    failed = [record["messageId"] for record, done in zip(records, posted, strict=True) if not done]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def run(stop: threading.Event) -> None:
    """Until `stop`. Nothing that fails here ends it."""
    queues = settings.webhook_queues()
    if queues is None:
        return
    under_way: set[Future[None]] = set()
    with ThreadPoolExecutor(_AT_ONCE) as posts:
        while not stop.is_set():
            try:
                for message in queue.receive(queues.to_send, _WAIT_S):
                    under_way.add(posts.submit(_take, queues.to_send, message))
                under_way = _with_room(under_way)
            except Exception as error:  # noqa: BLE001 - the queue is down: what is on it stays there
                logs.warning("webhook_sender_failed", error=type(error).__name__, frames=logs.frames(error))
                stop.wait(_PAUSE_S)


def _with_room(under_way: set[Future[None]]) -> set[Future[None]]:
    """What is still under way once there is room for another receive. Raises what one that has ended has raised."""
    done = {each for each in under_way if each.done()}
    while len(under_way - done) > _AT_ONCE - _RECEIVED:
        done |= wait(under_way - done, return_when=FIRST_COMPLETED).done
    for each in done:
        under_way.discard(each)
        each.result()
    return under_way


def _take(url: str, message: queue.Received) -> None:
    """A message is gone only once it has been told how it went."""
    if _tried(message.body):
        queue.delete(url, message.receipt_handle)


def _tried(text: str) -> bool:
    """Whether the message is done with. What is too old is left to another attempt."""
    letter = webhook_queue.letter(text)
    if letter is None:
        return True
    posted = http_sender.post(
        letter.url, letter.headers, letter.body.encode(), allow_private=settings.webhook_allow_private()
    )
    try:
        webhook_queue.tell(
            Result(
                letter.tenant_id,
                letter.delivery_id,
                letter.attempt,
                letter.tries,
                posted.outcome,
                posted.status,
                posted.duration_ms,
            )
        )
    except Exception as error:  # noqa: BLE001 - it comes back, and is posted again under the same webhook-id
        logs.warning("webhook_result_not_told", error=type(error).__name__)
        return False
    return True
