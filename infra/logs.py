"""Structured logs: one JSON object a line, with the correlation id, tenant and job bound for the work at hand.

Nothing of a person's health goes in: log ids, codes, counts and durations.
"""

import logging
import sys
import traceback
from functools import cache
from typing import Any

import structlog

from infra import settings


@cache
def _configure() -> None:
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if settings.log_format() == "console" else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level(), logging.INFO)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def log() -> Any:
    _configure()
    return structlog.get_logger()


def bind(**values: str) -> None:
    structlog.contextvars.bind_contextvars(**values)


def clear() -> None:
    structlog.contextvars.clear_contextvars()


def frames(error: BaseException) -> list[str]:
    """Where it happened, innermost last. Not the message: a database's holds the row it refused."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)][
        -12:
    ]
