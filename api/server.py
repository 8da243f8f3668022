"""uvicorn's HTTP protocol with bounds on what comes before a body, which uvicorn itself has none for.

A head must be complete in time and small; so must whatever is left of a request that was answered already. What is
refused before the application sees it is a problem like any other. API Gateway has limits of its own; this is for the
fleet and the laptop, where whoever connects speaks to uvicorn.
"""

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api import context, errors
from api.middleware import SECURITY, Envelope
from domain.errors import Unavailable

MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100
MAX_URL_BYTES = 8 * 1024
HEAD_TIMEOUT_S = 10.0
MAX_CONNECTIONS = 5000


class BoundedProtocol(HttpToolsProtocol):
    _timer: asyncio.TimerHandle | None = None
    _in_head = True  # between messages too
    _begun = False
    _messages = 0
    _head_bytes = 0
    _refusal = "malformed_request"
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        messages = self._messages
        self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._in_head:
            self._head_bytes = 0
            if self.cycle.response_complete:  # nobody reads the rest of this body
                self._wait()
        elif not self._begun and self._messages > messages:
            self._head_bytes = 0  # exactly what was asked for
        elif self._head_bytes > MAX_HEAD_BYTES:
            self._refuse("headers_too_large")
        else:
            self._wait()

    def on_message_begin(self) -> None:
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_waiting()
        if len(self.url) > MAX_URL_BYTES:
            self._refusal = "uri_too_long"
        elif len(self.headers) > MAX_HEADERS or sum(len(n) + len(v) for n, v in self.headers) > MAX_HEAD_BYTES:
            self._refusal = "headers_too_large"
        else:
            self.app = _busy if len(self.connections) > MAX_CONNECTIONS else self.config.loaded_app
            super().on_headers_complete()
            return
        raise httptools.HttpParserError  # stops the parser; `data_received` of uvicorn answers

    def on_message_complete(self) -> None:
        self._in_head = True
        self._begun = False
        self._messages += 1
        self._head_bytes = 0
        super().on_message_complete()
        self._stop_waiting()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - ours says it
        self._refuse(self._refusal)

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_TIMEOUT_S, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait()  # the next request is slow, but this one still has its answer to get
        elif self._head_bytes and self._in_head:
            self._refuse("request_timeout")
        else:  # nothing was asked, or it is answered
            self.transport.close()

    def _refuse(self, code: str) -> None:
        """Answer, unless an answer is under way, and hang up."""
        self._refused = True
        if self.cycle is None or self.cycle.response_complete:
            self._unset_keepalive_if_required()
            self.transport.write(_written(code))
        self.transport.close()


def _written(code: str) -> bytes:
    """The problem as bytes on the wire: no request has reached the application to answer to."""
    this = context.begin(Headers())
    answer = errors.problem(code, *errors.PROBLEMS[code])
    for name, value in {**SECURITY, "X-Request-ID": this, "Connection": "close"}.items():
        answer.headers[name] = value
    lines = [f"HTTP/1.1 {answer.status_code} {HTTPStatus(answer.status_code).phrase}".encode()]
    lines += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])


async def _unavailable(scope: Scope, receive: Receive, send: Send) -> None:
    error = Unavailable("connections")
    status = errors.STATUS_OF[Unavailable]
    answer = errors.problem(error.code, status, errors.title_of(error.code), str(error), Retry_After="1")
    await answer(scope, receive, send)


_busy: Any = Envelope(_unavailable, origins=(), read_timeout_s=HEAD_TIMEOUT_S)
