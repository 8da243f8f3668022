"""The queues that no program waits for. Where a worker is a process that stays, they have a process of their own beside
the loop, which is left to scoring and generating: a chunk of an import takes a fifth of a second and a film takes
minutes. It is the worker's child, is nice to it, and ends with it, however that ends (docs/adr/0016).
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from domain.jobs import QUEUE_OF, Transient, backoff_s
from domain.videos import LEASE_S
from infra import garbage, logs, metrics, pools, queue, settings, telemetry
from infra.messages import Unreadable, decode
from infra.metrics import Metric
from workers import videos
from workers.work import deliver

# How many messages a thread takes at once: what it has taken waits for it alone.
MOST = {"bulk": 1, "media": 1, "notifications": 10}
IN_LOOP = frozenset(QUEUE_OF.values()) - set(MOST)
_WAIT_S = 1
_PAUSE_S = 5.0
_NICE = 10  # what programs are made by goes first, where there are not processors enough
_END_S = 10.0  # for what has begun; what takes longer is rolled back, and its message comes again
_LOOK_S = 15.0  # at its own connections
_END = b"."  # what the worker says to it


class Companion:
    """The worker's side of it: starts the process, starts it again where it ends, and ends it."""

    def __init__(self) -> None:
        self._ending = threading.Event()
        self._process, self._door = _started()
        threading.Thread(target=self._hear, name="beside", daemon=True).start()

    def end(self) -> None:
        """Let it end what it has begun. After ten seconds it is killed."""
        self._ending.set()
        try:
            self._door.sendall(_END)
            self._process.wait(_END_S + 1)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()

    def _hear(self) -> None:
        """Its records, for the one page that a worker has."""
        while True:
            with suppress(OSError, ValueError), self._door.makefile("rb") as said:  # it may end in the middle of a line
                for line in said:
                    name, value, labels = json.loads(line)
                    metrics.record(metrics.NAMED[name], value, **labels)
            code = self._process.wait()
            if self._ending.wait(1):
                return
            logs.error("beside_ended", code=code)
            self._door.close()
            self._process, self._door = _started()


def _started() -> "tuple[subprocess.Popen[bytes], socket.socket]":
    ours, theirs = socket.socketpair()
    with theirs:
        return subprocess.Popen([sys.executable, "-m", "workers.beside"], stdin=theirs.fileno()), ours


def main() -> None:
    """The process. It ends when it is told to, and at once where the worker is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # who sends it to all sends it to the worker, which ends this
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICE)
    door = socket.socket(fileno=os.dup(0))
    with Path(os.devnull).open("rb") as nothing:  # what this starts must not read from there
        os.dup2(nothing.fileno(), 0)
    telemetry.begin_child("worker", _told(door) if settings.metrics_address() else None)
    garbage.settle()
    stop = threading.Event()
    threads = start(stop)
    _until_told(door)
    stop.set()
    videos.ending.set()  # a film ends its ffmpeg, and gives the job back
    until = time.monotonic() + _END_S
    for each in threads:
        each.join(max(0.0, until - time.monotonic()))
    pools.close()


def _until_told(door: socket.socket) -> None:
    door.settimeout(_LOOK_S)
    while True:
        try:
            said = door.recv(1)
        except TimeoutError:
            for name, state in pools.states().items():
                for kind, count in (("used", state.used), ("idle", state.idle), ("most", state.most)):
                    metrics.record(metrics.POOL_CONNECTIONS, count, pool=f"{name}-beside", state=kind)
        else:
            if said != _END:
                os._exit(1)  # the worker was killed, and this with it
            return


def _told(door: socket.socket) -> metrics.Sink:
    lock = threading.Lock()

    def tell(metric: Metric, value: float, labels: dict[str, str]) -> None:
        with lock, suppress(OSError):  # the worker is about to be gone, or does not listen
            door.sendall(json.dumps([metric.name, value, labels]).encode() + b"\n")

    return tell


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
            done: list[str] = []
            for message in queue.receive(url, _WAIT_S, MOST[name]):
                if stop.is_set():
                    queue.delay(url, message.receipt_handle, 0)  # somebody else's, at once
                elif _take(url, message, name):
                    done.append(message.receipt_handle)
            queue.delete(url, *done)
        except Exception as error:  # noqa: BLE001 - the queue is down: what is on it stays there
            logs.warning("receive_failed", queue=name, error=type(error).__name__, frames=logs.frames(error))
            stop.wait(_PAUSE_S)


def _take(url: str, message: queue.Received, name: str) -> bool:
    """Whether the message is done with. One that is not stays on its queue."""
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
        return True
    finally:
        logs.clear()
    queue.delay(url, message.receipt_handle, pause)
    return False


if __name__ == "__main__":
    main()
