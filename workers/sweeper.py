"""Put back what got stuck: lost messages, dead workers' jobs. Take away what is past its time."""

from typing import Any

from infra import logs, metrics, outbox, registration_sweep, settings
from infra.telemetry import entry
from workers.retention import retain
from workers.sealer import seal


def measure() -> None:
    """How much waits and for how long, by the rows: what they say holds whether or not a message is there just now."""
    waiting = outbox.waiting()
    for queue, state in waiting.by_queue.items():
        metrics.record(metrics.QUEUE_DEPTH, state.depth, queue=queue)
        metrics.record(metrics.QUEUE_AGE_SECONDS, state.age_s, queue=queue)
    metrics.record(metrics.DEAD_JOBS, waiting.dead)
    metrics.record(metrics.RELAY_LAG_SECONDS, waiting.unsent_s)


def sweep() -> dict[str, int]:
    outbox.measure_pace()
    measure()
    counts = outbox.sweep(republish_after_s=settings.republish_after_s())
    counts |= registration_sweep.sweep(kept_h=settings.registration_kept_h())
    if any(counts.values()):
        logs.info("swept", **counts)
    return counts | retain()


@entry("sweeper")
def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    return sweep() | {"sealed": seal()}
