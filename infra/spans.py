"""Spans recorded by OpenTelemetry and sent by OTLP over HTTP, in the background and in batches.

Where they go, how they are sampled and what is said of this process are OpenTelemetry's own variables (OTEL_*). Ids
begin with the time, as X-Ray wants them, so that a trace may go on there. No attribute holds a value of a request.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from infra import settings
from infra.tracing import Kind

_KINDS = {
    "server": SpanKind.SERVER,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "internal": SpanKind.INTERNAL,
}


class _Ids(RandomIdGenerator):
    def generate_trace_id(self) -> int:
        """Seconds since 1970 in the first four bytes, the rest by chance: what X-Ray takes for an id."""
        return int(time.time()) << 96 | random.getrandbits(96)  # nosec B311 # an id is no secret


@dataclass(frozen=True, slots=True)
class _Recorded:
    span: Span
    traceparent: str

    def note(self, **attributes: str | int) -> None:
        self.span.set_attributes(attributes)


class OpenTelemetry:
    def __init__(self, service: str, processor: SpanProcessor | None = None) -> None:
        # OTEL_SERVICE_NAME, where it is set, is put in its place by the library.
        resource = Resource.create({"service.version": settings.release()})
        if str(resource.attributes.get("service.name", "unknown_service")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": f"ffp-{service}"}))
        self.provider = TracerProvider(resource=resource, id_generator=_Ids())
        self.provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self.provider.get_tracer("ffp")

    @contextmanager
    def span(self, name: str, kind: Kind, parent: str | None) -> Iterator[_Recorded]:
        """An exception marks it by its class alone: the library would write down its text and its values."""
        context = set_span_in_context(NonRecordingSpan(INVALID_SPAN_CONTEXT if parent is None else _context(parent)))
        with self._tracer.start_as_current_span(
            name, context, _KINDS[kind], record_exception=False, set_status_on_exception=False
        ) as span:
            made = span.get_span_context()
            text = f"00-{made.trace_id:032x}-{made.span_id:016x}-{int(made.trace_flags):02x}"
            try:
                yield _Recorded(span, text)
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise


def _context(traceparent: str) -> SpanContext:
    _, trace, parent, flags = traceparent.split("-")
    return SpanContext(int(trace, 16), int(parent, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
