"""Imports as a clinic does them: over HTTP, through the queues, into a real database."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from domain.imports.columns import template_columns
from domain.limits import Limits
from domain.services import limits
from domain.tenancy import Operator
from infra.content import load_templates
from infra.database import operations
from infra.ids import new_id
from tests.answers import low_back_pain
from tests.api.problems import assert_problem
from tests.conftest import Database, Person, forget
from tests.statements import Asked, Recorder
from workers import plans

Make = Callable[..., Any]
MEMBERS = (
    "Número de socio;E-Mail;Nombre\r\n"
    'M-1;ana@harbour.example;"Ana\r\n"\r\n'
    "\r\n"
    "M-2;not an address;Ben\r\n"
    "M-3;cem@harbour.example;=cmd()\r\n"
    "M-4;dora@harbour.example;Dóra\r\n"
)
[BACK] = [template for template in load_templates() if template.id == "low-back-pain"]


@pytest.fixture
def begin(api: TestClient) -> Make:
    """Start an import and send its file."""

    def make(who: Person, content: str | bytes, kind: str = "members", media: str = "text/csv", **order: Any) -> str:
        headers = who.headers | {"Idempotency-Key": uuid4().hex}
        answer = api.post("/v1/imports", json={"kind": kind, **order}, headers=headers)
        assert answer.status_code == 201, answer.text
        found = answer.json()["id"]
        sent = api.put(
            f"/v1/imports/{found}/content",
            content=content.encode() if isinstance(content, str) else content,
            headers=who.headers | {"Content-Type": media},
        )
        assert sent.status_code == 202, sent.text
        return str(found)

    return make


@pytest.fixture
def step(api: TestClient) -> Make:
    def make(who: Person, import_id: str, action: str, revision: int | None = None) -> Response:
        headers = who.headers | ({} if revision is None else {"If-Match": f'"{revision}"'})
        return api.post(f"/v1/imports/{import_id}/{action}", headers=headers)

    return make


@pytest.fixture
def get(api: TestClient) -> Make:
    def make(who: Person, import_id: str) -> dict[str, Any]:
        answer = api.get(f"/v1/imports/{import_id}", headers=who.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return make


@pytest.fixture
def done(begin: Make, step: Make, get: Make, work: Make) -> Make:
    """Start, validate, confirm and run."""

    def make(who: Person, *args: Any, **order: Any) -> dict[str, Any]:
        found = begin(who, *args, **order)
        work()
        seen = get(who, found)
        assert seen["status"] == "ready", seen
        assert step(who, found, "confirm", seen["revision"]).status_code == 200
        work()
        return get(who, found)

    return make


def table(rows: list[list[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def answers_table(people: list[Person], **changes: Any) -> str:
    """The same answers for everybody, in the columns of the template that the API hands out."""
    columns = template_columns("assessments", BACK)
    answers = low_back_pain(**changes)
    rows = []
    for who in people:
        row = []
        for column in columns:
            link, _, rest = column.partition(".")
            if column == "email":
                row.append(who.email)
            elif rest:
                number, _, name = rest.partition(".")
                row.append(answers[link][int(number) - 1][name])
            else:
                value = answers.get(column, "")
                row.append("|".join(value) if isinstance(value, list) else value)
        rows.append(row)
    return table([columns, *rows])


def test_members_from_a_spreadsheet_as_it_is(
    api: TestClient, person: Make, begin: Make, step: Make, get: Make, work: Make, db: Database
) -> None:
    owner = person("acme", "business_owner")
    found = begin(owner, MEMBERS.encode("cp1252"))
    assert get(owner, found)["status"] == "validating"
    work()
    seen = get(owner, found)
    assert seen["status"] == "ready"
    assert seen["report"] == {"create": 2, "update": 0, "skip": 0, "fail": 2}
    assert db.value("select count(*) from invitations") == 0
    failed = api.get(f"/v1/imports/{found}/rows?status=failed", headers=owner.headers).json()["items"]
    assert [(row["row"], row["issues"][0]["column"], row["issues"][0]["code"]) for row in failed] == [
        (4, "E-Mail", "bad_address"),
        (5, "Nombre", "formula"),
    ]

    assert_problem(step(owner, found, "confirm"), 428, "revision_required")
    assert_problem(step(owner, found, "confirm", seen["revision"] - 1), 412, "stale_revision")
    assert step(owner, found, "confirm", seen["revision"]).status_code == 200
    work()
    ended = get(owner, found)
    assert (ended["status"], ended["counts"]) == ("completed", {"done": 2, "skipped": 0, "failed": 0, "undone": 0})
    assert ended["progress"]["percent"] == 100
    assert db.rows("select email, name, role, external_id, invited_by from invitations order by email") == [
        {"email": email, "name": name, "role": "member", "external_id": external, "invited_by": owner.context.user_id}
        for email, name, external in (
            ("ana@harbour.example", "Ana", "M-1"),
            ("dora@harbour.example", "Dóra", "M-4"),
        )
    ]
    assert db.value("select count(*) from emails where kind = 'invitation'") == 2
    assert db.value("select count(*) from emails where kind = 'invitation' and status = 'queued'") == 2

    answer = api.get(f"/v1/imports/{found}/errors.csv", headers=owner.headers)
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert lines[0] == ["Número de socio", "E-Mail", "Nombre", "_row", "_column", "_code", "_message"]
    assert lines[2][:6] == ["M-3", "cem@harbour.example", "'=cmd()", "5", "Nombre", "formula"]
    assert db.value("select count(*) from audit_log where action = 'import.errors_downloaded'") == 1
    lines[1][1], lines[2][2] = "ben@harbour.example", "Cem"
    again = begin(owner, table(lines))
    work()
    assert get(owner, again)["report"] == {"create": 2, "update": 0, "skip": 0, "fail": 0}


def test_the_same_answers_one_by_one_and_imported_leave_the_same_rows(
    api: TestClient, person: Make, submit: Make, work: Make, done: Make, db: Database
) -> None:
    single, bulk = person("acme", review=True), person("globex", review=True)
    for tenant in ("acme", "globex"):
        person(tenant, "clinician", review=True)
    owner = person("globex", "business_owner", review=True)
    person("acme", "business_owner", review=True)
    flagged = {link: "yes" for link in low_back_pain() if link == "rf_cauda_equina" or link.startswith("rf_")}
    one = next(iter(flagged))
    for changes in ({}, {one: "yes"}, {"nprs_now": 7, "nprs_average": 7}):
        assert submit(single, answers=low_back_pain(**changes)).status_code == 202
        work()
        ended = done(
            owner, answers_table([bulk], **changes), "assessments", template_id="low-back-pain", on_duplicate="update"
        )
        assert ended["counts"]["done"] == 1, ended

    def left(who: Person) -> dict[str, Any]:
        tenant = who.tenant_id
        queries = {
            "submissions": """select template_slug, template_hash, engine_version, answers, enabled, computed,
                attempt_number, is_initial, answered_on from submissions where tenant_id = %s order by attempt_number""",
            "scores": """select c.engine_version, c.result from scores c join submissions s on s.id = c.submission_id
                where c.tenant_id = %s order by s.attempt_number""",
            "jobs": """select kind, status, stage, attempt, result_type, review, error_code, revision
                from jobs where kind = 'assessment' and tenant_id = %s order by id""",
            "attempts": """select a.stage, a.number, a.outcome from attempts a join jobs j on j.id = a.job_id
                where j.kind = 'assessment' and a.tenant_id = %s order by a.job_id, a.stage""",
            "programs": """select status, weeks, start_on, spec, proof, input_hash, library_hash, revision
                from programs where tenant_id = %s order by id""",
            "exercises": """select s.week, s.number, s.scheduled_on, e.position, e.exercise, e.sets, e.reps, e.why
                from prescribed_exercises e join sessions s on s.id = e.session_id join programs p on p.id = s.program_id
                where e.tenant_id = %s order by p.id, s.week, s.number, e.position""",
            "notifications": """select n.kind, n.subject_type, u.role from notifications n
                join users u on u.tenant_id = n.tenant_id and u.id = n.user_id where n.tenant_id = %s
                and n.kind <> 'import_finished' order by 1, 2, 3""",
            "emails": """select kind, count(*) as number from emails where tenant_id = %s
                and kind <> 'import_finished' group by 1 order by 1""",
            "audit": """select action, count(*) as number from audit_log where tenant_id = %s
                and action !~ '^import' and action !~ 'read$' group by 1 order by 1""",
        }
        return {name: db.rows(query, tenant) for name, query in queries.items()}

    mine, theirs = left(single), left(bulk)
    told = api.get("/v1/notifications", headers=owner.headers).json()["items"]
    ended = [item for item in told if item["kind"] == "import_finished"]
    assert len(ended) == 3
    assert api.get(ended[0]["subject"]["href"], headers=owner.headers).json()["status"] == "completed"
    assert db.value("select count(*) from emails where kind = 'import_finished'") == 3
    assert len(mine["programs"]) == 2
    assert [row["result_type"] for row in mine["jobs"]] == ["program", "referral", "program"]
    for name in mine:
        assert mine[name] == theirs[name], name
    actors = db.rows("select distinct actor_id from audit_log where tenant_id = %s and action = 'assessment.submitted'", owner.tenant_id)  # fmt: skip
    assert actors == [{"actor_id": owner.context.user_id}]


def test_a_plan_is_sent_once_and_checked_by_whoever_has_not_seen_it(
    person: Make, done: Make, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = person("acme", "business_owner")

    def made() -> tuple[list[dict[str, Any]], Asked]:
        who = person("acme")
        with recorder.count() as asked:
            ended = done(owner, answers_table([who]), "assessments", template_id="low-back-pain")
        assert ended["counts"]["done"] == 1, ended
        rows = db.rows(
            """select s.week, s.number, s.scheduled_on, s.minutes, e.position, e.exercise, e.sets, e.reps, e.seconds
               from sessions s join prescribed_exercises e on e.session_id = s.id where s.user_id = %s
               order by s.week, s.number, e.position""",
            who.context.user_id,
        )
        return rows, asked

    def sent(asked: Asked) -> int:
        """Without the statements' own texts, which a connection sends until it has prepared them."""
        return asked.sent - sum(map(len, asked.texts))

    monkeypatch.setattr(plans, "_checked", {})
    with Recorder(db.app_url) as recorder:
        monkeypatch.setenv("FFP_DATABASE_URL", recorder.url)
        forget()
        (first, _), (second, found), (third, known) = made(), made(), made()
        db.rows("delete from solved_specs")
        fourth, again = made()
        db.rows("update solved_specs set plan = jsonb_set(plan, '{weeks,0,sessions,0,items,0,sets}', '99')")
        monkeypatch.setattr(plans, "_checked", {})
        fifth, _ = made()
        forget()
    assert len(first) > 50
    assert first == second == third == fourth == fifth
    a_plan = 20_000
    assert max(sent(found), sent(known)) < sent(again) - a_plan
    assert known.answered < found.answered - a_plan


