"""What belongs to the request at hand: its id, and the trace it is part of."""

import re
from contextvars import ContextVar

from starlette.datastructures import Headers

from infra.ids import new_id

_VALID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
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
    """The W3C trace context, where it is a well-formed one."""
    value = headers.get("traceparent", "")
    return value if _TRACEPARENT.fullmatch(value) else None
