"""Which web applications may call the API from a browser: exact origins, no cookies, nothing for anybody else.

Starlette's middleware answers preflights itself, as text and without our headers, and says `Vary: Origin` only to those
it allows; what is here is what the Fetch standard asks for, on every answer.
"""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders

METHODS = "GET, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, X-Request-ID,"
    " traceparent"
)
EXPOSED = (
    "Content-Disposition, ETag, Idempotent-Replayed, Link, Location, Preference-Applied, RateLimit, RateLimit-Policy,"
    " Retry-After, X-Request-ID"
)
MAX_AGE_S = 7200  # the most that a browser keeps


def is_preflight(method: str, headers: Headers) -> bool:
    """An OPTIONS that no browser made goes to the router, which knows none."""
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def allow(headers: MutableHeaders, origin: str | None, origins: Collection[str], *, preflight: bool) -> None:
    """Add to an answer's headers what `origin` may do with it. A cache must not give one origin's answer to another."""
    headers.add_vary_header("Origin")
    if origin is None or origin not in origins:
        return
    headers["Access-Control-Allow-Origin"] = origin
    if preflight:
        headers["Access-Control-Allow-Methods"] = METHODS
        headers["Access-Control-Allow-Headers"] = REQUEST_HEADERS
        headers["Access-Control-Max-Age"] = str(MAX_AGE_S)
    else:
        headers["Access-Control-Expose-Headers"] = EXPOSED