def test_a_row_is_done_where_it_is_made(
    person: Make, submit: Make, begin: Make, step: Make, get: Make, work: Make, db: Database
) -> None:
    """Neither held back behind those who wait, nor in anybody's way; on record as what a worker has done."""
    with operations(Operator(uuid4(), "a test")) as of:
        limits.change(of, limits.read(of).version, Limits(window=1), "a test", new_id())
    owner = person("acme", "business_owner")
    for _ in range(3):
        assert submit(person("acme")).status_code == 202
    waiting = "select count(*) from jobs where kind = 'assessment' and status = 'queued' and held = %s"
    assert (db.value(waiting, True), db.value(waiting, False)) == (2, 1)
    answers = answers_table([person("acme") for _ in range(3)])
    found = begin(owner, answers, "assessments", template_id="low-back-pain")
    work("bulk")
    step(owner, found, "confirm", get(owner, found)["revision"])
    work("bulk")
    assert get(owner, found)["counts"]["done"] == 3
    assert (db.value(waiting, True), db.value(waiting, False)) == (2, 1)
    assert db.rows(
        """select j.status, j.held, j.lease_until, j.published_at is not null as published, a.stage, a.number, a.outcome,
               count(*) from jobs j join attempts a on a.job_id = j.id where j.kind = 'assessment' group by 1, 2, 3, 4, 5, 6, 7
           order by a.stage"""
    ) == [
        {
            "status": "succeeded", "held": False, "lease_until": None, "published": True, "stage": stage, "number": 1,
            "outcome": "succeeded", "count": 3,
        }
        for stage in ("generating", "scoring")
    ]  # fmt: skip
    work()
    assert db.value("select count(*) from jobs where kind = 'assessment' and status = 'succeeded'") == 6


