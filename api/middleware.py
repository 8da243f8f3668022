"""Around every request: its id, its security headers, who may read it from a browser, how long its body may take to
arrive, and an answer even when everything else failed.
"""

import asyncio
from collections.abc import Collection
from time import monotonic

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import context, cors, errors
from infra import logs, metrics, tracing

# Answers are data of one person; nothing here is a page, a frame or a script.
SECURITY = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Envelope:
    """ASGI middleware. An exception ends here, so that no server prints its message: it may hold a row."""

    def __init__(self, app: ASGIApp, origins: Collection[str], read_timeout_s: float) -> None:
        self._app = app
        self._origins = origins
        self._read_timeout_s = read_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        this = context.begin(asked)
        logs.begin(correlation_id=this)
        preflight = cors.is_preflight(scope["method"], asked)
        status = 0
        began = monotonic()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = this
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
                cors.allow(headers, asked.get("origin"), self._origins, preflight=preflight)
            await send(message)

        with tracing.span(scope["method"], "server", context.traceparent_of(asked)) as span:
            try:
                if preflight:
                    await Response(status_code=204)(scope, receive, answer)
                else:
                    await self._app(scope, TimedBody(receive, self._read_timeout_s), answer)
            except Exception as error:  # noqa: BLE001 - the outermost handler
                response = errors.unexpected(error)
                if not status:
                    await response(scope, receive, answer)
            finally:
                _tell(scope, status, monotonic() - began, span)
                logs.clear()


def _tell(scope: Scope, status: int, seconds: float, span: tracing.Span) -> None:
    """One line a request: the route and never the path, which may hold anything. Status 0: who asked has gone."""
    route = getattr(scope.get("route"), "path", "none")
    span.note(**{"http.request.method": scope["method"], "http.route": route, "http.response.status_code": status})
    if route.startswith("/v1/health"):  # somebody asks every few seconds
        return
    if not route.endswith("/events"):
        metrics.record(metrics.REQUEST_SECONDS, seconds, method=scope["method"], status=f"{status // 100}xx")
    logs.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))


class TimedBody:
    """A `receive` whose body must be there in time. Waiting for the end of the connection, after it, has no limit."""

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive = receive
        self._deadline = monotonic() + seconds
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout(max(self._deadline - monotonic(), 0)):
                message = await self._receive()
        except TimeoutError:
            self._complete = True
            raise errors.HttpProblem("request_timeout", headers={"Connection": "close"}) from None
        self._complete = not message.get("more_body", False)
        return message
