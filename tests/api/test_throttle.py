"""The throttle: exact, per tenant, honest about when to come again, and never in the way when it fails itself."""

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import ceil
from time import monotonic
from typing import Any
from uuid import uuid4

import jwt
import psycopg
import pytest
from httpx2 import Response
from starlette.testclient import TestClient
from typer.testing import CliRunner

from cli.main import app as ffp
from domain.errors import TooManyRequests
from infra import membership, throttle
from infra.throttle import Quota
from tests.api.problems import assert_problem
from tests.conftest import Database, Person
from workers import sweeper

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
Make = Callable[..., Person]
Take = Callable[[timedelta], dict[str, Any]]
TEMPLATES = "/v1/templates"


def admitted(who: Person) -> membership.Admission:
    claims = jwt.decode(who.token, options={"verify_signature": False})
    found = membership.open_request(claims["sub"], claims["iat"])
    assert found is not None
    return found


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


def passes(db: Database, passed_s: float) -> None:
    """Time, for every bucket there is."""
    db.rows("update identity.buckets set full_at = full_at - make_interval(secs => %s)", passed_s)


def _hashed(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()


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
    began = monotonic()
    for _ in range(3):
        throttle.take("login-account", "someone@acme.example", quota)
    with pytest.raises(TooManyRequests) as refused:
        throttle.take("login-account", "someone@acme.example", quota)
    assert 299 - (monotonic() - began) <= refused.value.retry_after_s <= 300
    assert refused.value.allowance is not None
    throttle.take("login-account", "someone@globex.example", quota)
    throttle.take("reset-account", "someone@acme.example", quota)
    throttle.take("login-account", "\ud800\0", quota)
    found = db.rows("select bucket, subject from identity.buckets")
    assert len(found) == 4
    assert all(len(row["subject"]) == 64 and "@" not in row["subject"] for row in found)


def test_a_name_is_the_same_person_again_after_the_window(db: Database) -> None:
    throttle.take("login-account", "someone", Quota(1, 900))
    with pytest.raises(TooManyRequests) as refused:
        throttle.take("login-account", "someone", Quota(1, 900))
    passes(db, refused.value.retry_after_s)
    throttle.take("login-account", "someone", Quota(1, 900))


# --- over HTTP ---


def limited(db: Database, who: Person, requests_per_minute: int) -> None:
    db.rows("update tenants set requests_per_minute = %s where id = %s", requests_per_minute, who.tenant_id)


def left(answer: Response) -> int:
    assert re.fullmatch(r'"(tenant|staff)";q=\d+;w=60', answer.headers["ratelimit-policy"])
    found = re.fullmatch(r'"(?:tenant|staff)";r=(\d+);t=\d+', answer.headers["ratelimit"])
    assert found, answer.headers["ratelimit"]
    return int(found[1])


def lines(captured: str, event: str) -> list[dict[str, Any]]:
    logged = [json.loads(line) for line in captured.splitlines() if line.startswith("{")]
    return [line for line in logged if line["event"] == event]


def test_every_answer_to_who_is_signed_in_says_what_is_left(
    api: TestClient, person: Make, start: Callable[..., Any], db: Database
) -> None:
    member, globex = person("acme"), person("globex")
    limited(db, member, 30)
    began = monotonic()
    draft = f"/v1/assessments/{start(member)['id']}"
    asked = [
        (200, api.get(TEMPLATES, headers=member.headers)),
        (404, api.get(f"/v1/jobs/{uuid4()}", headers=member.headers)),
        (403, api.get("/v1/reviews", headers=member.headers)),
        (422, api.post("/v1/assessments", json={"template_id": 1}, headers=member.headers)),
        (428, api.patch(draft, json={"answers": {}}, headers=member.headers)),
        (304, api.get(draft, headers=member.headers | {"If-None-Match": "*"})),
    ]
    assert [answer.status_code for _, answer in asked] == [status for status, _ in asked]
    came_back = (monotonic() - began) * 30 / 60
    for (_, answer), counted in zip(asked, (28, 27, 26, 25, 24, 24), strict=True):
        assert counted <= left(answer) <= counted + came_back
    for _, answer in asked:
        assert answer.headers["ratelimit-policy"] == '"tenant";q=30;w=60'
    assert left(api.get(TEMPLATES, headers=globex.headers)) == 999
    for path, headers in ((TEMPLATES, {}), (TEMPLATES, {"Authorization": "Bearer x"}), ("/v1/health/live", {})):
        assert not [name for name in api.get(path, headers=headers).headers if name.startswith("ratelimit")]


def test_beyond_the_quota_it_is_429_for_the_tenant_and_nobody_else(
    api_alone: TestClient, person: Make, db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    member, colleague, globex = person("acme"), person("acme", "clinician"), person("globex")
    limited(db, member, 1)
    began = monotonic()
    assert api_alone.get(TEMPLATES, headers=member.headers).status_code == 200
    for who in (member, colleague):
        answer = api_alone.get(TEMPLATES, headers=who.headers)
        assert_problem(answer, 429, "too_many_requests")
        assert 59 - (monotonic() - began) <= int(answer.headers["retry-after"]) <= 60
        assert left(answer) == 0
    assert api_alone.get(TEMPLATES, headers=globex.headers).status_code == 200
    assert [line["tenant_id"] for line in lines(capsys.readouterr().err, "throttled")] == [str(member.tenant_id)] * 2
    for passed_s, status in ((15, 429), (45, 200), (0, 429)):
        passes(db, passed_s)
        assert api_alone.get(TEMPLATES, headers=member.headers).status_code == status


def test_to_come_again_after_retry_after_is_enough(api_alone: TestClient, person: Make, db: Database) -> None:
    member = person("acme")
    limited(db, member, 1)
    while (answer := api_alone.get(TEMPLATES, headers=member.headers)).status_code == 200:
        pass
    passes(db, int(answer.headers["retry-after"]))
    assert api_alone.get(TEMPLATES, headers=member.headers).status_code == 200


def test_a_304_and_the_health_check_cost_nothing(
    api: TestClient, person: Make, start: Callable[..., Any], db: Database
) -> None:
    member = person("acme")
    draft = f"/v1/assessments/{start(member)['id']}"
    limited(db, member, 1)
    db.rows("truncate identity.buckets")
    for _ in range(20):
        answer = api.get(draft, headers=member.headers | {"If-None-Match": "*"})
        assert (answer.status_code, left(answer)) == (304, 1)
        assert api.get("/v1/health/ready").status_code == 200
    assert api.get(draft, headers=member.headers).status_code == 200
    assert api.get(draft, headers=member.headers | {"If-None-Match": "*"}).status_code == 429


def test_staff_have_a_quota_of_their_own(
    api_alone: TestClient, person: Make, sign: Callable[..., str], db: Database
) -> None:
    person("acme")
    for name in ("one", "two"):
        db.rows("insert into identity.principals (sub, staff_role) values (%s, 'content_admin')", name)
    for name, status, remaining in (("one", 200, 999), ("one", 429, 0), ("two", 200, 999)):
        answer = api_alone.get(TEMPLATES, headers={"Authorization": f"Bearer {sign(name)}"})
        assert (answer.status_code, left(answer)) == (status, remaining)
        assert answer.headers["ratelimit-policy"] == '"staff";q=1000;w=60'
        passes(db, -3600)  # whoever has a bucket has nothing left in it


def test_an_operator_sets_a_tenants_quota(
    api_alone: TestClient, person: Make, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, globex = person("acme", "business_owner"), person("globex")
    assert CliRunner().invoke(ffp, ["tenant", "limit", "acme", "5000"]).exit_code == 0
    assert api_alone.get(TEMPLATES, headers=owner.headers).headers["ratelimit-policy"] == '"tenant";q=5000;w=60'
    assert api_alone.get(TEMPLATES, headers=globex.headers).headers["ratelimit-policy"] == '"tenant";q=1000;w=60'
    [row] = db.rows("select * from audit_log where action = 'tenant.limited'")
    assert (row["actor_role"], row["subject_id"]) == ("operator", owner.tenant_id)
    for given in (["nobody", "5"], ["acme", "0"], ["acme", "100001"]):
        assert CliRunner().invoke(ffp, ["tenant", "limit", *given]).exit_code != 0
    # Nobody of the tenant does, whatever way they find to the application's role.
    own = {"requests_per_minute": 100_000}
    changed = api_alone.patch("/v1/business/settings", json=own, headers=owner.headers)
    assert_problem(changed, 422, "invalid_request")
    with psycopg.connect(db.app_url) as connection:
        connection.execute("select app.set_context(%s, %s, 'business_owner')", (owner.tenant_id, owner.context.user_id))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("update tenants set requests_per_minute = 100000")


# --- when it fails itself ---


@contextmanager
def locked(db: Database, mode: str = "access exclusive") -> Iterator[None]:
    with psycopg.connect(db.superuser_url) as connection:
        connection.execute(f"lock table identity.buckets in {mode} mode")
        yield
        connection.rollback()


def test_a_throttle_that_fails_is_in_nobodys_way(
    api_alone: TestClient, person: Make, db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    member = person("acme")
    with locked(db):
        answer = api_alone.get(TEMPLATES, headers=member.headers)
        throttle.take("login-account", "someone", Quota(1, 60))
    assert answer.status_code == 200
    assert "ratelimit" not in answer.headers
    waits = db.rows("select proconfig from pg_proc where pronamespace = 'identity'::regnamespace and proname = 'take'")
    assert waits
    assert all("lock_timeout=500ms" in each["proconfig"] for each in waits), "not the two seconds of other locks"
    assert len(lines(capsys.readouterr().err, "throttle_unavailable")) == 2
    assert left(api_alone.get(TEMPLATES, headers=member.headers)) == 999
    db.rows("drop table identity.buckets")
    assert api_alone.get(TEMPLATES, headers=member.headers).status_code == 200
    unknown = api_alone.get(TEMPLATES, headers={"Authorization": f"Bearer {member.token}x"})
    assert_problem(unknown, 401, "unauthenticated")
    assert len(lines(capsys.readouterr().err, "throttle_unavailable")) == 1


def test_a_token_that_cannot_go_back_stays_spent(db: Database, person: Make) -> None:
    token = admitted(person("acme")).token
    assert token is not None
    with locked(db):
        assert throttle.give_back(token).remaining == 999
    assert throttle.give_back(token).remaining == 1000


def test_without_membership_there_is_no_way_in(api_alone: TestClient, person: Make, db: Database) -> None:
    """The throttle is what may fail, nothing else."""
    member = person("acme")
    db.rows("alter table identity.principals rename to gone")
    assert api_alone.get(TEMPLATES, headers=member.headers).status_code == 500


# --- exactness ---


def test_eight_clients_together_get_exactly_the_quota(db: Database, person: Make) -> None:
    limit = 300
    member, globex = person("acme"), person("globex")
    limited(db, member, limit)
    admitted(member)  # connections are there, and the burst begins afterwards
    db.rows("truncate identity.buckets")
    began = monotonic()

    def client() -> tuple[int, float, float]:
        """Until there is nothing more than what comes back: how many, by when the first, since when none was left."""
        taken = refused = 0
        first = asked = began
        while refused < 25:
            asked = monotonic()
            admission = admitted(member)
            first = first if taken + refused else monotonic()
            assert admission.token is not None
            taken += not admission.retry_after_s
            refused += bool(admission.retry_after_s)
        return taken, first, asked

    with ThreadPoolExecutor(8) as clients:
        each = list(clients.map(lambda _: client(), range(8)))
    taken = sum(count for count, _, _ in each)
    least_s = max(asked for _, _, asked in each) - min(first for _, first, _ in each)
    assert limit + least_s * limit / 60 - 1 <= taken <= limit + (monotonic() - began) * limit / 60
    other = admitted(globex).token
    assert other is not None
    assert other.allowance.remaining == 999


@pytest.mark.parametrize("seed", range(6))
def test_what_is_given_back_never_lets_in_more_than_the_quota(db: Database, seed: int) -> None:
    """Against the same arrivals without those that were given back, whatever lies between taking and giving."""
    draw = random.Random(seed)
    limit, window_s = draw.choice([(2, 4), (5, 10), (20, 10)])
    interval = window_s / limit
    subject, now, out, kept = str(uuid4()), 0.0, [], 0
    full_at = 0.0  # GCRA of those that are kept, alone
    for _ in range(200):
        now += draw.choice([0, 0, draw.random() * interval, draw.random() * window_s / 3])
        [row] = db.rows(
            "select * from identity.take('test', %s, %s, %s, %s)", subject, limit, window_s, START + seconds(now)
        )
        if row["taken"] and draw.random() < 0.5:
            out.append(row["full_at"])
        elif row["taken"]:
            kept += 1
            assert max(full_at, now) + interval <= now + window_s + 1e-3, "more than without the others"
            full_at = max(full_at, now) + interval
        while out and draw.random() < 0.6:
            was = out.pop(draw.randrange(len(out)))
            db.rows(
                "select identity.give_back('test', %s, %s, %s, %s, %s)",
                subject,
                limit,
                window_s,
                was,
                START + seconds(now),
            )
    assert kept > limit


def test_what_goes_back_at_once_is_there_again(db: Database) -> None:
    for debt in (0, 1, 3):
        subject = str(uuid4())
        taken = [
            db.rows("select * from identity.take('test', %s, 5, 60, %s)", subject, START)[0] for _ in range(debt + 1)
        ]
        [row] = db.rows(
            "select * from identity.give_back('test', %s, 5, 60, %s, %s)", subject, taken[-1]["full_at"], START
        )
        assert row["remaining"] == 5 - debt
        assert row["reset_s"] == 12 * debt


def test_a_bucket_that_is_full_is_swept_and_no_other(db: Database) -> None:
    throttle.take("a", "spent", Quota(1, 900))
    throttle.take("a", "full", Quota(1, 900))
    db.rows("update identity.buckets set full_at = now() - interval '1 s' where subject = %s", _hashed("full"))
    assert sweeper.sweep()["buckets_swept"] == 1
    assert sweeper.sweep()["buckets_swept"] == 0
    throttle.take("a", "full", Quota(1, 900))
    with pytest.raises(TooManyRequests):
        throttle.take("a", "spent", Quota(1, 900))
