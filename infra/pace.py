"""Time that an answer takes on purpose."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_least(seconds: float) -> Iterator[None]:
    """The block takes this long at the least, whether it succeeds or raises: how long its work took is then nobody's to
    see. What takes longer is not evened out.
    """
    until = time.monotonic() + seconds
    try:
        yield
    finally:
        wait(until - time.monotonic())


def wait(seconds: float) -> None:
    """Not at all for what is past."""
    time.sleep(max(seconds, 0))
