"""Run `def` routes on the event loop's own thread.

A Lambda environment serves one request at a time, so a thread pool only adds hops: a submit through Mangum took
1.3 ms with it and 0.5 ms without.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import fastapi.concurrency
import fastapi.dependencies.utils
import fastapi.routing
import starlette.concurrency

P = ParamSpec("P")
T = TypeVar("T")


async def _call(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    return function(*args, **kwargs)


def install() -> None:
    """For this process, for good. Only api/handler.py calls it."""
    for module in (starlette.concurrency, fastapi.concurrency, fastapi.routing, fastapi.dependencies.utils):
        module.run_in_threadpool = _call  # type: ignore[attr-defined]
