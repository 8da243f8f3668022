"""Server-sent events: what has changed, as soon as it has, until the client goes or the stream is old.

Under a server a stream lives for minutes and looks only when it is told of a change. On Lambda, where nobody listens
and the answer leaves as a whole, it is a burst: what is there, else the next change within a few seconds, and the end.
The client connects again with Last-Event-ID, as browsers do by themselves.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event

from api.errors import HttpProblem
from api.waiting import ChangeWatch
from domain.errors import Unavailable
from domain.tenancy import Context
from infra import metrics
from infra.listener import Change

# A stream shows what its reader may see: not longer than that without asking again who they are.
_LIFE_S = 300.0
_BURST_S = 5.0
_HEARTBEAT_S = 15.0
_AGAIN_MS = 1_000


@dataclass(frozen=True, slots=True)
class Event:
    """`id` is what Last-Event-ID will say; `data` JSON; `last`: nothing follows."""

    id: str
    name: str
    data: str
    last: bool = False

    def encoded(self) -> bytes:
        return format_sse_event(id=self.id, event=self.name, data_str=self.data)


STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}

Look = Callable[[frozenset[Change] | None], Awaitable[Iterable[Event]]]
"""What is new for this client: of these changes, or (None) of everything."""


@dataclass(slots=True)
class Streams:
    """The open streams of a process, and how many it keeps: in all, and of one person.

    How fast one tenant may open them is the throttle's to say.
    """

    watch: ChangeWatch
    most: int = 4_000
    most_of_one: int = 1_000
    _open: Counter[UUID] = field(default_factory=Counter)

    def respond(self, topic: UUID, user: Context, look: Look) -> EventSourceResponse:
        """Raises HttpProblem when this user, or everybody together, has too many open."""
        user_id = user.user_id or user.tenant_id
        if self._open[user_id] >= self.most_of_one or self._open.total() >= self.most:
            raise HttpProblem("too_many_streams", headers={"Retry-After": "5"})
        return EventSourceResponse(
            self._events(topic, user_id, look), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )

    async def _events(self, topic: UUID, user_id: UUID, look: Look) -> AsyncIterator[bytes]:
        self._open[user_id] += 1
        metrics.record(metrics.STREAMS, self._open.total())
        try:
            async for chunk in self._chunks(topic, look):
                yield chunk
        except Unavailable:  # its client connects again, and by then it may be over
            return
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]
            metrics.record(metrics.STREAMS, self._open.total())

    async def _chunks(self, topic: UUID, look: Look) -> AsyncIterator[bytes]:
        end = monotonic() + (_LIFE_S if self.watch.hears else _BURST_S)
        with self.watch.subscribed(topic) as subscription:
            yield format_sse_event(retry=_AGAIN_MS)
            changes: frozenset[Change] | None = None
            while True:
                sent = False
                for event in await look(changes) if changes != frozenset() else ():
                    yield event.encoded()
                    if event.last:
                        return
                    sent = True
                if (sent and not self.watch.hears) or (left := end - monotonic()) <= 0:
                    return
                changes = await subscription.next(min(left, _HEARTBEAT_S))
                if changes == frozenset():
                    yield KEEPALIVE_COMMENT
