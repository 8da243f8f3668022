"""What a waiting client is told where nobody listens for it: a burst of events, and how long it may take."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.test_streams import events
from tests.conftest import Database, Person
from workers import sweeper


def test_on_lambda_a_stream_is_a_burst(
    api: TestClient, person: Callable[..., Person], submit: Callable[..., Any], work: Callable[[], int]
) -> None:
    """Nobody listens there, and the answer leaves as a whole: what is there, and the end."""
    member = person("acme")
    path = submit(member).headers["location"]
    answer = api.get(f"{path}/events", headers=member.headers)
    [first] = events(iter(answer.text.splitlines()))
    assert first["data"]["status"] == "queued"
    assert answer.text.startswith("retry: ")
    work()
    answer = api.get(f"{path}/events", headers=member.headers | {"Last-Event-ID": first["id"]})
    [last] = events(iter(answer.text.splitlines()))
    assert last["data"]["status"] == "succeeded"
    began = time.monotonic()
    nothing = api.get("/v1/events", headers=member.headers)
    assert nothing.status_code == 200, nothing.text
    assert list(events(iter(nothing.text.splitlines()))) == []  # what has ended is nothing new to a new client
    assert 4 < time.monotonic() - began < 100


def test_an_estimate_is_made_of_what_was_done_lately(
    api: TestClient, person: Callable[..., Person], submit: Callable[..., Any], work: Callable[[], int], db: Database
) -> None:
    member = person("acme")

    def estimate(path: str) -> float | None:
        found: float | None = api.get(path, headers=member.headers).json()["estimate_s"]
        return found

    sweeper.sweep()
    first = submit(member).headers["location"]
    assert estimate(first) is None  # nothing was ever done: nothing honest to say
    work()
    assert estimate(first) is None  # it has ended
    db.rows("update attempts set started_at = ended_at - interval '2 s' where stage = 'scoring'")
    db.rows("update attempts set started_at = ended_at - interval '3 s' where stage = 'generating'")
    sweeper.sweep()
    waiting = submit(member).headers["location"]
    assert estimate(waiting) == pytest.approx(5)
    for _ in range(3):
        submit(member)
    sweeper.sweep()  # four wait for scoring
    assert estimate(waiting) == pytest.approx(2 * 5 + 3)
    db.rows("update stage_pace set measured_at = now() - interval '6 min'")
    assert estimate(waiting) is None


def test_no_estimate_tells_of_another_tenant(db: Database) -> None:
    """What estimates are made of is of nobody: counts and durations by stage."""
    columns = db.rows("select column_name from information_schema.columns where table_name = 'stage_pace'")
    assert {row["column_name"] for row in columns} == {"stage", "waiting", "workers", "duration_s", "measured_at"}