def test_everybody_of_a_chunk_is_told_of_at_once(done: Make, submit: Make, person: Make, db: Database) -> None:
    """One message. Who is told of a referral besides is told as ever, and so are others that wait for another job."""
    owner, clinician = person("acme", "business_owner"), person("acme", "clinician")
    members = [person("acme") for _ in range(5)]
    well, referred = answers_table(members[:-1]), answers_table(members[-1:], rf_chest_pain="yes")
    with psycopg.connect(db.app_url, autocommit=True) as connection:
        connection.execute("listen ffp_changes")
        connection.execute("listen ffp_people")
        content = well + referred.partition("\r\n")[2]
        ended = done(owner, content, "assessments", template_id="low-back-pain")
        heard = list(connection.notifies(timeout=0.5))
        assert ended["counts"]["done"] == 5, ended
        [told] = [each.payload.split() for each in heard if each.channel == "ffp_people"]
        everybody = sorted(str(each.context.user_id) for each in members)
        assert sorted(told) == everybody
        alone = [each.payload.split() for each in heard if each.channel == "ffp_changes"]
        assert not {user for _, _, user, _ in alone} & set(everybody)
        told_of_referral = [user for kind, _, user, _ in alone if kind == "notification"]
        assert told_of_referral.count(str(clinician.context.user_id)) == 1
        user = members[0].context.user_id
        imported = db.value("select id from jobs where user_id = %s and kind = 'assessment'", user)
        waited_for = submit(members[0]).json()["id"]
        list(connection.notifies(timeout=0.5))
        db.rows(
            """update jobs set revision = revision + 1
               where user_id = %s and kind = 'assessment' and set_config('app.told_at_once', %s, true) <> ''""",
            user, f"{user} {imported}",
        )  # fmt: skip
        [heard_of] = [each.payload.split() for each in connection.notifies(timeout=0.5)]
        assert heard_of[-1] == waited_for
        many = [uuid4() for _ in range(450)]  # no message of PostgreSQL is that long
        connection.execute("select app.tell_people(%s)", (many,))
        messages = [each.payload.split() for each in connection.notifies(timeout=0.5)]
    assert sorted(map(len, messages)) == [50, 200, 200]
    assert {user for users in messages for user in users} == {str(each) for each in many}


