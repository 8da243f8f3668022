"""One worker: a Celery worker on the queues that programs wait for, what AWS runs on schedules in threads beside it,
and a process for the other queues.
"""

import threading
import warnings

from celery.platforms import SecurityWarning
from celery.signals import worker_ready, worker_shutdown

from infra import garbage, logs, pools, production, settings
from infra.declared import Door
from workers import beside, dead_letters, reminders, replays, training, webhook_sender, webhooks
from workers.relay import relay
from workers.sealer import seal
from workers.sweeper import sweep

_stop = threading.Event()
_beside: list[beside.Companion] = []


def _loop() -> None:
    """Each period: what got stuck, what is unsealed, what is unpublished. Nothing that fails here ends the worker."""
    while not _stop.is_set():
        for step in (sweep, seal, relay):
            try:
                step()
            except Exception as error:  # noqa: BLE001 - the next period tries again
                facts = {"error": type(error).__name__, "frames": logs.frames(error)}
                logs.warning("schedule_failed", step=step.__name__, **facts)
        _stop.wait(settings.relay_period_s())


@worker_ready.connect  # type: ignore[untyped-decorator]
def _ready(**_: object) -> None:
    garbage.settle()
    _beside.append(beside.Companion())
    if settings.relay_in_worker():
        threading.Thread(target=_loop, name="relay", daemon=True).start()
        threading.Thread(target=dead_letters.run, name="dead-letters", args=(_stop,), daemon=True).start()
        threading.Thread(target=replays.run, name="replayer", args=(_stop,), daemon=True).start()
        threading.Thread(target=training.run, name="missed-sessions", args=(_stop,), daemon=True).start()
        threading.Thread(target=reminders.run, name="reminders", args=(_stop,), daemon=True).start()
    if settings.relay_in_worker() and settings.webhook_queues() is not None:
        threading.Thread(target=webhooks.run, name="webhooks", args=(_stop,), daemon=True).start()
        threading.Thread(target=webhook_sender.run, name="webhook-sender", args=(_stop,), daemon=True).start()


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def _shutdown(**_: object) -> None:
    _stop.set()
    for each in _beside:
        each.end()
    pools.close()


if __name__ == "__main__":
    schedules: tuple[Door, ...] = ("relay", "sweeper", "dead_letters", "replays", "missed_sessions")
    production.refuse("worker", *(schedules if settings.relay_in_worker() else ()))
    from workers.celery_app import app  # it reads its settings, so they are looked at first

    # Celery warns root of pickled messages; this worker takes nothing but JSON.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    # One task at a time in this very process: a kill takes the whole worker, and more workers are more processes.
    app.worker_main(
        [
            "--quiet",  # its banner is no line of a log
            "worker",
            "--pool",
            "solo",
            "--queues",
            ",".join(sorted(beside.IN_LOOP)),
            "--loglevel",
            "ERROR",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )
