"""Whether a worker's loop still turns: it beats every few seconds, between tasks."""

from time import monotonic

PERIOD_S = 5.0
# Longer than any stage takes: between two beats a worker may be busy with one task.
_PATIENCE_S = 120.0
_last: list[float] = []


def beat() -> None:
    _last[:] = [monotonic()]


def alive() -> bool:
    """True where nothing has ever beaten: a process without such a loop answers, and that is all there is to say."""
    return not _last or monotonic() - _last[0] < _PATIENCE_S
