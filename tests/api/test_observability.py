"""What a request and its job leave behind for those who watch: lines, metrics, one trace over both queues, health."""

import importlib
import inspect
import json
import logging
import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from httpx2 import Response
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient

from api.routes import health
from infra import (
    background,
    heartbeat,
    listener,
    logs,
    metrics,
    metrics_server,
    outbox,
    pools,
    queue,
    settings,
    telemetry,
    tracing,
)
from infra.keepalive import KEEPALIVE
from infra.local.identities import ensure_pool
from infra.spans import OpenTelemetry
from tests.answers import low_back_pain
from tests.api import accounts
from tests.api.problems import assert_problem
from tests.conftest import Database, Person, forget
from tests.processes import until
from tests.wire import Wire

Make = Callable[..., Person]
Record = tuple[str, float, dict[str, str]]
TRACE, PARENT = "5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
ROOT = Path(__file__).parents[2]


def lines(text: str, event: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, text.splitlines()) if line["event"] == event]


@pytest.fixture
def recorded() -> Iterator[list[Record]]:
    """Every record of a metric, which must be a declared one with exactly its labels."""
    found: list[Record] = []

    def note(metric: metrics.Metric, value: float, labels: dict[str, str]) -> None:
        assert metric in metrics.METRICS
        assert set(labels) == set(metric.labels), metric.name
        found.append((metric.name, value, labels))

    metrics.send_to(note)
    yield found
    metrics.send_to(None)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.record_with(OpenTelemetry("test", SimpleSpanProcessor(exporter)))
    yield exporter
    tracing.record_with(None)


# --- lines ---


