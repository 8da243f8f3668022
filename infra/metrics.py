"""Every metric, declared once; and the way to record one.

    metrics.record(metrics.STAGE_SECONDS, 0.12, stage="scoring", outcome="done")

On Lambda a record is a line of CloudWatch's embedded metric format on stdout: no library, no call, and the tenant is a
property to search by, not a dimension to pay for. In a container it goes into the registry that Prometheus reads
(infra/metrics_server.py), where no tenant is told apart. Anywhere else it costs a look at a variable.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from infra import logs, settings

NAMESPACE = "FFP"


@dataclass(frozen=True, slots=True)
class Metric:
    """`unit` is CloudWatch's word. `labels` are Prometheus's, each of a few values known beforehand; `dimensions` are
    those of them that CloudWatch tells apart, beside `environment`. `container_only`: AWS has a metric of its own for
    it, or Lambda has nothing of the kind.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: Literal["Count", "Seconds", "None"]
    help: str
    labels: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    container_only: bool = False


_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 20.0)  # seconds
_WORK = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds

SUBMISSIONS = Metric("submissions", "counter", "Count", "Assessments submitted, each once.")
STAGE_SECONDS = Metric(
    "stage_seconds",
    "histogram",
    "Seconds",
    "How long one attempt of a stage took, and how it ended: done, failed or retry.",
    labels=("stage", "outcome"),
    dimensions=("stage",),
    buckets=_WORK,
)
SOLVER_GAP = Metric(
    "solver_gap",
    "histogram",
    "None",
    "Proven gap of a plan that had to be solved: 0 is optimal, 0.05 is at most 5 % from it.",
    buckets=(0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
)
REFERRALS = Metric("referrals", "counter", "Count", "Assessments that ended with a referral instead of a program.")
QUEUE_DEPTH = Metric(
    "queue_depth", "gauge", "Count", "Jobs that wait for their stage.", labels=("queue",), dimensions=("queue",)
)
QUEUE_AGE_SECONDS = Metric(
    "queue_age_seconds",
    "gauge",
    "Seconds",
    "How long the job has waited that has waited longest.",
    labels=("queue",),
    dimensions=("queue",),
)
DEAD_JOBS = Metric("dead_jobs", "gauge", "Count", "Jobs whose attempts are used up: they wait for an operator.")
DEAD_LETTERS = Metric("dead_letters", "counter", "Count", "Messages taken in from the dead-letter queues.")
RELAY_LAG_SECONDS = Metric(
    "relay_lag_seconds", "gauge", "Seconds", "How long the oldest job is committed whose message has not gone out."
)
THROTTLED = Metric("throttled", "counter", "Count", "Requests refused because their tenant's quota was used up.")
LIMITER_FAILURES = Metric("limiter_failures", "counter", "Count", "Requests let in uncounted: the throttle failed.")
SIGN_IN_FAILURES = Metric("sign_in_failures", "counter", "Count", "Sign-ins with a wrong address or password.")
TENANT_MISMATCHES = Metric(
    "tenant_mismatches",
    "counter",
    "Count",
    "Tokens and messages that named another tenant than the database does. One is one too many.",
    labels=("of",),
)
STREAMS = Metric("streams", "gauge", "Count", "Event streams that are open.", container_only=True)
REQUEST_SECONDS = Metric(
    "request_seconds",
    "histogram",
    "Seconds",
    "How long an answer took to its last byte, streams left out.",
    labels=("method", "status"),
    buckets=_QUICK,
    container_only=True,
)
POOL_CONNECTIONS = Metric(
    "pool_connections",
    "gauge",
    "Count",
    "Connections to PostgreSQL: used, idle, and how many there may be (most); `-beside`: a worker's second process.",
    labels=("pool", "state"),
    container_only=True,
)
POOL_WAITING = Metric(
    "pool_waiting", "gauge", "Count", "Requests that wait for a connection.", labels=("pool",), container_only=True
)

METRICS: tuple[Metric, ...] = (
    SUBMISSIONS, STAGE_SECONDS, SOLVER_GAP, REFERRALS, QUEUE_DEPTH, QUEUE_AGE_SECONDS, DEAD_JOBS, DEAD_LETTERS,
    RELAY_LAG_SECONDS, THROTTLED, LIMITER_FAILURES, SIGN_IN_FAILURES, TENANT_MISMATCHES, STREAMS, REQUEST_SECONDS,
    POOL_CONNECTIONS, POOL_WAITING,
)  # fmt: skip

NAMED = {each.name: each for each in METRICS}

Sink = Callable[[Metric, float, dict[str, str]], None]
_sink: Sink | None = None


def record(metric: Metric, value: float = 1, **labels: str) -> None:
    """Count `value` more of a counter, set a gauge to it, or add it to a histogram. `labels`: all of its."""
    if _sink is not None:
        _sink(metric, value, labels)


def send_to(sink: Sink | None) -> None:
    """Where this process's records go. None: nowhere."""
    global _sink  # noqa: PLW0603 - one of a process, like the root logger
    _sink = sink


def embedded(metric: Metric, value: float, labels: dict[str, str]) -> None:
    """The sink of a Lambda function: one line of CloudWatch's embedded metric format (specification of 2019)."""
    if metric.container_only:
        return
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["environment", *metric.dimensions]],
        "Metrics": [{"Name": metric.name, "Unit": metric.unit}],
    }
    line = {
        "_aws": {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [directive]},
        **logs.bound(),
        **labels,
        "environment": settings.environment(),
        metric.name: value,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