def test_rows_that_cannot_be_submitted(
    person: Make, start: Make, begin: Make, get: Make, work: Make, api: TestClient
) -> None:
    owner, drafting, stranger = person("acme", "business_owner"), person("acme"), person("globex")
    start(drafting)
    content = answers_table([drafting, stranger, person("acme", "member")], nprs_now=4)
    lines = list(csv.reader(io.StringIO(content)))
    lines[3][lines[0].index("nprs_now")] = "44"
    lines.append(lines[3])
    found = begin(owner, table(lines), "assessments", template_id="low-back-pain")
    work()
    assert get(owner, found)["report"] == {"create": 0, "update": 0, "skip": 0, "fail": 4}
    rows = api.get(f"/v1/imports/{found}/rows", headers=owner.headers).json()["items"]
    assert [(row["row"], [(i["column"], i["code"]) for i in row["issues"]]) for row in rows] == [
        (2, [(None, "draft_open")]),
        (3, [("email", "unknown_member")]),
        (4, [("nprs_now", "out_of_range"), (None, "duplicate_in_file")]),
        (5, [("nprs_now", "out_of_range"), (None, "duplicate_in_file")]),
    ]


def test_who_may_and_whose(api: TestClient, person: Make, begin: Make, step: Make, work: Make, db: Database) -> None:
    clinician, member = person("acme", "clinician"), person("acme")
    other = person("globex", "business_owner")
    found = begin(clinician, "email,role\nx@acme.example,clinician\ny@acme.example,\n")
    work()
    seen = api.get(f"/v1/imports/{found}", headers=clinician.headers).json()
    assert seen["report"] == {"create": 1, "update": 0, "skip": 0, "fail": 1}
    assert [row["issues"][0]["code"] for row in seen["sample"] if row["issues"]] == ["not_allowed"]
    for path in ("", "/rows", "/errors.csv", "/results", "/events"):
        assert_problem(api.get(f"/v1/imports/{found}{path}", headers=other.headers), 404, "not_found")
        assert_problem(api.get(f"/v1/imports/{found}{path}", headers=member.headers), 403, "forbidden")
    for action in ("confirm", "pause", "resume", "cancel", "retry-failed", "undo", "validate", "results"):
        assert_problem(step(other, found, action, 1), 404, "not_found")
    assert api.get("/v1/imports", headers=other.headers).json()["items"] == []
    assert [each["id"] for each in api.get("/v1/imports", headers=clinician.headers).json()["items"]] == [found]
    # What a role may not do any more is not done for it.
    assert step(clinician, found, "confirm", seen["revision"]).status_code == 200
    db.rows("update users set role = 'member' where id = %s", clinician.context.user_id)
    work()
    assert db.rows("select status, error_code from imports") == [{"status": "failed", "error_code": "not_allowed"}]
    assert db.value("select count(*) from invitations") == 0


