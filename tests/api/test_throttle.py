"""The throttle: exact, per tenant, honest about when to come again, and never in the way when it fails itself."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any
from uuid import uuid4

import pytest

from domain.errors import TooManyRequests
from infra import throttle
from infra.throttle import Quota
from tests.conftest import Database

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
Take = Callable[[timedelta], dict[str, Any]]


@pytest.fixture
def bucket(db: Database) -> Callable[[int, int], Take]:
    """A new bucket of `limit` in `window_s`; what it gives out takes one token at a time after START."""

    def make(limit: int, window_s: int) -> Take:
        subject = str(uuid4())

        def take(after: timedelta) -> dict[str, Any]:
            [row] = db.rows(
                "select * from identity.take('test', %s, %s, %s, %s)", subject, limit, window_s, START + after
            )
            return row

        return take

    return make


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(("limit", "window_s"), [(1, 60), (3, 1), (7, 60), (10, 900), (1000, 60)])
def test_a_full_bucket_gives_its_limit_at_once_and_then_one_each_interval(
    bucket: Callable[..., Take], limit: int, window_s: int
) -> None:
    take, interval = bucket(limit, window_s), window_s / limit
    answers = [take(seconds(0)) for _ in range(limit + 1)]
    assert [a["taken"] for a in answers] == [True] * limit + [False]
    assert [a["remaining"] for a in answers] == [*range(limit - 1, -1, -1), 0]
    assert answers[0]["reset_s"] == ceil(interval)
    assert answers[-1]["reset_s"] == window_s
    assert answers[-1]["retry_s"] == max(ceil(interval), 1)
    for number in range(1, 4):
        assert not take(seconds(number * interval - 0.001))["taken"]
        assert take(seconds(number * interval))["taken"]
        assert not take(seconds(number * interval))["taken"]


def test_a_refusal_costs_nothing(bucket: Callable[..., Take]) -> None:
    take = bucket(2, 60)
    for _ in range(50):
        take(seconds(0))
    assert take(seconds(30))["taken"]


@pytest.mark.parametrize("seed", range(8))
def test_who_waits_as_long_as_told_gets_in(bucket: Callable[..., Take], seed: int) -> None:
    """And no more than `limit + elapsed x rate` ever get in, whatever the pattern."""
    draw = random.Random(seed)
    limit, window_s = draw.choice([(1, 1), (2, 7), (5, 60), (13, 11), (30, 900), (100, 7)])
    take, now, taken, waited = bucket(limit, window_s), 0.0, 0, 0
    for _ in range(150):
        now += draw.choice([0, 0, 0, 0.001, draw.random() * window_s / limit, draw.random() * window_s / 4])
        answer = take(seconds(now))
        if answer["taken"]:
            taken += 1
            assert answer["retry_s"] == 0
        else:
            assert answer["remaining"] == 0
            assert answer["retry_s"] >= 1
            waited += 1
            now += answer["retry_s"]
            assert take(seconds(now))["taken"], (limit, window_s, answer)
            taken += 1
        assert taken <= limit + now * limit / window_s + 1e-6
    assert waited


def test_after_the_reset_everything_is_back(bucket: Callable[..., Take]) -> None:
    take = bucket(5, 60)
    for _ in range(4):
        answer = take(seconds(0))
    assert answer["reset_s"] == 48
    assert [take(seconds(48))["taken"] for _ in range(6)] == [True] * 5 + [False]


def test_take_counts_each_subject_of_each_bucket_and_keeps_hashes_only(db: Database) -> None:
    quota = Quota(3, 900)
    for _ in range(3):
        throttle.take("login-account", "someone@acme.example", quota)
    with pytest.raises(TooManyRequests) as refused:
        throttle.take("login-account", "someone@acme.example", quota)
    assert 295 <= refused.value.retry_after_s <= 300
    assert refused.value.allowance is not None
    throttle.take("login-account", "someone@globex.example", quota)
    throttle.take("reset-account", "someone@acme.example", quota)
    throttle.take("login-account", "\ud800\0", quota)
    found = db.rows("select bucket, subject from identity.buckets")
    assert len(found) == 4
    assert all(len(row["subject"]) == 64 and "@" not in row["subject"] for row in found)
