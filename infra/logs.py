"""Structured logs: one JSON object a line on stderr, with what is bound for the work at hand in every line.

Nothing of a person's health goes in: log ids, codes, counts and durations. Standard library only: a logging package
costs a cold start more than these lines (docs/adr/0003).
"""

import json
import logging
import sys
import threading
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from infra import settings

# One dictionary a request or delivery, and changed in place: what a thread of the pool binds, the event loop sees.
_bound: ContextVar[dict[str, str] | None] = ContextVar("bound", default=None)


def begin(**values: str) -> None:
    """A request or delivery begins: these are in each of its lines, and nothing of the one before."""
    _bound.set(values)


def bind(**values: str) -> None:
    """Put these into every further line of this request or delivery, until `clear`."""
    found = _bound.get()
    if found is None:
        _bound.set(values)
    else:
        found.update(values)


def bound() -> dict[str, str]:
    """What is in every line just now."""
    return _bound.get() or {}


def clear() -> None:
    _bound.set(None)


def info(event: str, **facts: Any) -> None:
    _write(logging.INFO, event, facts)


def warning(event: str, **facts: Any) -> None:
    _write(logging.WARNING, event, facts)


def error(event: str, **facts: Any) -> None:
    _write(logging.ERROR, event, facts)


def frames(problem: BaseException) -> list[str]:
    """Where it happened, innermost last. Not the message: a database's holds the row it refused."""
    return _frames(problem.__traceback__)


def _frames(trace: TracebackType | None) -> list[str]:
    found = traceback.extract_tb(trace)[-12:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in found]


class Libraries(logging.Handler):
    """The lines of libraries in our form, without their values.

    A library logs words with placeholders, and values for them: the words are written, the values are not. Where it
    has put the two together itself, the place in its code says what it was about.
    """

    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, Any] = {"logger": record.name, "place": f"{record.module}:{record.lineno}"}
        if isinstance(record.msg, str) and record.args:
            facts["words"] = record.msg
        if record.exc_info and record.exc_info[1] is not None:
            facts |= {"error": type(record.exc_info[1]).__name__, "frames": frames(record.exc_info[1])}
        _write(record.levelno, "library", facts)


# As logging.config.dictConfig takes it: for servers that set up each of their processes with one.
FOR_LIBRARIES: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"ffp": {"()": "infra.logs.Libraries"}},
    "root": {"handlers": ["ffp"], "level": "WARNING"},
}


def capture() -> None:
    """From now on everything that this process has to say is in our form: libraries, warnings, and what nobody has
    caught, whose text Python would print.
    """
    root = logging.getLogger()
    root.handlers[:] = [Libraries()]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda _, problem, trace: _uncaught(problem, trace)
    threading.excepthook = lambda given: _uncaught(given.exc_value, given.exc_traceback)
    sys.unraisablehook = lambda given: _uncaught(given.exc_value, given.exc_traceback)


def _uncaught(problem: BaseException | None, trace: TracebackType | None) -> None:
    error("uncaught", error=type(problem).__name__, frames=_frames(trace))


def _write(level: int, event: str, facts: dict[str, Any]) -> None:
    if level < logging.getLevelNamesMapping().get(settings.log_level(), logging.INFO):
        return
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"at": at, "level": logging.getLevelName(level).lower(), "event": event} | bound() | facts
    if settings.log_format() == "console":
        text = f"{at[11:23]} {line['level']:7} {event} " + " ".join(f"{k}={v}" for k, v in list(line.items())[3:])
    else:
        text = json.dumps(line, default=str)
    sys.stderr.write(text + "\n")
