"""What a container says of itself, on a port of its own: `/metrics` for Prometheus and `/health/live` for whoever
restarts workers. Not the API's port: neither a client nor API Gateway can reach it.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from infra import heartbeat, metrics, pools
from infra.metrics import Metric

_PREFIX = "ffp"


class Registry:
    """Every declared metric as Prometheus has it. Those without labels are there with 0 before the first record."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._made: dict[str, Any] = {metric.name: self._instrument(metric) for metric in metrics.METRICS}

    def _instrument(self, metric: Metric) -> Counter | Gauge | Histogram:
        given: dict[str, Any] = {"labelnames": metric.labels, "namespace": _PREFIX, "registry": self._registry}
        match metric.kind:
            case "counter":
                return Counter(metric.name, metric.help, **given)
            case "gauge":
                return Gauge(metric.name, metric.help, **given)
            case "histogram":
                return Histogram(metric.name, metric.help, buckets=metric.buckets, **given)

    def record(self, metric: Metric, value: float, labels: dict[str, str]) -> None:
        made = self._made[metric.name]
        one = made.labels(**labels) if metric.labels else made
        match metric.kind:
            case "counter":
                one.inc(value)
            case "gauge":
                one.set(value)
            case "histogram":
                one.observe(value)

    def page(self) -> bytes:
        """What Prometheus reads. The pools are looked at now: nobody has to tell of each connection."""
        for name, state in pools.states().items():
            for kind, count in (("used", state.used), ("idle", state.idle), ("most", state.most)):
                self.record(metrics.POOL_CONNECTIONS, count, {"pool": name, "state": kind})
            self.record(metrics.POOL_WAITING, state.waiting, {"pool": name})
        return generate_latest(self._registry)


def start(host: str, port: int) -> int:
    """Serve until the process ends. Returns the port, which may be asked for as 0. Raises OSError where it is taken."""
    registry = Registry()

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path:
                case "/metrics":
                    self._answer(200, registry.page(), CONTENT_TYPE_LATEST)
                case "/health/live":
                    alive = heartbeat.alive()
                    self._answer(200 if alive else 503, b"ok\n" if alive else b"stuck\n", "text/plain")
                case _:
                    self._answer(404, b"not here\n", "text/plain")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response_only(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A scrape each quarter of a minute is no news."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: object) -> None:
            """Whoever hangs up in the middle of an answer has none."""

    server = Server((host, port), Pages)
    metrics.send_to(registry.record)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server.server_port
