"""Traces, from a request through the queues to the last stage of its job.

    with tracing.span("publish scoring", "producer", message.traceparent) as span:
        ... span.traceparent

A span's place in its trace travels as W3C traceparent: header, job row, message, next stage. Spans are recorded and
sent by OpenTelemetry where OTEL_EXPORTER_OTLP_ENDPOINT says to whom (infra/spans.py). Without it nothing of that is
imported; a traceparent that came in goes through all the same, so that others' traces do not break here. On AWS, X-Ray
records the functions by itself and knows the trace by its own header, which is the same ids written another way.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Literal, Protocol

from infra import settings

Kind = Literal["server", "producer", "consumer", "internal"]
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_XRAY = re.compile(r"Root=1-([0-9a-f]{8})-([0-9a-f]{24})")
_XRAY_PARENT = re.compile(r"Parent=([0-9a-f]{16})")
_here: ContextVar[str | None] = ContextVar("traceparent", default=None)


class Span(Protocol):
    """`traceparent` is what its children get: its own, or its parent's where nothing is recorded."""

    @property
    def traceparent(self) -> str | None: ...

    def note(self, **attributes: str | int) -> None: ...


class Recorder(Protocol):
    def span(self, name: str, kind: Kind, parent: str | None) -> AbstractContextManager[Span]: ...


class _Unrecorded:
    __slots__ = ("traceparent",)

    def __init__(self, traceparent: str | None) -> None:
        self.traceparent = traceparent

    def note(self, **attributes: str | int) -> None:
        """Nobody listens."""


_recorder: Recorder | None = None


def begin(service: str) -> None:
    """Record and send the spans of this process, where it is said to whom. Once, at its start."""
    global _recorder  # noqa: PLW0603 - one of a process
    if _recorder is None and settings.traces_endpoint() is not None:
        from infra.spans import OpenTelemetry  # noqa: PLC0415 - a tenth of a second, and absent on Lambda

        _recorder = OpenTelemetry(service)


def record_with(recorder: Recorder | None) -> None:
    """Who records the spans of this process. None: nobody."""
    global _recorder  # noqa: PLW0603
    _recorder = recorder


@contextmanager
def span(name: str, kind: Kind, parent: str | None = None) -> Iterator[Span]:
    """A piece of work. `parent` is a traceparent; where it is none, the piece of work around it is, else it begins a
    trace.
    """
    given = parent if parent is not None and _TRACEPARENT.fullmatch(parent) else _here.get()
    if _recorder is None:
        yield from _placed(_Unrecorded(given))
    else:
        with _recorder.span(name, kind, given) as recorded:
            yield from _placed(recorded)


def _placed(found: Span) -> Iterator[Span]:
    before = _here.get()
    _here.set(found.traceparent)
    try:
        yield found
    finally:
        _here.set(before)


def current() -> str | None:
    """The traceparent of the work at hand."""
    return _here.get()


def nearest(traceparent: str | None) -> str | None:
    """The work at hand, where it is of this trace; else the place in it that is given."""
    here = _here.get()
    same = here is not None and traceparent is not None and here.split("-")[1] == traceparent.split("-")[1]
    return here if same else traceparent


def incoming(traceparent: str, xray: str) -> str | None:
    """What the caller's headers say: `traceparent`, else X-Ray's `X-Amzn-Trace-Id`. None where neither is well-formed.

    Formats: W3C Trace Context; AWS X-Ray developer guide, "Tracing header".
    """
    if _TRACEPARENT.fullmatch(traceparent):
        return traceparent
    root, parent = _XRAY.search(xray), _XRAY_PARENT.search(xray)
    if root is None or parent is None or not len(xray) < 256:  # noqa: PLR2004 - X-Ray's own are below 100
        return None
    return f"00-{root[1]}{root[2]}-{parent[1]}-{'01' if 'Sampled=1' in xray else '00'}"


def xray(traceparent: str) -> str | None:
    """The same as X-Ray's header, for the message attribute that its queues know. None for a malformed one."""
    if not _TRACEPARENT.fullmatch(traceparent):
        return None
    _, trace, parent, flags = traceparent.split("-")
    return f"Root=1-{trace[:8]}-{trace[8:]};Parent={parent};Sampled={int(flags, 16) & 1}"
