"""Python's search for cycles, in processes that stay."""

import gc

_NEW_OBJECTS = 20_000


def settle() -> None:
    """Once all that a process keeps is loaded: that is not looked through any more, and the rest not as often.

    Looking through what the API has loaded takes 60 ms in which nobody is answered. With Python's own settings (a look
    each 700 new objects) it was a third of what a worker needed for a file of 100,000 rows (benchmarks/bulk.py).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
