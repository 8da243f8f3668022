"""Filters over the members of a business, and filters under a name."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from domain.assessments.scales import MinimalChange
from domain.assessments.scoring import ScaleScore, change
from domain.cohorts import Filter
from domain.outcomes.trends import matters
from domain.pages import Window
from infra.cohorts import CohortRepository, conditions
from infra.database import unit_of_work
from tests.api.problems import assert_problem
from tests.conftest import Database, Person

Make = Callable[..., Any]


def ask(api: TestClient, who: Person, query: str = "", **wanted: Any) -> Response:
    return api.post(f"/v1/business/members/query{query}", json={"filter": wanted}, headers=who.headers)


def emails(answer: Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["email"].partition("@")[0] for each in answer.json()["items"]]


def member(db: Database, tenant: UUID, name: str, **values: Any) -> UUID:
    person_id = uuid4()
    row = {"id": person_id, "email": f"{name}@x.example", "display_name": name.title(), "role": "member"} | values
    db.rows(
        f"insert into users (tenant_id, {', '.join(row)}) values (%s{', %s' * len(row)})",
        tenant, *row.values(),
    )  # fmt: skip
    return person_id


def attempt(db: Database, tenant: UUID, person: UUID, number: int, value: float | None, **scale: Any) -> UUID:
    """Handed in `10 - number` days ago, scored as stored scores are."""
    assessment, submission = uuid4(), uuid4()
    at = datetime.now(UTC) - timedelta(days=10 - number)
    db.rows(
        """insert into assessments (tenant_id, id, user_id, template_id, status)
           select %s, %s, %s, id, 'submitted' from templates where slug = 'low-back-pain' limit 1""",
        tenant, assessment, person,
    )  # fmt: skip
    db.rows(
        """insert into submissions (tenant_id, id, assessment_id, user_id, template_slug, template_version, template_hash,
               engine_version, answers, enabled, computed, attempt_number, is_initial, answered_on, submitted_at)
           values (%s, %s, %s, %s, 'low-back-pain', '1.0.0', 'h', '1', '{}', '[]', '{}', %s, %s, now(), %s)""",
        tenant, submission, assessment, person, number, number == 1, at,
    )  # fmt: skip
    stored = ScaleScore(id="nprs", label={"en": "Pain"}, value=value, **scale).model_dump(mode="json")
    db.rows(
        """insert into scores (tenant_id, submission_id, user_id, engine_version, result) values (%s, %s, %s, '1', %s)""",
        tenant, submission, person, json.dumps({"scores": [stored]}),
    )  # fmt: skip
    return submission


def program(db: Database, tenant: UUID, person: UUID, submission: UUID, days: dict[int, str]) -> UUID:
    """Under way, with a session so many days from now in each state."""
    found, job = uuid4(), uuid4()
    db.rows(
        """insert into jobs (tenant_id, id, user_id, kind, assessment_id, correlation_id)
           select tenant_id, %s, user_id, 'assessment', assessment_id, 'x' from submissions where id = %s""",
        job, submission,
    )  # fmt: skip
    db.rows(
        """insert into programs (tenant_id, id, user_id, submission_id, job_id, status, weeks, start_on, spec, proof,
               input_hash, library_hash, engine_version)
           values (%s, %s, %s, %s, %s, 'active', 6, now(), '{}', '{}', 'h', 'h', '1')""",
        tenant, found, person, submission, job,
    )  # fmt: skip
    for number, (day, status) in enumerate(days.items()):
        db.rows(
            """insert into sessions (tenant_id, id, program_id, user_id, week, number, deload, scheduled_on, minutes, status)
               values (%s, gen_random_uuid(), %s, %s, 1, %s, false, (now() at time zone 'UTC')::date + %s, 20, %s)""",
            tenant, found, person, number, day, status,
        )  # fmt: skip
    return found


def test_each_condition_finds_whom_it_means_and_nobody_of_another_business(
    api_alone: TestClient, db: Database, person: Make
) -> None:
    owner, other = person("acme", "clinician"), person("globex", "business_owner")
    for who in (owner, other):
        ana = member(db, who.tenant_id, "ana", external_id="M-1")
        member(db, who.tenant_id, "ben", status="suspended")
        first = attempt(db, who.tenant_id, ana, 1, 8, minimal_change={"absolute": 2, "source": "s"})
        attempt(db, who.tenant_id, ana, 2, 5, minimal_change={"absolute": 2, "source": "s"})
        program(db, who.tenant_id, ana, first, {-3: "done", -2: "missed", -1: "planned", 5: "planned", 6: "planned"})
    now = datetime.now(UTC)
    ago = {n: (now - timedelta(days=n)).isoformat() for n in (1, 9)}
    nprs = {"template": "low-back-pain", "scale": "nprs"}
    just_ana: list[dict[str, Any]] = [
        {"external_id": "m-"}, {"email": "AN"}, {"name": "aN"}, {"template": "low-back-pain"},
        {"program_status": ["active"]}, {"active_since": ago[9]}, {"completion_below": 21}, {"adherence_below": 34},
        {"changed": nprs | {"direction": "better"}}, {"role": ["member"], "status": ["active"]},
    ]  # fmt: skip
    for wanted in just_ana:
        assert emails(ask(api_alone, owner, **wanted)) == ["ana"], wanted
    nobody: list[dict[str, Any]] = [
        {"external_id": "%"}, {"email": "_n"}, {"template": "posture"}, {"program_status": ["archived"]},
        {"active_since": ago[1]}, {"completion_below": 20}, {"adherence_below": 33}, {"name": "ana", "email": "ben"},
        {"changed": nprs | {"direction": "worse"}}, {"changed": nprs | {"scale": "other", "direction": "better"}},
    ]  # fmt: skip
    for wanted in nobody:
        assert emails(ask(api_alone, owner, **wanted)) == [], wanted
    assert emails(ask(api_alone, owner, status=["suspended"])) == ["ben"]
    assert emails(ask(api_alone, owner, inactive_since=ago[9], role=["member"])) == ["ben"]
    assert emails(ask(api_alone, owner, inactive_since=ago[1], role=["member"])) == ["ana", "ben"]
    [shown] = ask(api_alone, owner, name="ana").json()["items"]
    assert (shown["completion"], shown["adherence"], shown["program_status"]) == (20, 33, "active")
    assert db.value("select count(*) from audit_log where action = 'members.listed'") == len(just_ana + nobody) + 4
    assert_problem(ask(api_alone, person("acme", "member")), 403, "forbidden")


def test_pages_follow_each_other_and_a_cursor_is_of_its_filter(
    api_alone: TestClient, db: Database, person: Make
) -> None:
    owner = person("acme", "business_owner")
    for n in range(5):
        member(db, owner.tenant_id, f"m{n}", created_at=datetime(2026, 1, 1 + n, tzinfo=UTC))
    first = ask(api_alone, owner, "?limit=2", role=["member"])
    second = ask(api_alone, owner, f"?limit=2&cursor={first.json()['next']}", role=["member"])
    assert emails(first) + emails(second) == ["m0", "m1", "m2", "m3"]
    again = ask(api_alone, owner, f"?limit=2&cursor={second.json()['prev']}", role=["member"])
    assert emails(again) == ["m0", "m1"]
    assert "member" not in first.headers["link"].replace("/members/", "")
    assert_problem(ask(api_alone, owner, f"?cursor={first.json()['next']}"), 400, "invalid_cursor")
    refused: list[dict[str, Any]] = [
        {"role": []},
        {"rule": ["member"]},
        {"adherence_below": 0},
        {"name": ""},
        {"active_since": "2026-01-01T00:00"},
    ]
    for wrong in refused:
        assert_problem(ask(api_alone, owner, **wrong), 422, "invalid_request")


def test_views_are_shared_by_who_cares_and_by_nobody_else(api_alone: TestClient, db: Database, person: Make) -> None:
    owner, clinician, other = (
        person("acme", "business_owner"),
        person("acme", "clinician"),
        person("globex", "clinician"),
    )
    body = {"name": "Behind", "filter": {"adherence_below": 50, "program_status": ["active"]}}
    key = {"Idempotency-Key": uuid4().hex}
    made = api_alone.post("/v1/business/views", json=body, headers=owner.headers | key)
    assert made.status_code == 201, made.text
    again = api_alone.post("/v1/business/views", json=body, headers=owner.headers | key)
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (made.json()["id"], "true")
    at = made.headers["location"]
    shown = api_alone.get(at, headers=clinician.headers)
    assert (shown.json()["filter"], shown.headers["etag"]) == (body["filter"], '"1"')
    assert [v["id"] for v in api_alone.get("/v1/business/views", headers=clinician.headers).json()["items"]] == [
        made.json()["id"]
    ]
    assert api_alone.get("/v1/business/views", headers=other.headers).json()["items"] == []
    match, changed = {"If-Match": '"1"'}, body | {"name": "Late"}
    for refused in (
        api_alone.get(at, headers=other.headers), api_alone.put(at, json=changed, headers=other.headers | match),
        api_alone.delete(at, headers=other.headers | match),
    ):  # fmt: skip
        assert_problem(refused, 404, "not_found")
    assert_problem(api_alone.get(at, headers=person("acme", "member").headers), 403, "forbidden")
    assert api_alone.put(at, json=changed, headers=clinician.headers | match).json()["name"] == "Late"
    assert_problem(api_alone.put(at, json=changed, headers=owner.headers | match), 412, "stale_revision")
    assert_problem(api_alone.delete(at, headers=owner.headers | match), 412, "stale_revision")
    naming = {"name": "Who", "filter": {"email": "ana@"}}
    fresh = owner.headers | {"Idempotency-Key": uuid4().hex}
    assert_problem(api_alone.post("/v1/business/views", json=naming, headers=fresh), 422, "invalid_request")
    assert api_alone.delete(at, headers=clinician.headers | {"If-Match": '"2"'}).status_code == 204
    db.rows(
        """insert into member_views (tenant_id, id, name, filter, created_by)
           select %s, gen_random_uuid(), 'n', '{}', %s from generate_series(1, 50)""",
        owner.tenant_id, owner.context.user_id,
    )  # fmt: skip
    assert_problem(api_alone.post("/v1/business/views", json=body, headers=fresh), 409, "too_many_views")


CASES: list[tuple[float | None, float | None, dict[str, Any] | None, str | None]] = [
    (before, now, minimal, direction)
    for before in (0, 4, 10, None)
    for now in (0, 3, 4, 7, 13)
    for minimal in (None, {"absolute": 3}, {"relative": 0.3}, {"absolute": 2, "relative": 0.5})
    for direction in (None, "higher_better", "higher_worse")
]


def test_the_database_judges_changes_as_outcomes_do(db: Database, person: Make) -> None:
    """Over every mix of value, direction and smallest change that matters."""
    owner = person("acme", "business_owner")
    who = member(db, owner.tenant_id, "ana")
    ids = [attempt(db, owner.tenant_id, who, number, 1) for number in (1, 2)]
    with psycopg.connect(db.superuser_url) as raw:
        for case in CASES:
            before, now, minimal, direction = case
            pair = [
                ScaleScore(
                    id="nprs", label={"en": "Pain"}, value=value, direction=direction,
                    minimal_change=None if minimal is None else MinimalChange(source="s", **minimal),
                )
                for value in (before, now)
            ]  # fmt: skip
            for submission, score in zip(ids, pair, strict=True):
                result = json.dumps({"scores": [score.model_dump(mode="json")]})
                raw.execute("update scores set result = %s where submission_id = %s", (result, submission))
            [(said,)] = raw.execute(
                "select app.changed(%s, %s, 'low-back-pain', 'nprs')", (owner.tenant_id, who)
            ).fetchall()
            found = change(*pair)
            beyond = matters(found)
            expected = (
                None
                if beyond is None
                else 0
                if not beyond or found is None or found.improved is None
                else 1
                if found.improved
                else -1
            )
            assert said == expected, case


@pytest.fixture
def many(db: Database, person: Callable[..., Person]) -> Person:
    """10,000 members of ours beside as many of another business, some with programs."""
    owner = person("acme", "business_owner")
    for who in (owner, person("globex", "business_owner")):
        db.rows(
            """insert into users (tenant_id, id, email, display_name, role, created_at)
               select %s, gen_random_uuid(), 'p' || n || '@x.example', 'P ' || n, 'member', now() + n * interval '1 s'
               from generate_series(1, 10000) n""",
            who.tenant_id,
        )
    with psycopg.connect(db.superuser_url, autocommit=True) as raw:
        raw.execute("analyze users")
    return owner


def test_ten_thousand_members_are_two_statements_and_no_scan_over_others(db: Database, many: Person) -> None:
    wanted = Filter(role=("member",), inactive_since=datetime.now(UTC))
    asked: list[str] = []
    with unit_of_work(many.context) as uow:
        cohorts = uow.cohorts
        assert isinstance(cohorts, CohortRepository)
        connection = cohorts._connection
        execute = connection.execute
        connection.execute = lambda *args: (asked.append(args[0]), execute(*args))[1]  # type: ignore[method-assign,func-returns-value]
        times = []
        for _ in range(5):
            began = perf_counter()
            assert len(cohorts.page(Window(50), wanted).items) == 50
            times.append(perf_counter() - began)
        connection.execute = execute  # type: ignore[method-assign]
        assert len(asked) == 10  # the list and its audit row
        sql, values = conditions(wanted)
        explained = execute("explain " + asked[1], (many.tenant_id, *values, 51))
    plan = "\n".join(str(row["QUERY PLAN"]) for row in explained)
    assert "Seq Scan on" not in plan, plan
    assert "users_joined_idx" in plan, plan
    print(f"a page of 50 among 10,000: p50 {1000 * median(times):.1f} ms; conditions {sql.count(' and ')}")


def test_groups_count_our_members_only_and_tell_nothing_of_few(
    api_alone: TestClient, db: Database, person: Make
) -> None:
    owner, other = person("acme", "clinician"), person("globex", "clinician")
    for n in range(6):
        who = member(db, owner.tenant_id, f"m{n}")
        first = attempt(db, owner.tenant_id, who, 1, 8, minimal_change={"absolute": 2, "source": "s"})
        attempt(db, owner.tenant_id, who, 2, 8 - n, minimal_change={"absolute": 2, "source": "s"})
        program(db, owner.tenant_id, who, first, {-2: "done", -1: "planned", 5: "planned", 6: "planned"})
    for n in range(3):
        member(db, owner.tenant_id, f"new{n}")
    nprs = {"template": "low-back-pain", "scale": "nprs"}

    def groups(who: Person, **wanted: Any) -> dict[str, Any]:
        body = {"group_by": "template", "changes": [nprs]} | wanted
        answer = api_alone.post("/v1/business/cohorts/query", json=body, headers=who.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    found = groups(owner)
    assert [(g["key"], g["people"], g["suppressed"]) for g in found["groups"]] == [
        ("low-back-pain", None, True), (None, None, True),
    ]  # fmt: skip
    assert found["total"]["people"] == 9
    assert found["total"]["completion"]["people"] is None  # of the first group alone
    for grouped in ("template", "month", "clinician"):
        [shown] = groups(owner, group_by=grouped, filter={"program_status": ["active"]})["groups"]
        assert (shown["people"], shown["completion"]["percent"], shown["adherence"]["percent"]) == (6, 25, 50)
        assert [shown["changes"][0][name] for name in ("people", "better", "same", "worse")] == [6, 4, 2, 0]
    assert groups(other) | {"total": None} == {"groups": [], "total": None}
    assert (
        db.value("select count(*) from audit_log where action = 'cohort.read' and actor_id = %s", owner.context.user_id)
        == 4
    )
    refused = api_alone.post(
        "/v1/business/cohorts/query", json={"group_by": "month"}, headers=person("acme", "member").headers
    )
    assert_problem(refused, 403, "forbidden")
    naming = {"group_by": "month", "filter": {"email": "m1"}}
    assert_problem(
        api_alone.post("/v1/business/cohorts/query", json=naming, headers=owner.headers), 422, "invalid_request"
    )