def test_every_line_of_a_request_and_of_its_deliveries_says_whose_it_is(
    submit: Callable[..., Response], work: Callable[[], int], person: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    member, other = person("acme"), person("globex")
    for who, request_id in ((member, "request-of-acme"), (other, "request-of-globex")):
        capsys.readouterr()
        job = submit(who, headers={"X-Request-ID": request_id}).json()
        work()
        said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        ours = [line for line in said if line.get("correlation_id") == request_id]
        assert {line["event"] for line in ours} == {"request", "stage_done"}
        assert {line["tenant_id"] for line in ours} == {str(who.tenant_id)}
        assert {line["job_id"] for line in ours} == {job["id"]}
        [request] = [line for line in ours if line["event"] == "request"]
        assert (request["route"], request["status"]) == ("/v1/assessments/{assessment_id}/submit", 202)
        assert "tenant_id" not in [line for line in said if line["event"] == "started"]


def test_a_path_that_is_no_route_is_not_repeated(api_alone: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    api_alone.get("/v1/jobs/secret-words?note=secret-words", headers={"User-Agent": "secret-words"})
    api_alone.get("/secret-words")
    said = capsys.readouterr().err
    assert {line["route"] for line in lines(said, "request")} == {"/v1/jobs/{job_id}", "none"}
    assert "secret-words" not in said


@pytest.fixture
def library() -> Iterator[logging.Logger]:
    logger = logging.getLogger("some.library")
    logger.addHandler(logs.Libraries())
    logger.propagate = False
    yield logger
    logger.handlers.clear()
    logger.propagate = True


def test_a_library_s_words_are_kept_and_its_values_are_not(
    library: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.begin(correlation_id="request-1", tenant_id="acme")
    value = "pain-is-7"
    try:
        int(value)
    except ValueError:
        library.exception("row %s refused", value)
    library.warning(f"row {value} refused")
    library.warning({"row": value})
    library.error(ValueError(value))
    logs.clear()
    said = capsys.readouterr().err
    assert value not in said
    found = lines(said, "library")
    assert [line.get("words") for line in found] == ["row %s refused", None, None, None]
    assert (found[0]["error"], found[0]["correlation_id"], found[0]["tenant_id"]) == ("ValueError", "request-1", "acme")
    assert all(line["place"].startswith("test_observability:") for line in found)


def test_what_nobody_catches_is_told_without_its_text(tmp_path: Path) -> None:
    """In a process of its own: its hooks are for good."""
    from tests.test_architecture import python

    code = """
import threading, warnings
from infra import logs
logs.capture()
warnings.warn("pain-is-7")
def fail(): raise ValueError("pain-is-7")
thread = threading.Thread(target=fail); thread.start(); thread.join()
fail()
"""
    done = python(code.replace("warnings.warn", "warnings.simplefilter('default'); warnings.warn"))
    assert done.returncode == 1
    assert "pain-is-7" not in done.stderr
    assert [line["error"] for line in lines(done.stderr, "uncaught")] == ["ValueError", "ValueError"]
    assert [line["logger"] for line in lines(done.stderr, "library")] == ["py.warnings"]


def test_every_lambda_entry_is_watched_and_tells_no_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = {
        ".".join((*path.relative_to(ROOT).with_suffix("").parts,))
        for path in (ROOT / "workers").rglob("*.py")
        if re.search(r"^def handler\(", path.read_text(), re.MULTILINE)
    }
    assert "workers.sqs" in entries
    for name in entries:
        handler = importlib.import_module(name).handler
        assert handler.__wrapped__, name

    @telemetry.entry("sweeper")
    def failing(event: Any, context: Any) -> None:
        raise ValueError("pain-is-7")

    with pytest.raises(telemetry.InvocationFailed, match=r"^ValueError$") as failed:
        failing({}, None)
    assert failed.value.__suppress_context__
    said = capsys.readouterr().err
    assert [line["error"] for line in lines(said, "invocation_failed")] == ["ValueError"]
    assert "pain-is-7" not in said


# --- metrics ---


def test_a_job_is_counted_at_each_of_its_steps(
    api: TestClient,
    submit: Callable[..., Response],
    work: Callable[[], int],
    person: Make,
    recorded: list[Record],
) -> None:
    from workers.sweeper import sweep

    member = person("acme")
    first = submit(member)
    sweep()
    state = {(name, labels.get("queue")): value for name, value, labels in recorded}
    assert state["queue_depth", "scoring"] == 1
    assert state["queue_age_seconds", "scoring"] > 0
    assert (state["dead_jobs", None], state["relay_lag_seconds", None]) == (0, 0)
    work()
    names = [name for name, _, _ in recorded]
    assert names.count("submissions") == 1
    stages = [labels for name, _, labels in recorded if name == "stage_seconds"]
    assert stages == [{"stage": "scoring", "outcome": "done"}, {"stage": "generating", "outcome": "done"}]
    [gap] = [value for name, value, _ in recorded if name == "solver_gap"]
    assert 0 <= gap < 1
    assert "referrals" not in names
    again = api.get(first.headers["location"], headers=member.headers)
    assert again.json()["status"] == "succeeded"
    assert recorded[-1][0] == "request_seconds"
    assert recorded[-1][2] == {"method": "GET", "status": "2xx"}


def test_a_referral_a_wrong_password_and_a_throttled_tenant_are_counted(
    api: TestClient,
    submit: Callable[..., Response],
    work: Callable[[], int],
    person: Make,
    db: Database,
    recorded: list[Record],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    member = person("acme")
    submit(member, answers=low_back_pain(rf_ces_saddle="not_sure"))
    work()
    assert [name for name, _, _ in recorded].count("referrals") == 1
    db.rows("update tenants set requests_per_minute = 1")
    # What was asked for before counts too: the first of these may be refused already.
    assert [api.get("/v1/jobs/x", headers=member.headers).status_code for _ in range(2)][-1] == 429
    assert "throttled" in [name for name, _, _ in recorded]
    accounts.use(monkeypatch, accounts.pool_environment(ensure_pool(accounts.cognito())))
    login = api.post("/v1/auth/login", json={"email": "nobody@acme.example", "password": "not this one"})
    assert_problem(login, 401, "wrong_credentials")
    assert [name for name, _, _ in recorded].count("sign_in_failures") == 1


def test_on_lambda_a_record_is_a_line_of_the_embedded_format(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FFP_ENV", "dev")
    logs.begin(correlation_id="request-1", tenant_id="acme")
    metrics.send_to(metrics.embedded)
    try:
        metrics.record(metrics.STAGE_SECONDS, 0.5, stage="scoring", outcome="done")
        metrics.record(metrics.STREAMS, 3)
    finally:
        metrics.send_to(None)
        logs.clear()
    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    [directive] = line.pop("_aws")["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "FFP",
        "Dimensions": [["environment", "stage"]],
        "Metrics": [{"Name": "stage_seconds", "Unit": "Seconds"}],
    }
    assert line == {
        "correlation_id": "request-1", "tenant_id": "acme", "stage": "scoring", "outcome": "done", "environment": "dev",
        "stage_seconds": 0.5,
    }  # fmt: skip


def fetched(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_in_a_container_prometheus_reads_every_declared_metric_and_no_tenant(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "_last", [])
    assert pools.is_ready()
    port = metrics_server.start("127.0.0.1", 0)
    try:
        metrics.record(metrics.STAGE_SECONDS, 0.2, stage="scoring", outcome="done")
        metrics.record(metrics.SUBMISSIONS)
        status, page = fetched(port, "/metrics")
    finally:
        metrics.send_to(None)
    assert status == 200
    for metric in metrics.METRICS:
        assert f"# HELP ffp_{metric.name}" in page
        assert not set(metric.labels) & {"tenant", "tenant_id", "user_id", "job_id"}
    assert "ffp_submissions_total 1.0" in page
    assert 'ffp_stage_seconds_bucket{le="0.25",outcome="done",stage="scoring"} 1.0' in page
    assert 'ffp_pool_connections{pool="ffp",state="most"} 8.0' in page
    assert fetched(port, "/health/live") == (200, "ok\n")
    heartbeat._last[:] = [0.0]
    monkeypatch.setattr(heartbeat, "monotonic", lambda: 1_000.0)
    assert fetched(port, "/health/live") == (503, "stuck\n")
    assert fetched(port, "/v1/health/live")[0] == 404


def test_the_page_lists_the_declared_metrics() -> None:
    page = (ROOT / "docs/observability.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE)
    assert listed == [
        (m.name, m.kind, m.unit, ", ".join(m.labels) or "-", m.help + (" Containers only." if m.container_only else ""))
        for m in metrics.METRICS
    ]


# --- traces ---


def test_one_trace_from_the_request_over_both_queues(
    submit: Callable[..., Response],
    work: Callable[[], int],
    person: Make,
    db: Database,
    spans: InMemorySpanExporter,
    queues: dict[str, str],
) -> None:
    submit(person("acme"), headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    [carried] = db.rows("select traceparent from jobs")
    assert carried["traceparent"].startswith(f"00-{TRACE}-")
    work()
    found = {span.name: span for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" == TRACE}
    above = {name: span.parent and f"{span.parent.span_id:016x}" for name, span in found.items()}
    here = {name: f"{span.context.span_id:016x}" for name, span in found.items()}
    assert above == {
        "POST": PARENT,
        "publish scoring": here["POST"],
        "process scoring": here["publish scoring"],
        "publish generating": here["process scoring"],
        "process generating": here["publish generating"],
    }
    assert found["POST"].attributes is not None
    assert found["POST"].attributes["http.route"] == "/v1/assessments/{assessment_id}/submit"


def test_a_trace_goes_through_where_nobody_records(
    submit: Callable[..., Response], work: Callable[[], int], person: Make, db: Database
) -> None:
    """X-Ray's header is the same trace, written another way; a malformed one is none."""
    xray = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1"
    submit(person("acme"), headers={"X-Amzn-Trace-Id": xray})
    assert db.value("select traceparent from jobs") == f"00-{TRACE}-{PARENT}-01"
    assert tracing.xray(f"00-{TRACE}-{PARENT}-01") == xray
    submit(person("globex"), headers={"traceparent": f"00-{'0' * 32}-{PARENT}-01", "X-Amzn-Trace-Id": "Root=x"})
    assert db.rows("select traceparent from jobs where traceparent is null")
    work()
    assert db.value("select count(*) from jobs where status = 'succeeded'") == 2


def test_an_error_in_a_span_is_told_by_its_class(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError), tracing.span("work", "internal"):
        raise ValueError("pain-is-7")
    [span] = spans.get_finished_spans()
    assert (span.status.description, list(span.events)) == ("ValueError", [])
    assert int(f"{span.context.trace_id:032x}"[:8], 16) > 1_700_000_000  # X-Ray's ids begin with the time


# --- health ---


def test_ready_is_not_live(api: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = "/v1/health/ready"
    assert api.get(ready).json() == {"status": "ok"}
    db.rows("update alembic_version set version_num = '0001'")
    assert_problem(api.get(ready), 503, "unavailable")
    db.rows("update alembic_version set version_num = '9999'")  # a newer schema will do
    assert api.get(ready).status_code == 200
    monkeypatch.setenv("FFP_QUEUE_SCORING_URL", "http://127.0.0.1:1/000000000000/none")
    settings.queues.cache_clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    queue.client.cache_clear()
    assert api.get(ready).json() == {"status": "degraded"}
    db.rows("drop table alembic_version")
    assert_problem(api.get(ready), 503, "unavailable")
    monkeypatch.setenv("FFP_DATABASE_URL", "postgresql://ffp_app@127.0.0.1:1/ffp")
    forget()
    assert api.get("/v1/health/live").json() == {"status": "ok"}


def test_a_database_that_keeps_quiet_holds_up_neither_live_nor_ready(
    api: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _, port = db.app_url.rpartition("@")[2].partition("/")[0].partition(":")
    with Wire(host, int(port)) as wire:
        monkeypatch.setenv("FFP_DATABASE_URL", db.app_url.replace(f"{host}:{port}", f"127.0.0.1:{wire.port}"))
        forget()
        hold = wire.hold(b"alembic_version", "before")
        # Whoever asks first, and who asks while that has no answer.
        for _ in range(2):
            assert_problem(api.get("/v1/health/ready"), 503, "unavailable")
        assert hold.reached.is_set()
        hold.release()
        until(lambda: api.get("/v1/health/ready").status_code == 200, 10)
    assert inspect.iscoroutinefunction(health.live)  # it waits for no thread either


def test_connections_notice_that_their_server_is_gone(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of requests, and those that are kept: by the listener, which asks nothing, and by the relay's loops."""
    given: list[dict[str, Any]] = []

    def noted(url: str, **parameters: Any) -> Any:
        given.append(parameters)
        raise psycopg.OperationalError

    with pools.pool().connection() as raw, socket.fromfd(raw.fileno(), socket.AF_INET, socket.SOCK_STREAM) as wire:
        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == KEEPALIVE["keepalives_idle"]
    with background.connected("test") as kept:
        assert kept.info.get_parameters()["tcp_user_timeout"] == "10000"
    with outbox.transaction() as relay:
        assert relay.info.get_parameters()["tcp_user_timeout"] == "10000"
    stop = threading.Event()
    monkeypatch.setattr(psycopg, "connect", noted)
    thread = threading.Thread(target=listener.run, args=(lambda _: None, stop))
    thread.start()
    until(lambda: given, 10)
    stop.set()
    thread.join(10)
    assert given[0].items() >= KEEPALIVE.items()


def test_the_release_knows_its_schema() -> None:
    """What is taken away when the old release is gone does not count: this one serves before that."""
    adds = [p for p in (ROOT / "migrations/versions").glob("[0-9]*.py") if 'phase = "contract"' not in p.read_text()]
    assert max(path.name[:4] for path in adds) == pools.SCHEMA


def test_a_pool_without_a_free_connection_is_not_ready(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFP_POOL_SIZE", "1")
    forget()
    with pools.pool().connection():
        assert not pools.is_ready()
        state = pools.states()["ffp"]
        assert (state.used, state.idle, state.most) == (1, 0, 1)
    assert pools.is_ready()


def test_a_tenant_is_a_uuid_in_the_lines() -> None:
    """What is bound are ids: nothing that anybody has written."""
    logs.begin(tenant_id=str(UUID(int=1)))
    assert logs.bound() == {"tenant_id": str(UUID(int=1))}
    logs.clear()
    assert logs.bound() == {}
