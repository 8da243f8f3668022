"""Put back what got stuck: lost messages, dead workers' jobs. Take away what is past its time."""

from typing import Any

from infra import logs, outbox, production, registration_sweep, settings
from workers.retention import retain
from workers.sealer import seal


def sweep() -> dict[str, int]:
    outbox.measure_pace()
    counts = outbox.sweep(republish_after_s=settings.republish_after_s())
    counts |= registration_sweep.sweep(kept_h=settings.registration_kept_h())
    if any(counts.values()):
        logs.info("swept", **counts)
    return counts | retain()


def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    production.refuse("sweeper")
    return sweep() | {"sealed": seal()}
