"""Too much to do, or no database: 503 with Retry-After, nothing changed, and back to work by itself."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from infra import migrate, pools, seed
from infra.local.cluster import SUPERUSER
from infra.local.postgres import EmbeddedPostgres
from tests.answers import low_back_pain
from tests.api.problems import assert_problem, nothing_changes
from tests.cluster import RUNTIME_ROLES
from tests.conftest import Database, Person, forget, people
from tests.processes import until

Make = Callable[..., Any]
Requests = dict[str, Callable[[], Response]]


@pytest.fixture
def requests(api: TestClient, start: Make, person: Make) -> Requests:
    """One of each kind: a read by function, a read in a transaction, a change, a submit."""
    member = person("acme")
    path = f"/v1/assessments/{start(member)['id']}"
    headers = member.headers | {"If-Match": '"1"', "Idempotency-Key": "k-1"}
    return {
        "poll": lambda: api.get(f"/v1/jobs/{uuid4()}", headers=headers),
        "read": lambda: api.get(path, headers=headers),
        "save": lambda: api.patch(path, json={"answers": {"nprs_now": 3}}, headers=headers),
        "submit": lambda: api.post(f"{path}/submit", json={"answers": low_back_pain()}, headers=headers),
    }


def all_at_once(requests: Requests) -> list[Response]:
    with ThreadPoolExecutor(len(requests)) as threads:
        return [each.result() for each in [threads.submit(request) for request in requests.values()]]


def assert_busy(answer: Response) -> None:
    assert_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"


def test_no_connection_is_free(requests: Requests, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFP_POOL_SIZE", "1")
    forget()
    with nothing_changes(db), pools.pool().connection():
        began = time.monotonic()
        for answer in all_at_once(requests):
            assert_busy(answer)
        assert time.monotonic() - began < 11  # 3 s of waiting, and not one after the other
    assert requests["submit"]().status_code == 202


def test_more_requests_than_may_wait(requests: Requests, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFP_POOL_SIZE", "1")
    forget()
    with nothing_changes(db), pools.pool().connection(), ThreadPoolExecutor(2) as threads:
        pools.pool().max_waiting = 1
        answers = [each.result() for each in [threads.submit(requests["poll"]) for _ in range(2)]]
    for answer in answers:
        assert_busy(answer)


def test_the_database_is_gone(requests: Requests, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with nothing_changes(db):
        with monkeypatch.context() as gone:
            gone.setenv("FFP_DATABASE_URL", "postgresql://ffp_app@127.0.0.1:1/ffp")
            forget()
            for answer in all_at_once(requests):
                assert_busy(answer)
        forget()
    assert requests["save"]().status_code == 200


@contextmanager
def blocked(db: Database) -> Iterator[psycopg.Connection[Any]]:
    """Nobody but us gets at assessments while the block runs."""
    with psycopg.connect(db.superuser_url) as other:
        other.execute("lock table assessments in access exclusive mode")
        yield other
        other.rollback()


def test_a_lock_that_is_held_too_long(requests: Requests, db: Database) -> None:
    before = db.rows("select * from assessments")
    with blocked(db):
        read, save, submit = all_at_once({name: requests[name] for name in ("read", "save", "submit")})
    assert_busy(read)
    assert_busy(save)
    assert_busy(submit)  # it could not even be looked up
    assert db.rows("select * from assessments") == before
    assert requests["submit"]().status_code == 202


@pytest.mark.parametrize("by", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_statement_is_ended_by_the_server(requests: Requests, db: Database, by: str) -> None:
    """Canceled as by statement_timeout, or cut as by a shutdown, in the middle of a transaction."""

    ended = []

    def end(stop: threading.Event) -> None:
        while not stop.wait(0.02):
            ended.extend(db.rows(
                f"select {by}(pid) from pg_stat_activity where datname = %s and wait_event_type = 'Lock'"
                " and application_name = 'ffp'",
                db.name,
            ))  # fmt: skip

    stop = threading.Event()
    with nothing_changes(db):
        with blocked(db):
            ender = threading.Thread(target=end, args=(stop,))
            ender.start()
            answers = all_at_once({name: requests[name] for name in ("read", "save", "submit")})
            stop.set()
            ender.join()
        for answer in answers:
            assert_busy(answer)
        assert ended  # it was this end, not that of a wait for a lock
    assert requests["save"]().status_code == 200


@pytest.mark.parametrize("name", ["poll", "read", "save", "submit"])
def test_every_connection_was_cut_between_two_requests(requests: Requests, db: Database, name: str) -> None:
    usual = {"poll": 404, "read": 200, "save": 200, "submit": 202}
    with ThreadPoolExecutor(6) as threads:  # several connections in the pool
        list(threads.map(lambda _: requests["read"](), range(12)))
    ours = "from pg_stat_activity where datname = %s and application_name = 'ffp'"
    assert db.value(f"select count(pg_terminate_backend(pid)) {ours}", db.name) >= 1
    # Each of them is told in its own time, and one that the pool was just opening may come after that.
    until(lambda: db.value(f"select count(pg_terminate_backend(pid)) {ours}", db.name) == 0, 10)
    assert requests[name]().status_code == usual[name]


def test_a_restart_of_postgresql_is_survived(
    tmp_path: Path,
    identity: None,
    queues: dict[str, str],
    sign: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from api.app import create_app

    tmp_path.chmod(0o755)  # as root, the server runs as another user
    for parent in list(tmp_path.parents)[:2]:
        parent.chmod(0o755)
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        migrate.upgrade(server.url())
        seed.seed_templates(server.url())
        server.set_passwords(RUNTIME_ROLES)
        monkeypatch.setenv("FFP_DATABASE_URL", server.url("ffp_app"))
        forget()
        found = Database(
            "ffp", *(server.url(role) for role in ("ffp_app", "ffp_relay", "ffp_ops", SUPERUSER)), server.url()
        )
        member: Person = people(found, sign)("acme")
        client = TestClient(create_app(), raise_server_exceptions=False)
        body = {"template_id": "low-back-pain"}
        made = client.post("/v1/assessments", json=body, headers=member.headers)
        assert made.status_code == 201
        server.stop()
        assert_busy(client.get(made.headers["location"], headers=member.headers))
        assert client.get("/v1/health/ready").status_code == 503
        server.start()
        assert server.url("ffp_app") == found.app_url  # on its old port
        until(lambda: client.get("/v1/health/ready").status_code == 200, 10)
        assert client.get(made.headers["location"], headers=member.headers).json() == made.json()
        server.stop()
        server.start()
        # Nobody asked in between: the very next request works.
        assert client.get(made.headers["location"], headers=member.headers).json() == made.json()
        forget()
