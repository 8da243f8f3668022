"""Publish the jobs whose message has not gone out: a Lambda each minute, a loop of the worker elsewhere."""

import time
from typing import Any

from infra import logs, outbox, queue, settings
from infra.telemetry import entry

_BATCH = 100
_MOST = 50  # batches a run: a minute's schedule must not overlap the next one
_SCHEDULED_S = 45.0  # of a minute, while jobs wait for their turn
_BREATH_S = 1.0


def relay() -> int:
    """Publish what is overdue and what has its turn, or stop when the queue takes no more. Returns how many messages
    went out.
    """
    total = 0
    for step in (outbox.relay, outbox.release):
        for _ in range(_MOST):
            sent = step(queue.publish, grace_s=settings.relay_grace_s(), limit=_BATCH)
            total += sent
            if sent < _BATCH:
                break
    if total:
        logs.info("relayed", count=total)
    return total


@entry("relay")
def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    """While jobs wait for their turn it looks each second: a limit that changes acts at once, not with the minute."""
    end = time.monotonic() + _SCHEDULED_S
    total = relay()
    while outbox.backlog() and time.monotonic() < end:
        time.sleep(_BREATH_S)
        total += relay()
    return {"relayed": total}
