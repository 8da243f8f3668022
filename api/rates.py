"""What an answer says about the quota it was counted against: `RateLimit-Policy` and `RateLimit`, as the IETF's draft
(draft-ietf-httpapi-ratelimit-headers) has them. An answer 304 costs nothing: its token goes back before it leaves,
which is one more statement.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette import concurrency
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.tenancy import Allowance
from infra import throttle

_KEY = "ffp.counted"
_NOT_MODIFIED = 304


@dataclass(slots=True)
class _Counted:
    """In the scope of every request, so that whoever signs in a caller can leave the token there."""

    token: throttle.Taken | None = None


def fields(allowance: Allowance | None) -> dict[str, str]:
    """`q` requests in `w` seconds; `r` are left, and in `t` seconds all of them are back."""
    if allowance is None:
        return {}
    name = f'"{allowance.policy}"'
    return {
        "RateLimit-Policy": f"{name};q={allowance.limit};w={allowance.window_s}",
        "RateLimit": f"{name};r={allowance.remaining};t={allowance.reset_s}",
    }


def count(scope: MutableMapping[str, Any], token: throttle.Taken | None) -> None:
    """Note that this request has cost `token`."""
    scope[_KEY].token = token


class Rates:
    """ASGI middleware: every answer to somebody who is signed in says what is left."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        counted = scope[_KEY] = _Counted()

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start" and counted.token is not None:
                allowance = counted.token.allowance
                if message["status"] == _NOT_MODIFIED:
                    # By its module: on Lambda it is another one (api/inline.py).
                    allowance = await concurrency.run_in_threadpool(throttle.give_back, counted.token)
                headers = MutableHeaders(scope=message)
                for name, value in fields(allowance).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, tell)
