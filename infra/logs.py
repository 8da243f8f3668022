"""Structured logs: one JSON object a line on stderr, with what is bound for the work at hand in every line.

Nothing of a person's health goes in: log ids, codes, counts and durations. Standard library only: a logging package
costs a cold start more than these lines (docs/adr/0003).
"""

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from infra import settings

_bound: ContextVar[dict[str, str]] = ContextVar("bound", default={})  # noqa: B039 - replaced, never changed


def bind(**values: str) -> None:
    """Put these into every line of this request or delivery, until `clear`."""
    _bound.set(_bound.get() | values)


def clear() -> None:
    _bound.set({})


def info(event: str, **facts: Any) -> None:
    _write(logging.INFO, event, facts)


def warning(event: str, **facts: Any) -> None:
    _write(logging.WARNING, event, facts)


def error(event: str, **facts: Any) -> None:
    _write(logging.ERROR, event, facts)


def frames(problem: BaseException) -> list[str]:
    """Where it happened, innermost last. Not the message: a database's holds the row it refused."""
    found = traceback.extract_tb(problem.__traceback__)[-12:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in found]


def _write(level: int, event: str, facts: dict[str, Any]) -> None:
    if level < logging.getLevelNamesMapping().get(settings.log_level(), logging.INFO):
        return
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"at": at, "level": logging.getLevelName(level).lower(), "event": event} | _bound.get() | facts
    if settings.log_format() == "console":
        text = f"{at[11:23]} {line['level']:7} {event} " + " ".join(f"{k}={v}" for k, v in list(line.items())[3:])
    else:
        text = json.dumps(line, default=str)
    sys.stderr.write(text + "\n")