def test_all_or_nothing(begin: Make, step: Make, get: Make, work: Make, person: Make, db: Database) -> None:
    owner = person("acme", "business_owner")
    bad = begin(owner, "email\nx@acme.example\nnobody\n", mode="atomic")
    work()
    assert_problem(step(owner, bad, "confirm", get(owner, bad)["revision"]), 409, "import_has_failures")

    content = answers_table([person("acme"), leaving := person("acme")])
    found = begin(owner, content, "assessments", mode="atomic", template_id="low-back-pain")
    work()
    assert step(owner, found, "confirm", get(owner, found)["revision"]).status_code == 200
    db.rows("update users set status = 'suspended' where id = %s", leaving.context.user_id)
    work()
    seen = get(owner, found)
    assert (seen["status"], seen["error"]["code"], seen["counts"]["done"]) == ("failed", "rows_fail", 0)
    assert db.value("select count(*) from submissions") == 0
    assert db.value("select count(*) from import_rows where import_id = %s and status = 'failed'", found) == 1


def test_a_file_that_changes_after_it_was_looked_at(
    api: TestClient, begin: Make, step: Make, get: Make, work: Make, person: Make, db: Database
) -> None:
    from infra import files

    owner = person("acme", "business_owner")
    found = begin(owner, "email\nx@acme.example\n")
    work()
    files.put(f"imports/{owner.tenant_id}/{found}/source", b"email\nother@acme.example\n")
    assert step(owner, found, "confirm", get(owner, found)["revision"]).status_code == 200
    work()
    seen = get(owner, found)
    assert (seen["status"], seen["error"]["code"]) == ("failed", "changed_file")
    assert db.value("select count(*) from invitations") == 0


def on_record(db: Database, who: Person) -> set[str]:
    """What this person did with imports."""
    rows = db.rows("select action from audit_log where subject_type = 'import' and actor_id = %s", who.context.user_id)
    return {row["action"].removeprefix("import.") for row in rows}


def test_pause_resume_wait_cancel(begin: Make, step: Make, get: Make, work: Make, person: Make, db: Database) -> None:
    owner = person("acme", "business_owner")
    first, second = (begin(owner, f"email\n{name}@acme.example\n") for name in ("one", "two"))
    work()
    for each in (first, second):
        assert step(owner, each, "confirm", get(owner, each)["revision"]).status_code == 200
    assert [get(owner, each)["status"] for each in (first, second)] == ["running", "waiting"]
    assert step(owner, first, "pause").json()["status"] == "paused"
    assert get(owner, second)["status"] == "running"
    assert step(owner, first, "resume").json()["status"] == "waiting"
    assert step(owner, second, "cancel").json()["status"] == "canceled"
    assert get(owner, first)["status"] == "running"
    assert_problem(step(owner, second, "resume"), 409, "import_in_other_state")
    work()
    assert get(owner, first)["status"] == "completed"
    assert db.rows("select email from invitations") == [{"email": "one@acme.example"}]
    assert db.value("select count(*) from jobs where kind like 'import%%' and status <> 'succeeded'") == 0
    assert {"confirmed", "paused", "resumed", "canceled"} <= on_record(db, owner)


