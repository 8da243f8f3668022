"""The queues that no program waits for. Where a worker is a process that stays, each has a thread of its own beside the
loop, which is left to scoring and generating: a chunk of an import takes a fifth of a second and a film takes minutes,
and most of both is waiting for somebody else.
"""

import random
import threading

from domain.jobs import QUEUE_OF, Transient, backoff_s
from domain.videos import LEASE_S
from infra import logs, queue, settings
from infra.messages import Unreadable, decode
from workers.work import deliver

# How many messages a thread takes at once: what it has taken waits for it alone.
MOST = {"bulk": 1, "media": 1, "notifications": 4}
IN_LOOP = frozenset(QUEUE_OF.values()) - set(MOST)
_WAIT_S = 1
_PAUSE_S = 5.0


def start(stop: threading.Event) -> list[threading.Thread]:
    """Until `stop`: then each ends what it has begun, and takes nothing more."""
    threads = [threading.Thread(target=_run, name=each, args=(stop, each), daemon=True) for each in MOST]
    for each in threads:
        each.start()
    return threads


def _run(stop: threading.Event, name: str) -> None:
    """Nothing that fails here ends it."""
    url = settings.queues().urls.get(name)
    while url is not None and not stop.is_set():
        try:
            for message in queue.receive(url, _WAIT_S, MOST[name]):
                if stop.is_set():
                    queue.delay(url, message.receipt_handle, 0)  # somebody else's, at once
                else:
                    _take(url, message, name)
        except Exception as error:  # noqa: BLE001 - the queue is down: what is on it stays there
            logs.warning("receive_failed", queue=name, error=type(error).__name__, frames=logs.frames(error))
            stop.wait(_PAUSE_S)


def _take(url: str, message: queue.Received, name: str) -> None:
    """A message that is not done with stays on its queue."""
    if name == "media":
        queue.delay(url, message.receipt_handle, LEASE_S)  # it stays away for as long as the job is ours
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
