"""Publish the jobs whose message has not gone out: a Lambda each minute, a loop of the worker elsewhere."""

from typing import Any

from infra import logs, outbox, production, queue, settings

_BATCH = 100
_MOST = 50  # batches a run: a minute's schedule must not overlap the next one


def relay() -> int:
    """Empty the outbox, or stop when the queue takes no more. Returns how many messages went out."""
    total = 0
    for _ in range(_MOST):
        sent = outbox.relay(queue.publish, grace_s=settings.relay_grace_s(), limit=_BATCH)
        total += sent
        if sent < _BATCH:
            break
    if total:
        logs.info("relayed", count=total)
    return total


def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    production.refuse("relay")
    return {"relayed": relay()}
