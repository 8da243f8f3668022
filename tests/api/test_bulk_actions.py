"""Bulk actions as a clinic does them: over HTTP, through the queues, into a real database."""

import csv
import io
import itertools
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from httpx2 import Response
from python_calamine import CalamineWorkbook
from starlette.testclient import TestClient

from infra.database import unit_of_work
from tests.answers import low_back_pain
from tests.api.conftest import receive
from tests.api.problems import assert_problem
from tests.api.test_cohorts import attempt, member, program
from tests.conftest import Database, Person, emulated_sqs, forget
from tests.statements import Recorder
from workers import sqs

Make = Callable[..., Any]
PATH = "/v1/business/bulk-actions"
MEMBERS = {"role": ["member"]}


@pytest.fixture
def ask(api: TestClient) -> Make:
    """A dry run, or with `expected_count` an order."""

    def make(who: Person, action: str, wanted: Any = MEMBERS, key: str | None = None, **more: Any) -> Response:
        body = {"action": action, "filter": wanted, "dry_run": "expected_count" not in more} | more
        keys = {"Idempotency-Key": key or uuid4().hex} if not body["dry_run"] else {}
        return api.post(PATH, json={k: v for k, v in body.items() if v is not None}, headers=who.headers | keys)

    return make


@pytest.fixture
def done(ask: Make, work: Make, api: TestClient) -> Make:
    """Look, order what was shown, and run it. Returns the dry run and the action."""

    def make(who: Person, action: str, wanted: Any = MEMBERS, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        seen = ask(who, action, wanted, **more)
        assert seen.status_code == 200, seen.text
        ordered = ask(who, action, wanted, expected_count=seen.json()["count"], **more)
        assert ordered.status_code == 202, ordered.text
        work()
        found = api.get(ordered.headers["location"], headers=who.headers).json()
        assert found["status"] == "completed", found
        return seen.json(), found

    return make


@pytest.fixture
def became(api: TestClient) -> Make:
    """What became of whom: by e-mail address, status and code."""

    def make(who: Person, found: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
        items: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            at = f"{found['links']['members']}?limit=200" + (f"&cursor={cursor}" if cursor else "")
            page = api.get(at, headers=who.headers).json()
            items, cursor = items + page["items"], page["next"]
        return {i["member"]["email"].partition("@")[0]: (i["status"], (i["reason"] or {}).get("code")) for i in items}

    return make


def under_way(db: Database, who: Person, name: str, days: dict[int, str] | None = None, **values: Any) -> UUID:
    """Somebody with a program, and sessions so many days from now."""
    found = member(db, who.tenant_id, name)
    made = program(db, who.tenant_id, found, attempt(db, who.tenant_id, found, 1, 5), days or {})
    for column, value in values.items():
        db.rows(f"update programs set {column} = %s where id = %s", value, made)
    return found


def disturb(db: Database) -> None:
    """Nobody minds, whatever the hour."""
    db.rows("""update users set preferences = preferences || '{"quiet_hours": {"start": "00:00", "end": "00:00"}}'""")


def test_archive_is_shown_first_and_done_for_whom_it_was_shown(
    api: TestClient, person: Make, db: Database, ask: Make, done: Make, became: Make
) -> None:
    owner, other = person("acme", "clinician"), person("globex", "business_owner")
    for who in (owner, other):
        under_way(db, who, "ana")
        under_way(db, who, "ben", status="paused_safety")
        member(db, who.tenant_id, "cem")
    seen = ask(owner, "archive").json()
    assert (seen["count"], seen["will_do"]) == (3, 1)
    assert {each["code"]: each["count"] for each in seen["skipped"]} == {"no_program": 1, "paused_safety": 1}
    assert sorted((s["member"]["email"][:3], (s["reason"] or {}).get("code")) for s in seen["sample"]) == [
        ("ana", None), ("ben", "paused_safety"), ("cem", "no_program"),
    ]  # fmt: skip
    assert db.value("select count(*) from bulk_actions") == 0
    assert db.rows("select actor_id, subject_type from audit_log where action = 'bulk_action.previewed'") == [
        {"actor_id": owner.context.user_id, "subject_type": "tenant"}
    ]
    ours = person("acme", "member")
    for refused, status, code in (
        (ask(owner, "archive", expected_count=2), 412, "expected_count_differs"),
        (ask(owner, "archive", dry_run=False), 422, "invalid_request"),
        (ask(owner, "archive", None), 422, "invalid_request"),
        (ask(owner, "archive", template_id="posture"), 422, "invalid_request"),
        (ask(owner, "assign"), 422, "invalid_request"),
        (ask(owner, "assign", template_id="nothing"), 404, "not_found"),
        (ask(ours, "archive"), 403, "forbidden"),
    ):
        assert_problem(refused, status, code)
    bare = {"action": "archive", "filter": MEMBERS, "dry_run": False, "expected_count": 4}
    assert_problem(api.post(PATH, json=bare, headers=owner.headers), 400, "idempotency_key_missing")
    assert db.value("select count(*) from bulk_action_members") == 0

    seen, found = done(owner, "archive")
    assert found["counts"] == {"done": 1, "skipped": 3, "failed": 0}  # with the one who may not ask
    assert (found["progress"]["percent"], found["filter"], found["narrowed_by"]) == (100, MEMBERS, [])
    assert {k: v for k, v in became(owner, found).items() if len(k) == 3} == {
        "ana": ("done", None), "ben": ("skipped", "paused_safety"), "cem": ("skipped", "no_program"),
    }  # fmt: skip
    assert db.rows("select tenant_id, status from programs where status = 'archived'") == [
        {"tenant_id": owner.tenant_id, "status": "archived"}
    ]
    assert db.value("select actor_id from audit_log where action = 'program.archived'") == owner.context.user_id
    assert db.value("select count(*) from notifications where kind = 'bulk_action_finished'") == 1


def test_what_somebody_else_has_is_not_there(
    api: TestClient, person: Make, db: Database, ask: Make, done: Make
) -> None:
    owner, other, ours = person("acme", "business_owner"), person("globex", "clinician"), person("acme", "member")
    member(db, owner.tenant_id, "ana")
    _, found = done(owner, "export")
    at = found["links"]["self"]
    for method, path in (
        ("GET", ""), ("GET", "/events"), ("GET", "/members"), ("GET", "/results"), ("GET", "/file"), ("POST", "/results"),
        ("POST", "/pause"), ("POST", "/resume"), ("POST", "/cancel"),
    ):  # fmt: skip
        assert_problem(api.request(method, at + path, headers=other.headers), 404, "not_found")
        assert_problem(api.request(method, at + path, headers=ours.headers), 403, "forbidden")
    assert api.get(PATH, headers=other.headers).json()["items"] == []
    everybody = "select user_id from bulk_action_members"
    for who, shown in ((owner, 2), (ours, 1), (person("acme", "member"), 0), (other, 0)):  # a member sees their own row
        with unit_of_work(who.context) as uow:
            assert len(uow._connection.execute(everybody)) == shown
            assert len(uow._connection.execute("select 1 from bulk_actions")) == (who == owner)
    [shown] = api.get(PATH, headers=owner.headers).json()["items"]
    assert shown["id"] == found["id"]
    made = {"name": "v", "filter": MEMBERS}
    view = api.post("/v1/business/views", json=made, headers=owner.headers | {"Idempotency-Key": "k"}).json()["id"]
    assert ask(owner, "archive", None, view_id=view).json()["count"] == 3
    assert_problem(ask(other, "archive", None, view_id=view), 404, "not_found")
    tag = api.get(at, headers=owner.headers).headers["etag"]
    assert api.get(at, headers=owner.headers | {"If-None-Match": tag}).status_code == 304
    last = owner.headers | {"Last-Event-ID": tag.strip('"')}
    assert api.get(f"{at}/events", headers=last).status_code == 204
    streamed = api.get(f"{at}/events", headers=owner.headers).text
    assert "event: bulk_action" in streamed
    for step in ("pause", "resume", "cancel"):
        assert_problem(api.post(f"{at}/{step}", headers=owner.headers), 409, "bulk_action_in_other_state")


def test_a_key_orders_once_and_the_set_is_of_that_moment(
    api: TestClient, person: Make, db: Database, ask: Make, work: Make, became: Make
) -> None:
    owner = person("acme", "business_owner")
    under_way(db, owner, "ana")
    count = ask(owner, "archive", {"program_status": ["active"]}).json()["count"]
    ben = under_way(db, owner, "ben")
    wanted = {"program_status": ["active"]}
    assert_problem(
        ask(owner, "archive", wanted, key="k", expected_count=count), 412, "expected_count_differs"
    )  # somebody has come since
    assert db.value("select count(*) from bulk_actions") == 0
    first = ask(owner, "archive", wanted, key="k", expected_count=2)
    under_way(db, owner, "cem")  # too late
    again = ask(owner, "archive", wanted, key="k", expected_count=2)
    assert (again.status_code, again.json()["id"], again.headers["idempotent-replayed"]) == (
        202, first.json()["id"], "true",
    )  # fmt: skip
    assert_problem(ask(owner, "archive", wanted, key="k", expected_count=3), 422, "idempotency_key_reused")
    db.rows("update programs set status = 'archived' where user_id = %s", ben)  # by another way, before its turn
    work()
    assert became(owner, first.json()) == {"ana": ("done", None), "ben": ("skipped", "no_program")}
    assert db.value("select count(*) from programs where status = 'active'") == 1
    named = ask(owner, "archive", {"email": "AN", "status": ["active"]}, expected_count=1).json()
    assert (named["filter"], named["narrowed_by"]) == ({"status": ["active"]}, ["email"])
    assert db.value("select count(*) from bulk_actions where filter::text like '%%AN%%'") == 0


def test_assigned_is_told_due_and_not_given_twice(
    person: Make, db: Database, done: Make, became: Make, start: Make, api: TestClient
) -> None:
    owner, ana = person("acme", "clinician"), person("acme", "member")
    begun = person("acme", "member")
    start(begun)
    handed_in = member(db, owner.tenant_id, "cem")
    attempt(db, owner.tenant_id, handed_in, 1, 5)
    member(db, owner.tenant_id, "dora", status="suspended")
    silent = member(db, owner.tenant_id, "emil")
    db.rows("""update users set preferences = '{"email": {"assessment_due": false}}' where id = %s""", silent)
    person("globex", "member")
    seen, found = done(owner, "assign", template_id="low-back-pain")
    assert (seen["will_do"], found["counts"]) == (2, {"done": 2, "skipped": 3, "failed": 0})
    assert {each["code"]: each["count"] for each in seen["skipped"]} == {
        "already_there": 1, "draft_open": 1, "not_active": 1,
    }  # fmt: skip
    assigned = db.rows("select user_id, tenant_id from assessments where assigned_at is not null")
    assert {row["user_id"] for row in assigned} == {ana.context.user_id, silent}
    told = db.rows("select user_id, subject_type from notifications where kind = 'assessment_due'")
    assert {row["user_id"] for row in told} == {ana.context.user_id, silent}
    assert [r["user_id"] for r in db.rows("select user_id from emails where kind = 'assessment_due'")] == [
        ana.context.user_id
    ]
    assert (
        db.value(
            """select count(*) from jobs j join emails e on e.id = j.subject_id
               where e.kind = 'assessment_due' and j.kind = 'email' and j.user_id = e.user_id"""
        )
        == 1
    )
    mine = api.get("/v1/assessments", headers=ana.headers).json()["items"]
    assert [each["template_id"] for each in mine] == ["low-back-pain"]
    _, again = done(owner, "assign", template_id="low-back-pain", again=True)
    assert became(owner, again)["cem"] == ("done", None)
    assert again["counts"]["done"] == 1
    assert became(owner, found)["dora"] == ("skipped", "not_active")
    assert db.value("select count(distinct subject_user_id) from audit_log where action = 'assessment.assigned'") == 3


def test_reminded_of_what_is_due_once_a_day_and_not_at_night(
    person: Make, db: Database, done: Make, became: Make
) -> None:
    owner = person("acme", "business_owner")
    today = datetime.now(UTC).date()
    under_way(db, owner, "session", {0: "planned", 1: "planned"})
    under_way(db, owner, "reassess", reassess_on=today - timedelta(days=1))
    under_way(db, owner, "later", {1: "planned"}, reassess_on=today + timedelta(days=1))
    under_way(db, owner, "paused", {0: "planned"}, status="paused_safety")
    silent = under_way(db, owner, "silent", {0: "planned"})
    asleep = under_way(db, owner, "asleep", {0: "planned"})
    assigned = member(db, owner.tenant_id, "assigned")
    db.rows(
        """insert into assessments (tenant_id, id, user_id, template_id, assigned_at)
           select %s, gen_random_uuid(), %s, id, now() from templates where slug = 'low-back-pain' limit 1""",
        owner.tenant_id, assigned,
    )  # fmt: skip
    db.rows("update programs set created_at = now() + interval '1 minute'")  # no answers since
    disturb(db)
    db.rows(
        """update users set preferences = preferences || '{"email": {"session_due": false}}' where id = %s""", silent
    )
    clock = datetime.now(UTC)
    hours = f"""{{"quiet_hours": {{"start": "{clock - timedelta(minutes=5):%H:%M}",
        "end": "{clock + timedelta(minutes=30):%H:%M}"}}}}"""
    db.rows("update users set preferences = %s where id = %s", hours, asleep)
    seen, found = done(owner, "remind")
    expected = {
        "session": ("done", None), "reassess": ("done", None), "assigned": ("done", None),
        "later": ("skipped", "nothing_due"), "paused": ("skipped", "nothing_due"),
        "silent": ("skipped", "not_wanted"), "asleep": ("skipped", "quiet_hours"),
    }  # fmt: skip
    assert became(owner, found) == expected
    assert seen["will_do"] == 3
    assert db.rows("select kind from emails where kind like '%%due' order by 1") == [
        {"kind": "assessment_due"}, {"kind": "reassessment_due"}, {"kind": "session_due"},
    ]  # fmt: skip
    assert db.rows("select kind from notifications where kind like '%%due' order by 1") == [
        {"kind": "assessment_due"}, {"kind": "reassessment_due"},
    ]  # fmt: skip
    _, again = done(owner, "remind")
    assert Counter(became(owner, again).values())["skipped", "reminded_today"] == 3
    assert db.value("select count(*) from reminders") == 3
    # Over midnight it is another day there, and not yet one since.
    db.rows("update reminders set on_day = on_day - 1")
    assert done(owner, "remind")[1]["counts"]["done"] == 0
    db.rows("update reminders set created_at = created_at - interval '25 hours'")
    assert done(owner, "remind")[1]["counts"]["done"] == 3


def test_programs_are_made_anew_by_the_same_rules(
    api: TestClient, person: Make, db: Database, submit: Make, work: Make, done: Make, became: Make
) -> None:
    owner = person("acme", "clinician")
    ana, referred, waiting = (person("acme", "member") for _ in range(3))
    submit(ana)
    submit(referred, answers=low_back_pain(rf_ces_saddle="not_sure"))
    work()
    db.rows("update tenants set settings = settings || '{\"require_assessment_review\": true}'")
    submit(waiting)
    work()
    member(db, owner.tenant_id, "new")
    under_way(db, owner, "paused", status="paused_safety")
    statuses = db.rows("select user_id, status from programs order by 2")
    seen, found = done(owner, "regenerate")
    reasons = {each["code"]: each["count"] for each in seen["skipped"]}
    assert seen["will_do"] == 1, (reasons, statuses)
    assert reasons == {"referral": 1, "program_waits": 1, "no_submission": 1, "paused_safety": 1}
    of = became(owner, found)
    assert of[ana.email.partition("@")[0]] == ("done", None)
    assert found["counts"] == {"done": 1, "skipped": 4, "failed": 0}
    mine = db.rows("select status from programs where user_id = %s order by status", ana.context.user_id)
    assert [row["status"] for row in mine] == ["active", "pending_review"]  # reviewed as any other
    assert db.value("select count(*) from programs where user_id = %s", referred.context.user_id) == 0
    assert db.value("select count(*) from programs where status = 'paused_safety'") == 1
    again, found = done(owner, "regenerate")  # what waits is not made twice
    assert again["will_do"] == 0
    assert db.value("select count(*) from programs where user_id = %s", ana.context.user_id) == 2


def fetched(url: str) -> bytes:
    with httpx2.Client(trust_env=False) as client:
        return client.get(url).raise_for_status().content


def test_export_and_results_are_files_that_no_spreadsheet_runs(
    api: TestClient, person: Make, db: Database, ask: Make, done: Make, work: Make
) -> None:
    owner = person("acme", "business_owner")
    ana = under_way(db, owner, "ana", {-3: "done", -2: "missed", 5: "planned"})
    db.rows("update users set display_name = '=cmd()', external_id = 'M-1' where id = %s", ana)
    member(db, owner.tenant_id, "ben")
    member(db, person("globex", "business_owner").tenant_id, "eve")
    _, found = done(owner, "export")
    link = api.get(found["links"]["file"], headers=owner.headers)
    assert (link.status_code, link.headers["cache-control"]) == (200, "no-store")
    [first, second] = csv.DictReader(io.StringIO(fetched(link.json()["url"]).decode("utf-8-sig")))
    assert (first["id"], first["external_id"], first["name"], first["program_status"]) == (
        str(ana), "M-1", "'=cmd()", "active",
    )  # fmt: skip
    assert (first["completion_percent"], first["adherence_percent"], second["program_status"]) == ("33", "50", "")
    _, book = done(owner, "export", {"name": "="}, format="xlsx")
    url = api.get(book["links"]["file"], headers=owner.headers).json()["url"]
    rows = CalamineWorkbook.from_filelike(io.BytesIO(fetched(url))).get_sheet_by_index(0).to_python()
    assert [row[3] for row in rows] == ["name", "=cmd()"]  # a text: a workbook says what a cell is
    at = found["links"]["results"]
    assert_problem(api.get(at, headers=owner.headers), 409, "bulk_action_file_not_ready")
    assert api.post(at, headers=owner.headers).status_code == 202
    work()
    links = api.get(at, headers=owner.headers).json()
    lines = list(csv.DictReader(io.StringIO(fetched(links["csv"]).decode("utf-8-sig"))))
    assert [(line["name"], line["_status"], line["_result"]) for line in lines] == [
        ("'=cmd()", "done", ""), ("Ben", "done", ""),
    ]  # fmt: skip
    noted = {row["action"] for row in db.rows("select action from audit_log where subject_type = 'bulk_action'")}
    assert noted >= {
        f"bulk_action.{what}"
        for what in ("ordered", "completed", "file_downloaded", "results_asked", "results_downloaded")
    }
    _, other = done(owner, "archive")
    assert_problem(api.get(f"{other['links']['self']}/file", headers=owner.headers), 409, "bulk_action_file_not_ready")


def test_one_runs_at_a_time_and_what_is_held_goes_on_where_it_was(
    api: TestClient, person: Make, db: Database, ask: Make, work: Make, queues: dict[str, str]
) -> None:
    owner, other = person("acme", "business_owner"), person("globex", "business_owner")
    db.rows(
        """insert into users (tenant_id, id, email, role) select t, gen_random_uuid(), 'p' || n || '@' || t, 'member'
           from unnest(%s::uuid[]) t, generate_series(1, 620) n""",
        [owner.tenant_id, other.tenant_id],
    )  # fmt: skip
    assign = {"template_id": "low-back-pain", "expected_count": 620}
    first, second = ask(owner, "assign", **assign).json(), ask(owner, "remind", expected_count=620).json()
    assert (first["status"], second["status"]) == ("running", "waiting")
    assert ask(other, "assign", **assign).json()["status"] == "running"  # nobody waits for another business

    def step(found: dict[str, Any], what: str) -> dict[str, Any]:
        return api.post(f"{found['links']['self']}/{what}", headers=owner.headers).raise_for_status().json()  # type: ignore[no-any-return]

    records = receive(emulated_sqs(), queues["bulk"])  # one chunk of each business, and no more
    assert sqs.handler({"Records": records}, None)["batchItemFailures"] == []
    for record in records:
        emulated_sqs().delete_message(QueueUrl=queues["bulk"], ReceiptHandle=record["receiptHandle"])
    assert (
        db.rows("select done, to_do, status from bulk_actions where to_do <> done and done > 0")
        == [{"done": 500, "to_do": 620, "status": "running"}] * 2
    )
    assert step(first, "pause")["status"] == "paused"
    assert api.get(second["links"]["self"], headers=owner.headers).json()["status"] == "running"
    assert step(first, "resume")["status"] == "waiting"
    assert step(second, "cancel")["status"] == "canceled"  # and the other one comes next
    assert api.get(first["links"]["self"], headers=owner.headers).json()["status"] == "running"
    work()
    ended = api.get(first["links"]["self"], headers=owner.headers).json()
    assert (ended["status"], ended["counts"]["done"]) == ("completed", 620)
    third = ask(owner, "assign", again=True, template_id="neck-pain", expected_count=620).json()
    assert step(third, "cancel")["counts"] == {"done": 0, "skipped": 0, "failed": 0}
    work()
    assert db.value("select count(*) from assessments where tenant_id = %s", owner.tenant_id) == 620
    assert db.value("select count(*) from assessments where tenant_id = %s", other.tenant_id) == 620
    assert db.value("select count(*) from jobs where kind = 'bulk_action' and status <> 'succeeded'") == 0


def test_imports_and_actions_take_turns(api: TestClient, person: Make, db: Database, ask: Make, work: Make) -> None:
    owner = person("acme", "business_owner")
    under_way(db, owner, "ana")
    made = api.post("/v1/imports", json={"kind": "members"}, headers=owner.headers | {"Idempotency-Key": "i"}).json()
    at, csv_file = made["links"]["self"], owner.headers | {"Content-Type": "text/csv"}
    api.put(f"{at}/content", content=b"email\nnew@acme.example\n", headers=csv_file).raise_for_status()
    work()
    action = ask(owner, "archive", expected_count=1).json()
    seen = api.get(at, headers=owner.headers).json()
    confirmed = api.post(f"{at}/confirm", headers=owner.headers | {"If-Match": f'"{seen["revision"]}"'})
    later = ask(owner, "export", expected_count=1).json()
    assert [each["status"] for each in (action, confirmed.json(), later)] == ["running", "waiting", "waiting"]
    work()
    ends = db.rows(
        """select finished_at from imports union all select finished_at from bulk_actions where id = any(%s::uuid[])
           order by 1""",
        [action["id"], later["id"]],
    )  # fmt: skip
    ended = [api.get(each["links"]["self"], headers=owner.headers).json() for each in (action, seen, later)]
    assert [each["status"] for each in ended] == ["completed"] * 3
    assert [datetime.fromisoformat(each["finished_at"]) for each in ended] == [row["finished_at"] for row in ends]


def test_who_may_not_any_more_orders_nothing(
    api: TestClient, person: Make, db: Database, ask: Make, work: Make
) -> None:
    owner, clinician = person("acme", "business_owner"), person("acme", "clinician")
    under_way(db, owner, "ana")
    found = ask(clinician, "archive", expected_count=1).json()
    db.rows("update users set role = 'member' where id = %s", clinician.context.user_id)
    work()
    ended = api.get(found["links"]["self"], headers=owner.headers).json()
    assert (ended["status"], ended["error"]["code"]) == ("failed", "not_allowed")
    assert db.value("select count(*) from programs where status = 'archived'") == 0


def test_every_mix_ends_as_the_dry_run_said(person: Make, db: Database, done: Make, became: Make) -> None:
    """Members in every mix of what the actions look at: what is told of each beforehand is what becomes of them."""
    owner = person("acme", "business_owner")
    mixes = itertools.product(
        ("active", "suspended"), (None, "active", "paused_safety", "pending_review"), (None, "begun", "assigned"),
        (False, True), (None, "assessment", "session"), (False, True),
    )  # fmt: skip
    for n, (status, has, draft, due, told, spared) in enumerate(mixes):
        name = f"m{n:03}"
        who = member(db, owner.tenant_id, name, status=status)
        if has is not None:
            made = program(
                db, owner.tenant_id, who, attempt(db, owner.tenant_id, who, 1, 5), {0: "planned"} if due else {}
            )
            db.rows("update programs set status = %s where id = %s", has, made)
        if draft is not None:
            db.rows(
                """insert into assessments (tenant_id, id, user_id, template_id, assigned_at)
                   select %s, gen_random_uuid(), %s, id, case when %s then now() end from templates where slug = 'low-back-pain'
                   limit 1""",
                owner.tenant_id, who, draft == "assigned",
            )  # fmt: skip
        if told is not None:
            db.rows(
                """insert into reminders (tenant_id, user_id, kind, on_day, subject_id)
                   values (%s, %s, %s, (now() at time zone 'UTC')::date, %s)""",
                owner.tenant_id, who, told, who,
            )  # fmt: skip
        if spared:
            db.rows("""update users set preferences = '{"email": {"session_due": false}}' where id = %s""", who)
    disturb(db)
    for action, more in (
        ("export", {}), ("remind", {}), ("assign", {"template_id": "low-back-pain"}), ("archive", {}),
    ):  # fmt: skip
        seen, found = done(owner, action, **more)
        outcomes = Counter(became(owner, found).values())
        said = Counter({("skipped", each["code"]): each["count"] for each in seen["skipped"]})
        said["done", None] = seen["will_do"]
        assert outcomes == +said, action
        assert seen["will_do"] > 0
        assert action == "export" or len(said) > 2


def test_a_chunk_is_so_many_statements_however_many_members(
    person: Make, db: Database, ask: Make, work: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = person("acme", "business_owner")
    counted: dict[str, list[int]] = {}
    with Recorder(db.app_url) as recorder:
        monkeypatch.setenv("FFP_DATABASE_URL", recorder.url)
        forget()
        for size in (3, 300):
            for n in range(3):
                under_way(db, owner, f"s{size}n{n}", {0: "planned"})
            db.rows(
                """insert into users (tenant_id, id, email, role)
                   select %s, gen_random_uuid(), 's' || %s || 'n' || n, 'member' from generate_series(4, %s) n""",
                owner.tenant_id, size, size,
            )  # fmt: skip
            disturb(db)
            for action, more in (("assign", {"template_id": "neck-pain"}), ("remind", {}), ("archive", {})):
                wanted = {"email": f"s{size}n"}
                ordering = ask(owner, action, wanted, expected_count=size, **more)
                assert ordering.status_code == 202, ordering.text
                with recorder.count() as asked:
                    work()
                counted.setdefault(action, []).append(asked.statements)
    for action, (few, many) in counted.items():
        assert many == few, (action, counted)
