"""What a process sets up to be watched, once, before its first work."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from infra import logs, metrics, production, settings, tracing
from infra.declared import Door

Answer = TypeVar("Answer")


def begin(door: Door) -> None:
    """Of a container or a laptop: the lines of libraries in our form, metrics on their port, traces where they go.

    A port that is taken is an error in the log, and no reason not to serve.
    """
    logs.capture()
    tracing.begin(door)
    address = settings.metrics_address()
    if address is not None:
        from infra import metrics_server  # noqa: PLC0415 - Prometheus's library is no part of a function

        try:
            metrics_server.start(*address)
        except OSError as error:
            logs.error("metrics_not_served", port=address[1], error=type(error).__name__)


def begin_child(door: Door, sink: metrics.Sink | None) -> None:
    """The same of a process that such a one has started: it tells its metrics to that one, by `sink`."""
    logs.capture()
    tracing.begin(door)
    metrics.send_to(sink)


def on_lambda() -> None:
    """Of a function: what its libraries say in our form, metrics on stdout. Nothing anywhere else."""
    if settings.on_lambda():
        logs.capture()
        metrics.send_to(metrics.embedded)


class InvocationFailed(Exception):
    """All that Lambda's own log and the answer to whoever invoked it may say: the error's text can hold a row."""


def entry(door: Door) -> Callable[[Callable[[Any, Any], Answer]], Callable[[Any, Any], Answer]]:
    """What every Lambda entry but the API's begins with: what production refuses, and being watched."""

    def around(work: Callable[[Any, Any], Answer]) -> Callable[[Any, Any], Answer]:
        @wraps(work)
        def handler(event: Any, context: Any) -> Answer:
            production.refuse(door)
            on_lambda()
            logs.begin(correlation_id=str(getattr(context, "aws_request_id", "none")))
            try:
                return work(event, context)
            except Exception as error:  # noqa: BLE001 - whatever it is
                logs.error("invocation_failed", error=type(error).__name__, frames=logs.frames(error))
                raise InvocationFailed(type(error).__name__) from None
            finally:
                logs.clear()

        return handler

    return around
