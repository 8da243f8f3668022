"""kombu's SQS transport with five of its habits mended. Each is pinned by a test or a benchmark.

It parses whatever stands in a queue outside of any task: deep nesting or a number in the wrong place would end the
worker. So each body is read by our own decoder and written anew; what is not ours arrives as an unknown message, which
Celery rejects and SQS moves to the dead letters.

It takes libcurl's milliseconds for seconds: a receive that wants attention in 1 ms gets it after a second. And it asks
for the next poll in a way that its event loop may notice a second later. And where more than ten timers are due, that
loop does ten and sleeps for a second. With any of these, a busy worker pauses for seconds.

And it makes a client for each queue, each with 7 MB of its own: here one serves them all.
"""

import json
from functools import partial
from typing import Any

from kombu.asynchronous.http.curl import CurlClient
from kombu.transport import SQS

from infra import logs
from infra.messages import Unreadable, decode, encode

_BREATH_S = 0.01
_DOWN_S = 1.0
_FAILED = -1


class _Client(CurlClient):
    def _set_timeout(self, msecs: int) -> None:
        if msecs >= 0:  # -1: nothing is due
            self.hub.call_later(msecs / 1000, self._timeout_check)


class Channel(SQS.Channel):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        hub: Any = self.hub
        if hub is not None and not hasattr(hub, "_current_http_client"):
            hub._current_http_client = _Client(hub)  # noqa: SLF001 - where kombu looks for it
            hub.fire_timers = partial(hub.fire_timers, min_delay=0)  # after the tenth it looks again at once

    def sqs(self, queue: str | None = None) -> Any:
        """The queues are of one account and one region."""
        known: dict[str, Any] = self._predefined_queue_clients
        if known and queue is not None and queue in self.predefined_queues:
            known.setdefault(queue, next(iter(known.values())))
        return super().sqs(queue)  # type: ignore[no-untyped-call]

    def _on_messages_ready(self, queue: str, qname: str, messages: Any) -> int:
        """How many messages came. A queue that answers with an error hands over something else, which kombu would
        stumble over and end the worker.
        """
        if not isinstance(messages, dict):
            logs.warning("receive_failed", queue=qname.rpartition("/")[2])
            return _FAILED
        count: int = super()._on_messages_ready(queue, qname, messages)  # type: ignore[no-untyped-call]
        return count

    def _loop1(self, queue: str, messages_fetched: int | None = None) -> None:
        """Poll again: at once after messages, after a breath without (the server has waited for us), later when the
        queue is down.
        """
        hub: Any = self.hub
        pause = _DOWN_S if messages_fetched == _FAILED else 0 if messages_fetched else _BREATH_S
        hub.call_later(pause, self._schedule_queue, queue)

    def _prepare_json_payload(self, text: str) -> dict[str, Any]:
        try:
            envelope: dict[str, Any] = json.loads(encode(decode(text)))
        except Unreadable:
            logs.error("message_unreadable", length=len(text))
            return {}
        return envelope


class Transport(SQS.Transport):
    Channel = Channel
