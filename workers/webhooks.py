"""The dispatcher of webhooks: signs what is due, hands it to the sender, and writes down how it went.

It may be killed anywhere. What it had claimed is taken for lost when its time is over, and goes out again under the
same webhook-id; what it had not written down is told once more.
"""

import random
import threading
import time
from typing import Any

from domain.webhooks import body, headers, next_try_s
from infra import background, logs, queue, settings, webhook_outbox, webhook_queue
from infra.telemetry import entry
from infra.webhook_outbox import Connection
from infra.webhook_queue import Letter

_BATCH = 50
_WAIT_S = 1
_PAUSE_S = 5.0
_SCHEDULED_S = 45.0  # of a minute
_PRUNE_EACH_S = 3600.0
_USER_AGENT = "FFP-Webhooks/1"


@entry("webhooks")
def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    """Each minute: works while there is something to do."""
    done = 0
    end = time.monotonic() + _SCHEDULED_S
    with background.connected("webhooks") as connection:
        webhook_outbox.prune(connection)
        while time.monotonic() < end and (turned := turn(connection)):
            done += turned
    return {"done": done}


def run(stop: threading.Event) -> None:
    """Until `stop`. Nothing that fails here ends it."""
    pruned_at = time.monotonic()
    while not stop.is_set():
        try:
            with background.connected("webhooks") as connection:
                while not stop.is_set():
                    turn(connection)
                    if time.monotonic() - pruned_at > _PRUNE_EACH_S:
                        webhook_outbox.prune(connection)
                        pruned_at = time.monotonic()
        except Exception as error:  # noqa: BLE001 - what was under way is taken for lost, and sent again
            logs.warning("webhooks_failed", error=type(error).__name__, frames=logs.frames(error))
            stop.wait(_PAUSE_S)


def turn(connection: Connection) -> int:
    """Send what is due, write down what was heard; waits a second where there is nothing. Returns how much it was."""
    return dispatch(connection) + take_results(connection)


def dispatch(connection: Connection) -> int:
    """Sign what is due and hand it over. Returns how many."""
    lease_s = settings.webhook_lease_s()
    now = time.time()
    letters = []
    for due in webhook_outbox.claim(connection, _BATCH, lease_s):
        content = body(due.type, due.subject_id, due.created_at)
        signed = headers(due.id, int(now), content, due.secrets)
        plain = {"content-type": "application/json", "user-agent": _USER_AGENT}
        # The sender stops before the dispatcher takes it for lost.
        until_s = now + lease_s * 0.8
        letters.append(
            Letter(due.tenant_id, due.id, due.attempt, due.tries, until_s, due.url, plain | signed, content.decode())
        )
    if letters:
        webhook_queue.send(letters)
    return len(letters)


def take_results(connection: Connection) -> int:
    """Write down how attempts went, and when the next ones are. Returns how many were heard of."""
    queues = settings.webhook_queues()
    if queues is None:
        return 0
    found = queue.receive(queues.results, _WAIT_S)
    for message in found:
        result = webhook_queue.result(message.body)
        if result is None:
            logs.error("webhook_result_unreadable", message_id=message.id)
        else:
            chance = random.random()  # noqa: S311 # nosec B311 # a jitter guards nothing
            next_s = None if result.outcome == "gone" else next_try_s(result.tries, chance)
            said = webhook_outbox.note(connection, result, next_s)
            told = {
                "delivery_id": str(result.delivery_id),
                "tenant_id": str(result.tenant_id),
                "outcome": result.outcome,
            }
            logs.info("webhook", said=said, attempt=result.attempt, status=result.status, **told)
        queue.delete(queues.results, message.receipt_handle)
    return len(found)
