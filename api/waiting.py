"""Let a client wait for a job without holding a thread or a database connection.

One LISTEN connection per process hears every change (migrations/versions/0003: pg_notify on `ffp_jobs`) and wakes who
waits for it. Where none runs (a Lambda serves one request at a time), the waiter looks again in short, growing steps.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from uuid import UUID

from domain.jobs import Job
from infra import listener

_FIRST_LOOK_S, _LAST_LOOK_S = 0.05, 0.5


class JobWatch:
    """Wakes coroutines of one event loop. `notify` may be called from any thread."""

    def __init__(self) -> None:
        self._waiting: defaultdict[UUID, set[asyncio.Event]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear the database as long as the block runs."""
        self._loop = asyncio.get_running_loop()
        stop = threading.Event()
        thread = threading.Thread(target=listener.run, args=(self.notify, stop), name="job-listener", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            self._loop = None
            await asyncio.to_thread(thread.join, 3)

    def notify(self, job_id: UUID | None) -> None:
        """Wake who waits for this job; None wakes all, after a gap in what was heard."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake, job_id)

    def _wake(self, job_id: UUID | None) -> None:
        for events in [self._waiting.get(job_id, ())] if job_id else list(self._waiting.values()):
            for event in events:
                event.set()

    async def until_final(self, job: Job, read: Callable[[], Awaitable[Job]], seconds: float) -> Job:
        """The job once it has ended, or as it is after `seconds`. `read` is called only when it may have changed."""
        deadline = monotonic() + seconds
        changed = asyncio.Event()
        self._waiting[job.id].add(changed)
        pause = _FIRST_LOOK_S
        try:
            if self._loop is not None:
                job = await read()  # it may have ended before we began to listen
            while not job.is_final and (left := deadline - monotonic()) > 0:
                if self._loop is None:
                    await asyncio.sleep(min(pause, left))
                    pause = min(pause * 1.5, _LAST_LOOK_S)
                else:
                    try:
                        await asyncio.wait_for(changed.wait(), left)
                    except TimeoutError:
                        break
                    changed.clear()
                job = await read()
            return job
        finally:
            self._waiting[job.id].discard(changed)
            if not self._waiting[job.id]:
                del self._waiting[job.id]