def test_add_update_and_undo_of_members(
    api: TestClient, done: Make, step: Make, get: Make, work: Make, person: Make, db: Database
) -> None:
    owner, known = person("acme", "business_owner"), person("acme")
    db.rows("update users set display_name = 'Old' where id = %s", known.context.user_id)
    content = f"id,email,name\nA,new@acme.example,New\nB,{known.email},Known\n"
    ended = done(owner, content, intake="add", on_duplicate="update")
    assert ended["counts"]["done"] == 2
    rows = db.rows(
        "select email, display_name, external_id from users where external_id is not null order by external_id"
    )
    assert rows == [
        {"email": "new@acme.example", "display_name": "New", "external_id": "A"},
        {"email": known.email, "display_name": "Known", "external_id": "B"},
    ]
    # Uploaded again there is nothing to do: rows are known by what the business calls them.
    assert done(owner, content, on_duplicate="update")["counts"] == {"done": 0, "skipped": 0, "failed": 0, "undone": 0}
    assert step(owner, ended["id"], "undo", get(owner, ended["id"])["revision"]).status_code == 200
    work()
    seen = get(owner, ended["id"])
    assert (seen["status"], seen["counts"]["undone"]) == ("undone", 2)
    assert db.rows("select status from users where email = 'new@acme.example'") == [{"status": "removed"}]
    assert db.rows("select status from invitations") == [{"status": "revoked"}]
    assert db.rows("select display_name, external_id from users where id = %s", known.context.user_id) == [
        {"display_name": "Old", "external_id": None}
    ]
    assert "undone" in on_record(db, owner)


def test_programs_are_archived_assigned_and_made_anew_and_taken_back(
    done: Make, submit: Make, step: Make, get: Make, work: Make, person: Make, db: Database
) -> None:
    owner, member = person("acme", "business_owner"), person("acme")
    assert submit(member).status_code == 202
    work()
    first = db.value("select id from programs")

    def states() -> list[str]:
        return [row["status"] for row in db.rows("select status from programs order by created_at")]

    def order(action: str) -> dict[str, Any]:
        ended = done(owner, f"email,action,template\n{member.email},{action},low-back-pain\n", "programs")
        assert ended["counts"]["done"] == 1, ended
        return ended

    archived = order("archive")
    assert states() == ["archived"]
    order("assign")
    assert states() == ["active"]
    anew = order("regenerate")
    assert states() == ["archived", "active"]
    assert db.value("select count(*) from submissions") == 2
    for each, after in ((anew, ["active", "archived"]), (archived, ["active", "archived"])):
        assert step(owner, each["id"], "undo", get(owner, each["id"])["revision"]).status_code == 200
        work()
        assert states() == after
    # The program that was put aside is in use again: there is nothing to take back.
    assert get(owner, archived["id"])["counts"]["undone"] == 0
    assert db.value("select id from programs where status = 'active'") == first


def test_no_import_gives_a_program_to_somebody_who_was_referred(
    done: Make, submit: Make, work: Make, person: Make, db: Database
) -> None:
    owner, member, stopped = person("acme", "business_owner"), person("acme"), person("acme")
    for each in (member, stopped):
        submit(each)
    work()
    db.rows("update programs set status = 'archived'")
    submit(member, answers=low_back_pain(rf_chest_pain="yes"))
    db.rows("update programs set status = 'paused_safety' where user_id = %s", stopped.context.user_id)
    work()
    for action in ("assign", "regenerate"):
        lines = [f"{each.email},{action},low-back-pain\n" for each in (member, stopped)]
        ended = done(owner, "email,action,template\n" + "".join(lines), "programs")
        assert ended["counts"]["failed"] == 2
    codes = "select issues -> 0 ->> 'code' as code from import_rows order by code"
    assert [row["code"] for row in db.rows(codes)] == ["paused_safety"] * 2 + ["referral"] * 2
    assert db.value("select count(*) from programs where status = 'active'") == 0


def say_yes(api: TestClient, who: Person) -> None:
    body = {"document": "health_data", "version": "1.0.0", "accepted": True}
    api.post("/v1/me/consents", json=body, headers=who.headers).raise_for_status()


def test_failed_rows_are_tried_again(
    api: TestClient, done: Make, step: Make, get: Make, work: Make, person: Make, db: Database
) -> None:
    owner, member = person("acme", "business_owner"), person("acme")
    other = person("acme")
    db.rows("update tenants set settings = settings || '{\"require_consent\": true}' where slug = 'acme'")
    say_yes(api, other)
    ended = done(owner, answers_table([member, other]), "assessments", template_id="low-back-pain")
    assert (ended["counts"]["failed"], ended["counts"]["done"]) == (1, 1)
    assert db.value("select issues -> 0 ->> 'code' from import_rows where status = 'failed'") == "consent_required"
    say_yes(api, member)
    assert step(owner, ended["id"], "retry-failed").status_code == 200
    work()
    seen = get(owner, ended["id"])
    assert (seen["status"], seen["report"]["fail"], seen["counts"]["done"]) == ("completed", 0, 2)
    assert db.value("select count(*) from submissions") == 2
    assert "retried" in on_record(db, owner)


