"""What belongs to the request at hand: its id, and the trace it is part of."""

import re
from contextvars import ContextVar

from starlette.datastructures import Headers

from infra import tracing
from infra.ids import new_id

_VALID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_request_id: ContextVar[str] = ContextVar("request_id", default="none")


def request_id() -> str:
    return _request_id.get()


def begin(headers: Headers) -> str:
    """The client's X-Request-ID where it is a well-formed one, a new id otherwise."""
    given = headers.get("x-request-id", "")
    this = given if _VALID.fullmatch(given) else str(new_id())
    _request_id.set(this)
    return this


def traceparent_of(headers: Headers) -> str | None:
    """What the caller says of its trace, where that is well-formed. Of this request's own place in it tells
    `tracing.current()`.
    """
    return tracing.incoming(headers.get("traceparent", ""), headers.get("x-amzn-trace-id", ""))
