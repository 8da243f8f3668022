"""Let a client wait for a change without holding a thread or a database connection.

One LISTEN connection per process hears every change (migrations/versions/0011) and wakes who waits for it. Where none
runs (a Lambda serves one request at a time), the waiter looks again in short, growing steps.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import monotonic
from uuid import UUID

from domain.jobs import Job
from infra import listener
from infra.listener import Change

_FIRST_LOOK_S, _LAST_LOOK_S = 0.05, 0.5


class Subscription:
    """What has changed for one waiter. `gap`: something may have, and nobody knows what."""

    def __init__(self, hears: bool) -> None:
        self._hears = hears
        self._signal = asyncio.Event()
        self._pause = _FIRST_LOOK_S
        self._changes: set[Change] = set()
        self._gap = False

    def add(self, change: Change | None) -> None:
        if change is None:
            self._gap = True
        else:
            self._changes.add(change)
        self._signal.set()

    async def next(self, seconds: float) -> frozenset[Change] | None:
        """What has changed since the last call, as soon as something has, or nothing after `seconds`. None: look at
        everything again.
        """
        if not self._hears:
            await asyncio.sleep(min(self._pause, seconds))
            self._pause = min(self._pause * 1.5, _LAST_LOOK_S)
            return None
        try:
            await asyncio.wait_for(self._signal.wait(), seconds)
        except TimeoutError:
            return frozenset()
        found = None if self._gap else frozenset(self._changes)
        self._signal.clear()
        self._changes.clear()
        self._gap = False
        return found


class ChangeWatch:
    """Wakes coroutines of one event loop. `notify` may be called from any thread."""

    def __init__(self) -> None:
        self._waiting: defaultdict[UUID, set[Subscription]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def hears(self) -> bool:
        """Whether changes are heard. Where not, waiters have to look for themselves."""
        return self._loop is not None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear the database as long as the block runs."""
        self._loop = asyncio.get_running_loop()
        stop = threading.Event()
        thread = threading.Thread(target=listener.run, args=(self.notify, stop), name="listener", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            self._loop = None
            await asyncio.to_thread(thread.join, 3)

    @contextmanager
    def subscribed(self, topic: UUID) -> Iterator[Subscription]:
        """Hear of one job, or of everything of one user, as long as the block runs."""
        subscription = Subscription(self.hears)
        self._waiting[topic].add(subscription)
        try:
            yield subscription
        finally:
            self._waiting[topic].discard(subscription)
            if not self._waiting[topic]:
                del self._waiting[topic]

    def notify(self, change: Change | None) -> None:
        """Wake who waits for this; None wakes all, after a gap in what was heard.

        The loop is left alone where nobody waits. Who begins to wait meanwhile looks for themselves after that.
        """
        loop = self._loop
        waited_for = change is None or change.id in self._waiting or change.user_id in self._waiting
        if waited_for and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake, change)

    def _wake(self, change: Change | None) -> None:
        topics = list(self._waiting) if change is None else [change.id, change.user_id]
        for topic in topics:
            for subscription in self._waiting.get(topic, ()):
                subscription.add(change)

    async def until_final(self, job: Job, read: Callable[[], Awaitable[Job]], seconds: float) -> Job:
        """The job once it has ended, or as it is after `seconds`. `read` is called only when it may have changed."""
        deadline = monotonic() + seconds
        with self.subscribed(job.id) as subscription:
            if self.hears:
                job = await read()  # it may have ended before we began to listen
            while not job.is_final and (left := deadline - monotonic()) > 0:
                if await subscription.next(left) != frozenset():
                    job = await read()
            return job