def test_an_uploaded_workbook_and_its_results(
    api: TestClient, person: Make, step: Make, get: Make, work: Make, tmp_path: Any, db: Database
) -> None:
    import xlsxwriter
    from python_calamine import CalamineWorkbook

    owner = person("acme", "business_owner")
    headers = owner.headers | {"Idempotency-Key": "one"}
    made = api.post("/v1/imports", json={"kind": "members"}, headers=headers)
    again = api.post("/v1/imports", json={"kind": "members"}, headers=headers)
    assert again.json()["id"] == made.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    found, upload = made.json()["id"], made.json()["upload"]
    book = xlsxwriter.Workbook(str(tmp_path / "members.xlsx"))
    sheet = book.add_worksheet()
    for number, row in enumerate((["ID", "E-mail", "Name"], [1001, "ana@acme.example", "-Ana"], [1002, "x", "Bo"])):
        sheet.write_row(number + 1, 0, row)  # below an empty row
    book.close()
    with httpx2.Client(trust_env=False) as client:
        file = {"file": ("members.xlsx", (tmp_path / "members.xlsx").read_bytes())}
        assert client.post(upload["url"], data=upload["fields"], files=file).status_code in (200, 204)
    assert api.post(f"/v1/imports/{found}/validate", headers=owner.headers).status_code == 202
    work()
    seen = get(owner, found)
    assert (seen["status"], seen["format"], seen["report"]["create"]) == ("ready", "xlsx", 1)
    assert step(owner, found, "confirm", seen["revision"]).status_code == 200
    work()
    assert db.rows("select external_id, name from invitations") == [{"external_id": "1001", "name": "-Ana"}]

    assert_problem(api.get(f"/v1/imports/{found}/results", headers=owner.headers), 409, "import_results_not_ready")
    assert api.post(f"/v1/imports/{found}/results", headers=owner.headers).status_code == 202
    work()
    links = api.get(f"/v1/imports/{found}/results", headers=owner.headers).json()
    with httpx2.Client(trust_env=False) as client:
        text, workbook = client.get(links["csv"]).content, client.get(links["xlsx"]).content
    lines = list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))
    assert [line[:6] for line in lines] == [
        ["ID", "E-mail", "Name", "_row", "_status", "_column"],
        ["1001", "ana@acme.example", "'-Ana", "3", "done", ""],
        ["1002", "x", "Bo", "4", "failed", "E-mail"],
    ]
    rows = CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_index(0).to_python()
    assert [row[0] for row in rows] == ["ID", "1001", "1002"]


def test_a_file_that_takes_more_than_one_job(
    person: Make, begin: Make, get: Make, work: Make, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers import imports

    monkeypatch.setattr(imports, "_BUDGET_S", 0.0)
    owner = person("acme", "business_owner")
    found = begin(owner, "email\n" + "".join(f"p{number}@acme.example\n" for number in range(2_100)))
    work()
    seen = get(owner, found)
    assert (seen["status"], seen["report"]["create"]) == ("ready", 2_100)
    assert db.rows("select status, count(*) from jobs where kind = 'import_check' group by 1") == [
        {"status": "succeeded", "count": 2}
    ]


def test_a_small_workbook_in_the_request(person: Make, begin: Make, get: Make, work: Make) -> None:
    import xlsxwriter

    made = io.BytesIO()
    book = xlsxwriter.Workbook(made)
    book.add_worksheet().write_column(0, 0, ["E-mail", "ana@acme.example"])
    book.close()
    owner = person("acme", "business_owner")
    media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    found = begin(owner, made.getvalue(), media=media)
    work()
    seen = get(owner, found)
    assert (seen["status"], seen["format"], seen["report"]["create"]) == ("ready", "xlsx", 1)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"email\nx\0y\n", "nul_bytes"),
        (b"name\nAna\n", "missing_column"),
        (b"email\n", "empty_file"),
        (b"email,mail\nx,y\n", "column_twice"),
        ("email,name\nä@x.example,é\n".encode() + b"b@x.example,\xe9\n", "mixed_encoding"),
        (b"email," + b",".join(b"c%d" % n for n in range(10_000)), "too_many_columns"),
        (b"email\n" + b"x" * 300_000, "line_too_long"),
    ],
)
def test_files_that_are_not_taken(
    content: bytes, code: str, person: Make, begin: Make, get: Make, work: Make, db: Database
) -> None:
    owner = person("acme", "business_owner")
    found = begin(owner, content)
    work()
    seen = get(owner, found)
    assert (seen["status"], seen["error"]["code"]) == ("invalid", code)
    assert db.value("select count(*) from import_rows") == 0


