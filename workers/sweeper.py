"""Put back what got stuck: lost messages, dead workers' jobs, old idempotency keys."""

from typing import Any

from infra import logs, outbox, production, settings
from workers.sealer import seal


def sweep() -> dict[str, int]:
    outbox.measure_pace()
    counts = outbox.sweep(republish_after_s=settings.republish_after_s())
    if any(counts.values()):
        logs.info("swept", **counts)
    return counts


def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    production.refuse("sweeper")
    return sweep() | {"sealed": seal()}