def test_it_is_followed(api: TestClient, person: Make, begin: Make, work: Make) -> None:
    owner = person("acme", "business_owner")
    found = begin(owner, "email\nx@acme.example\n")
    work()
    answer = api.get(f"/v1/imports/{found}/events", headers=owner.headers)
    assert answer.status_code == 200
    assert "event: import" in answer.text
    assert '"status":"ready"' in answer.text
    number = next(line for line in answer.text.splitlines() if line.startswith("id:")).partition(":")[2].strip()
    again = api.get(f"/v1/imports/{found}/events", headers=owner.headers | {"Last-Event-ID": number})
    assert again.status_code == 204


def test_an_empty_table_to_fill_in(api: TestClient, person: Make) -> None:
    owner = person("acme", "business_owner")
    answer = api.get("/v1/imports/template.csv?kind=assessments&template=low-back-pain", headers=owner.headers)
    [header] = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert header[:2] == ["external_id", "email"]
    assert {"nprs_now", "psfs.1.activity", "psfs.3.score"} <= set(header)


def test_a_sample_that_is_sent_is_on_record(
    api: TestClient, person: Make, begin: Make, step: Make, work: Make, db: Database
) -> None:
    owner, clinician = person("acme", "business_owner"), person("acme", "clinician")
    found = begin(owner, "email\nana@acme.example\nnobody\n")
    path = f"/v1/imports/{found}"

    def looked(headers: dict[str, str]) -> list[dict[str, Any]]:
        return db.rows(
            "select actor_id from audit_log where action = 'import.rows_read' and subject_id = %s and request_id = %s",
            found, headers["X-Request-ID"],
        )  # fmt: skip

    def asked(**more: str) -> tuple[Response, dict[str, str]]:
        headers = clinician.headers | {"X-Request-ID": uuid4().hex} | more
        return api.get(path, headers=headers), headers

    answer, headers = asked()
    assert (answer.json()["status"], answer.json()["sample"], looked(headers)) == ("validating", [], [])
    work()
    answer, headers = asked()
    assert len(answer.json()["sample"]) == 2
    assert looked(headers) == [{"actor_id": clinician.context.user_id}]
    unchanged, headers = asked(**{"If-None-Match": answer.headers["etag"]})
    assert (unchanged.status_code, looked(headers)) == (304, [])
    # Who follows a run asks every second: the rows are there when it has ended.
    assert step(owner, found, "confirm", answer.json()["revision"]).status_code == 200
    answer, headers = asked()
    assert (answer.json()["status"], answer.json()["sample"], looked(headers)) == ("running", [], [])
    work()
    answer, headers = asked()
    assert (answer.json()["status"], len(answer.json()["sample"]), len(looked(headers))) == ("completed", 2, 1)


def test_values_of_json_that_are_no_texts(api: TestClient, person: Make, begin: Make, get: Make, work: Make) -> None:
    owner = person("acme", "business_owner")
    values = [{"a": 1}, [1], True, 1.5, ["x"], None]
    rows = [{"email": value, "name": "Ana"} for value in values]
    rows += [{"email": f"p{number}@acme.example", "external_id": value} for number, value in enumerate(values)]
    rows += [{"email": f"n{number}@acme.example", "name": value} for number, value in enumerate(values)]
    found = begin(owner, json.dumps(rows), media="application/json")
    work()
    seen = get(owner, found)
    assert (seen["status"], seen["report"]) == ("ready", {"create": 2, "update": 0, "skip": 0, "fail": 16})
    items = api.get(f"/v1/imports/{found}/rows?status=failed", headers=owner.headers).json()["items"]
    assert [[each["code"] for each in item["issues"]] for item in items] == [
        *[["wrong_type"]] * 5, ["required"], *[["wrong_type"]] * 10,
    ]  # fmt: skip
