"""A business's clinicians decide on programs: queue, edit, approve, reject; what members see of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from domain.errors import UnsafeEdit
from domain.programs.checker import check
from domain.programs.library import Exercise
from domain.programs.spec import ProgramSpec
from domain.services.edits import plan_of
from infra.content import load_library
from infra.database import unit_of_work
from tests.answers import low_back_pain
from tests.api.problems import SECRET, assert_problem, nothing_changes
from tests.conftest import Database, Person

Make = Callable[..., Any]
LIBRARY = load_library()


@dataclass(frozen=True)
class Clinic:
    """A business that reviews, one of its members with a program that waits, and who may decide on it."""

    member: Person
    clinician: Person
    job: str
    program: str

    @property
    def id(self) -> str:
        return self.program.rpartition("/")[2]


@pytest.fixture
def clinic(api: TestClient, person: Make, submit: Make, work: Make) -> Clinic:
    clinician, member = person("acme", "clinician", review=True), person("acme", review=True)
    answers = low_back_pain(nprs_now=5, nprs_average=5, conditions=["osteoporosis", "hypertension_controlled"])
    job = submit(member, answers=answers).json()["links"]["self"]
    work()
    return Clinic(member, clinician, job, api.get(job, headers=member.headers).json()["result"]["href"])


@pytest.fixture
def decide(api: TestClient) -> Make:
    def send(who: Person, path: str, decision: str, tag: str | None = '"1"', **body: Any) -> Response:
        headers = who.headers | ({} if tag is None else {"If-Match": tag})
        if decision == "reject":
            body = {"reason": "Not for this person"} | body
        return api.post(f"{path}/{decision}", json=body, headers=headers)

    return send


@pytest.fixture
def edit(api: TestClient) -> Make:
    def send(who: Person, path: str, *changes: dict[str, Any], tag: str = '"1"') -> Response:
        return api.patch(path, json={"changes": list(changes)}, headers=who.headers | {"If-Match": tag})

    return send


def ids(answer: Response, key: str = "id") -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item[key] for item in answer.json()["items"]]


# --- what members see ---


def test_a_program_waits_for_a_clinician_unless_the_business_says_otherwise(
    api: TestClient, clinic: Clinic, person: Make, submit: Make, work: Make
) -> None:
    job = api.get(clinic.job, headers=clinic.member.headers).json()
    assert (job["status"], job["result"]["type"], job["result"]["review"]) == ("succeeded", "program", "pending")
    assert_problem(api.get(clinic.program, headers=clinic.member.headers), 404, "not_found")
    assert ids(api.get("/v1/programs", headers=clinic.member.headers)) == []
    read = api.get(clinic.program, headers=clinic.clinician.headers)
    assert (read.json()["status"], read.json()["review"], read.headers["etag"]) == ("pending_review", None, '"1"')

    free = person("globex")
    done = submit(free).json()["links"]["self"]
    work()
    result = api.get(done, headers=free.headers).json()["result"]
    assert result["review"] is None
    assert api.get(result["href"], headers=free.headers).json()["status"] == "active"


def test_approval_releases_the_program_and_the_job_says_so(
    api: TestClient, clinic: Clinic, decide: Make, db: Database
) -> None:
    before = api.get(clinic.job, headers=clinic.member.headers).headers["etag"]
    done = decide(clinic.clinician, clinic.program, "approve", note=SECRET)
    assert (done.status_code, done.json()["status"], done.headers["etag"]) == (200, "active", '"2"')
    known = clinic.member.headers | {"If-None-Match": before}
    assert api.get(clinic.job, headers=known).json()["result"]["review"] == "approved"
    read = api.get(clinic.program, headers=clinic.member.headers)
    assert (read.json()["status"], read.headers["etag"]) == ("active", '"2"')
    assert (read.json()["review"]["decision"], read.json()["review"]["note"]) == ("approved", None)
    assert SECRET not in read.text
    assert api.get(clinic.program, headers=clinic.member.headers | {"If-None-Match": '"2"'}).status_code == 304
    assert api.get(clinic.program, headers=clinic.clinician.headers).json()["review"]["note"] == SECRET
    assert ids(api.get("/v1/programs", headers=clinic.member.headers)) == [clinic.id]
    [row] = db.rows("select * from audit_log where action = 'program.approved'")
    assert (row["actor_id"], row["subject_user_id"]) == (
        clinic.clinician.context.user_id,
        clinic.member.context.user_id,
    )


def test_approved_after_a_referral_a_program_waits_to_be_resumed(
    api: TestClient, clinic: Clinic, decide: Make, submit: Make, work: Make, db: Database
) -> None:
    submit(clinic.member, answers=low_back_pain(rf_chest_pain="yes"))
    work()
    done = decide(clinic.clinician, clinic.program, "approve")
    assert (done.status_code, done.json()["status"]) == (200, "paused_safety")
    assert db.value("select count(*) from notifications where kind = 'program_ready'") == 0
    headers = clinic.clinician.headers | {"If-Match": done.headers["etag"]}
    resumed = api.post(f"{clinic.program}/resume", json={"note": "Seen"}, headers=headers)
    assert resumed.json()["status"] == "active"


def test_a_rejected_program_stays_out_of_sight_and_so_does_the_reason(
    api: TestClient, clinic: Clinic, decide: Make, db: Database
) -> None:
    done = decide(clinic.clinician, clinic.program, "reject", reason=f"  {SECRET}  ")
    assert (done.status_code, done.json()["status"]) == (200, "rejected")
    assert_problem(api.get(clinic.program, headers=clinic.member.headers), 404, "not_found")
    seen = [
        api.get(path, headers=clinic.member.headers)
        for path in (clinic.job, "/v1/programs", "/v1/programs?status=rejected", "/v1/notifications")
    ]
    assert seen[0].json()["result"]["review"] == "rejected"
    assert ids(seen[1]) == ids(seen[2]) == []
    assert [told["kind"] for told in seen[3].json()["items"]] == ["program_rejected"]
    assert seen[3].json()["items"][0]["subject"]["href"] is None
    assert not any(SECRET in answer.text for answer in seen)
    assert api.get(clinic.program, headers=clinic.clinician.headers).json()["review"]["note"] == SECRET
    assert db.value("select count(*) from audit_log where action = 'program.rejected'") == 1


@pytest.mark.parametrize("reason", [None, "", "  no  ", "x" * 1001, 7])
def test_a_rejection_needs_a_reason(api: TestClient, clinic: Clinic, decide: Make, db: Database, reason: Any) -> None:
    with nothing_changes(db):
        answer = decide(clinic.clinician, clinic.program, "reject", reason=reason)
        assert_problem(answer, 422, "invalid_request", "/reason")


# --- who may, and when ---


def test_a_decision_is_made_once_on_the_version_that_was_read(
    clinic: Clinic, decide: Make, edit: Make, db: Database
) -> None:
    for decision in ("approve", "reject"):
        with nothing_changes(db):
            assert_problem(decide(clinic.clinician, clinic.program, decision, tag=None), 428, "revision_required")
            assert_problem(decide(clinic.clinician, clinic.program, decision, tag='"7"'), 412, "stale_revision")
    assert decide(clinic.clinician, clinic.program, "approve").status_code == 200
    line = {"session": 1, "position": 1, "effort": 1}
    with nothing_changes(db):
        for decision in ("approve", "reject"):
            assert_problem(decide(clinic.clinician, clinic.program, decision, '"1"'), 412, "stale_revision")
            assert_problem(decide(clinic.clinician, clinic.program, decision, '"2"'), 409, "not_pending_review")
        assert_problem(edit(clinic.clinician, clinic.program, line, tag='"1"'), 412, "stale_revision")
        assert_problem(edit(clinic.clinician, clinic.program, line, tag='"2"'), 409, "not_pending_review")


def test_members_do_not_decide(
    api: TestClient, clinic: Clinic, person: Make, decide: Make, edit: Make, db: Database
) -> None:
    line = {"session": 1, "position": 1, "effort": 1}
    others = (person("acme"), person("globex"), person("globex", "clinician"), person("jo", "individual", "individual"))
    with nothing_changes(db):
        for who in (clinic.member, *others):
            # Another business's clinician may decide, and has no such program; the others may not, whatever there is.
            expected = (404, "not_found") if who.context.role == "clinician" else (403, "forbidden")
            for decision in ("approve", "reject"):
                assert_problem(decide(who, clinic.program, decision), *expected)
            assert_problem(edit(who, clinic.program, line), *expected)
    assert decide(clinic.clinician, clinic.program, "approve").status_code == 200
    with nothing_changes(db):  # now it is there for them, and still not theirs to decide
        for decision in ("approve", "reject"):
            assert_problem(decide(clinic.member, clinic.program, decision, '"2"'), 403, "forbidden")
        assert_problem(edit(clinic.member, clinic.program, line, tag='"2"'), 403, "forbidden")
        for who in (clinic.member, others[3]):
            assert_problem(api.get("/v1/reviews", headers=who.headers), 403, "forbidden")


@pytest.mark.parametrize("role", ["business_admin", "business_owner"])
def test_who_runs_the_business_may_decide(clinic: Clinic, person: Make, decide: Make, role: str) -> None:
    assert decide(person("acme", role), clinic.program, "approve").status_code == 200


def test_two_approvals_at_once_leave_one_active_program(
    api: TestClient, clinic: Clinic, submit: Make, work: Make, decide: Make, db: Database
) -> None:
    submit(clinic.member)
    work()
    programs = [f"/v1/programs/{row['id']}" for row in db.rows("select id from programs")]
    assert len(programs) == 2
    with psycopg.connect(db.superuser_url) as held, ThreadPoolExecutor(2) as threads:
        held.execute("select pg_advisory_xact_lock(hashtextextended(%s, 1))", (str(clinic.member.context.user_id),))
        answers = [threads.submit(decide, clinic.clinician, path, "approve") for path in programs]
        while db.value("select count(*) from pg_locks where locktype = 'advisory' and not granted") < 2:
            pass
        held.rollback()
    assert [answer.result().status_code for answer in answers] == [200, 200]
    assert sorted(row["status"] for row in db.rows("select status from programs")) == ["active", "archived"]


def test_one_of_two_decisions_at_once_is_told_that_it_is_late(clinic: Clinic, decide: Make, db: Database) -> None:
    with psycopg.connect(db.superuser_url) as held, ThreadPoolExecutor(2) as threads:
        held.execute("select 1 from programs for update")
        answers = [threads.submit(decide, clinic.clinician, clinic.program, how) for how in ("approve", "reject")]
        while db.value("select count(*) from pg_stat_activity where wait_event_type = 'Lock'") < 2:
            pass
        held.rollback()
    assert sorted(answer.result().status_code for answer in answers) == [200, 412]
    assert db.value("select count(*) from audit_log where action in ('program.approved', 'program.rejected')") == 1


# --- lists ---


def test_the_queue_is_the_tenants_oldest_first_and_in_parts(
    api: TestClient, clinic: Clinic, person: Make, submit: Make, work: Make, decide: Make, db: Database
) -> None:
    for _ in range(3):
        submit(person("acme"))
        work()
    stranger = person("globex", review=True)
    submit(stranger)
    work()
    theirs = person("globex", "clinician")
    db.rows("update users set display_name = 'Ada' where id = %s", clinic.member.context.user_id)
    queue = api.get("/v1/reviews", headers=clinic.clinician.headers)
    every = ids(queue, "program_id")
    assert len(every) == 4
    first = queue.json()["items"][0]
    assert (first["program_id"], first["user_id"]) == (clinic.id, str(clinic.member.context.user_id))
    assert (first["user_name"], first["region"], first["revision"]) == ("Ada", "lower_back", 1)
    assert first["links"] == {"program": clinic.program}
    assert set(first) == {"program_id", "user_id", "user_name", "region", "revision", "waiting_since", "links"}
    assert len(ids(api.get("/v1/reviews", headers=theirs.headers), "program_id")) == 1

    page = api.get("/v1/reviews?limit=3", headers=clinic.clinician.headers)
    assert ids(page, "program_id") == every[:3]
    assert page.json()["prev"] is None
    following = page.headers["link"].split(">")[0].removeprefix("<")
    last = api.get(following, headers=clinic.clinician.headers)
    assert (ids(last, "program_id"), last.json()["next"]) == (every[3:], None)
    back = api.get("/v1/reviews", params={"limit": 3, "cursor": last.json()["prev"]}, headers=clinic.clinician.headers)
    assert (ids(back, "program_id"), back.json()["prev"]) == (every[:3], None)
    # What has been decided leaves the queue; the cursor holds although its item is gone.
    assert decide(clinic.clinician, f"/v1/programs/{every[2]}", "approve").status_code == 200
    assert ids(api.get(following, headers=clinic.clinician.headers), "program_id") == every[3:]
    assert (
        db.value(
            "select count(*) from audit_log where action = 'reviews.listed' and tenant_id = %s", stranger.tenant_id
        )
        == 1
    )


def test_programs_are_listed_newest_first_to_who_may_see_them(
    api: TestClient, clinic: Clinic, person: Make, submit: Make, work: Make, decide: Make
) -> None:
    submit(clinic.member)
    neighbour, stranger = person("acme"), person("globex")
    submit(neighbour)
    submit(stranger)
    work()
    everybody = ids(api.get("/v1/programs", headers=clinic.clinician.headers))
    assert len(everybody) == 3
    for program in everybody:
        assert decide(clinic.clinician, f"/v1/programs/{program}", "approve").status_code == 200
    own = api.get("/v1/programs", headers=clinic.member.headers)
    assert ids(own) == [program for program in everybody if program in ids(own)]
    assert [item["status"] for item in own.json()["items"]] == ["archived", "active"]  # the older was approved last
    assert set(own.json()["items"][0]) == {
        "id", "user_id", "assessment_id", "status", "revision", "weeks", "start_on", "created_at", "reviewed_at", "links",
    }  # fmt: skip
    for status, count in (("active", 2), ("archived", 1), ("pending_review", 0)):
        assert len(ids(api.get(f"/v1/programs?status={status}", headers=clinic.clinician.headers))) == count
    assert len(ids(api.get("/v1/programs", headers=neighbour.headers))) == 1
    for who in (stranger, person("globex", "business_owner")):
        listed = ids(api.get("/v1/programs", headers=who.headers))
        assert len(listed) == 1
        assert not set(listed) & set(everybody)

    page = api.get("/v1/programs?limit=1", headers=clinic.member.headers)
    cursor = page.json()["next"]
    after = api.get("/v1/programs", params={"cursor": cursor}, headers=clinic.member.headers)
    assert ids(page) + ids(after) == ids(own)
    for who, query in (
        (neighbour, {"cursor": cursor}),
        (stranger, {"cursor": cursor}),
        (clinic.member, {"cursor": cursor, "status": "active"}),
        (clinic.member, {"cursor": cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")}),
        (clinic.member, {"cursor": SECRET}),
        (clinic.member, {"cursor": ""}),
        (clinic.member, {"cursor": "é"}),
    ):
        assert_problem(api.get("/v1/programs", params=query, headers=who.headers), 400, "invalid_cursor")
    for query in ({"limit": 0}, {"limit": 201}, {"limit": SECRET}, {"status": SECRET}, {"cursor": "x" * 401}):
        pointer = f"/{next(iter(query))}"
        assert_problem(
            api.get("/v1/programs", params=query, headers=own.request.headers), 422, "invalid_request", pointer
        )


# --- edits ---


def line_of(program: dict[str, Any], week: int, session: int, position: int) -> dict[str, Any]:
    line: dict[str, Any] = program["weeks"][week - 1]["sessions"][session - 1]["items"][position - 1]
    return line


def place(program: dict[str, Any], role: str) -> dict[str, int]:
    """The first line of a role in the first session."""
    items = program["weeks"][0]["sessions"][0]["items"]
    return {"session": 1, "position": next(item["position"] for item in items if item["role"] == role)}


def stored_plan_holds(who: Person, program: str) -> bool:
    with unit_of_work(who.context) as uow:
        plan = plan_of(uow.programs.read(UUID(program)))
    return check(plan, plan.spec, LIBRARY) == []


def test_a_clinician_changes_doses_within_the_rules(
    api: TestClient, clinic: Clinic, edit: Make, decide: Make, db: Database
) -> None:
    before = api.get(clinic.program, headers=clinic.clinician.headers).json()
    main, cool = place(before, "main"), place(before, "cool")
    was = line_of(before, 1, **main)
    done = edit(
        clinic.clinician,
        clinic.program,
        {**main, "effort": was["effort"] - 1, "rest_s": was["rest_s"] + 15},
        {**cool, "week": 2, "seconds": line_of(before, 2, **cool)["seconds"] - 5},
    )
    assert (done.status_code, done.headers["etag"]) == (200, '"2"'), done.text
    after = done.json()
    assert after == api.get(clinic.program, headers=clinic.clinician.headers).json()
    for week in (1, 5):
        now, then = line_of(after, week, **main), line_of(before, week, **main)
        assert (now["effort"], now["rest_s"]) == (was["effort"] - 1, was["rest_s"] + 15)
        assert (now["reps"], now["why"]) == (then["reps"], [*then["why"], "clinician_edit"])
        assert now["minutes"] >= then["minutes"]
    assert "clinician_edit" in line_of(after, 2, **cool)["why"]
    assert line_of(after, 3, **cool) == line_of(before, 3, **cool)
    for week in after["weeks"]:
        for session in week["sessions"]:
            assert session["minutes"] == sum(item["minutes"] for item in session["items"])
    assert after["weeks"][0]["sessions"][1:] == before["weeks"][0]["sessions"][1:]
    assert after["proof"] == before["proof"] | {"edited": True}
    assert (after["spec"], after["status"], after["revision"]) == (before["spec"], "pending_review", 2)
    assert stored_plan_holds(clinic.clinician, clinic.id)
    [row] = db.rows("select * from audit_log where action = 'program.edited'")
    assert (row["actor_id"], row["subject_user_id"]) == (
        clinic.clinician.context.user_id,
        clinic.member.context.user_id,
    )
    # To say what is there already is no change.
    with nothing_changes(db):
        same = edit(clinic.clinician, clinic.program, {**main, "effort": was["effort"] - 1}, tag='"1"')
        assert_problem(same, 412, "stale_revision")
    assert (
        edit(clinic.clinician, clinic.program, {**main, "effort": was["effort"] - 1}, tag='"2"').headers["etag"]
        == '"2"'
    )
    assert decide(clinic.clinician, clinic.program, "approve", '"2"').status_code == 200


def test_a_clinician_swaps_an_exercise(api: TestClient, clinic: Clinic, edit: Make) -> None:
    before = api.get(clinic.program, headers=clinic.clinician.headers).json()
    here = place(before, "warm")
    old = LIBRARY.by_id[line_of(before, 1, **here)["exercise"]]
    there = {item["exercise"] for item in before["weeks"][0]["sessions"][0]["items"]}
    chains = {LIBRARY.chain_of[exercise] for exercise in there - {old.id}}
    new = next(e for e in fitting(before, "warm") if e.id not in there and LIBRARY.chain_of[e.id] not in chains)
    done = edit(clinic.clinician, clinic.program, {**here, "exercise": new.id})
    assert done.status_code == 200, done.text
    for week in range(1, 7):
        line = line_of(done.json(), week, **here)
        assert (line["exercise"], line["name"], line["cue"]) == (new.id, new.name, new.cue)
        assert (line["rest_s"], line["why"]) == (new.dose.rest_s, ["I03", "I04", "I05", "clinician_edit"])
        assert (line["reps"] is None) == (new.dose.reps is None)
    assert stored_plan_holds(clinic.clinician, clinic.id)


def fitting(program: dict[str, Any], role: str, *, without: str = "") -> list[Exercise]:
    """Exercises of a role that this person may do; `without` one rule, those that break just that one."""
    spec = ProgramSpec.model_validate(program["spec"])

    def broken(exercise: Exercise) -> set[str]:
        return {
            rule
            for rule, holds in (
                ("I03", all(LIBRARY.conditions[name].allows(exercise) for name in spec.conditions)),
                ("I04", exercise.level <= spec.ceiling),
                ("I05", set(exercise.equipment) <= set(spec.equipment)),
            )
            if not holds
        }

    wanted = {without} if without else set()
    return [exercise for exercise in LIBRARY.exercises if exercise.role == role and broken(exercise) == wanted]


def lightest(program: dict[str, Any], week: int) -> list[dict[str, Any]]:
    """A week of the least that each main exercise may be done."""
    return [
        {"week": week, "session": session["number"], "position": item["position"], "reps": -(-dose // 4)}
        for session in program["weeks"][week - 1]["sessions"]
        for item in session["items"]
        if item["role"] == "main" and (dose := LIBRARY.by_id[item["exercise"]].dose.reps)
    ]


def test_an_unsafe_edit_changes_nothing(
    api: TestClient, clinic: Clinic, edit: Make, db: Database, subtests: pytest.Subtests
) -> None:
    program = api.get(clinic.program, headers=clinic.clinician.headers).json()
    main, cool = place(program, "main"), place(program, "cool")
    line = line_of(program, 1, **main)
    cases: list[tuple[str, str, list[dict[str, Any]]]] = [
        *(
            (rule, "/changes/0", [{**main, "exercise": fitting(program, "main", without=rule)[0].id}])
            for rule in ("I03", "I04", "I05")
        ),
        ("I06", "/changes/0/exercise", [{**main, "exercise": "no_such_exercise"}]),
        ("I12", "/changes/0", [{**main, "exercise": fitting(program, "cool")[0].id}]),
        ("P04", "/changes/0", [{**main, "sets": line["sets"] + 1}]),
        ("I08", "/changes/0", [{**main, "sets": 5}]),
        ("I25", "/changes/0", [{**main, "sets": 6}]),
        ("I25", "/changes/0", [{**main, "reps": 100}]),
        ("I25", "/changes/0", [{**main, "rest_s": line["rest_s"] - 5}]),
        ("I25", "/changes/0", [{**main, "rest_s": 241}]),
        ("I31", "/changes/0", [{**main, "effort": 7}]),
        ("I17", "/changes", lightest(program, 1)),
        ("I20", "/changes/0", [{**main, "week": 6, "effort": line["effort"] + 1}]),
        ("I24", "/changes/1", [{**cool, "week": 2, "effort": 1}, {**main, "effort": 10}]),
        ("no_such_line", "/changes/1", [{**main, "effort": 1}, {"session": 4, "position": 1, "sets": 1}]),
        ("no_such_line", "/changes/0", [{"week": 7, **main, "sets": 1}]),
        ("no_such_line", "/changes/0", [{"session": 1, "position": 40, "sets": 1}]),
    ]
    with nothing_changes(db):
        for rule, pointer, changes in cases:
            with subtests.test(rule=rule, changes=changes):
                body = assert_problem(edit(clinic.clinician, clinic.program, *changes), 422, "unsafe_edit", pointer)
                found = {error["code"]: error for error in body["errors"]}
                assert rule in found, found
                # In words that hold for everybody: neither the person's conditions nor what was sent.
                assert not {"osteoporosis", "hypertension_controlled", "moderate", "no_such_exercise"} & set(
                    str(body).split()
                )
    assert str(UnsafeEdit([])).startswith("The program would break its rules")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ([], "/changes"),
        ([{}], "/changes/0/session"),
        ([{"session": 1, "position": 1}], "/changes/0"),
        ([{"session": 1, "position": 1, "reps": 5, "seconds": 5}], "/changes/0"),
        ([{"session": 1, "position": 1, "sets": "3"}], "/changes/0/sets"),
        ([{"session": 1, "position": 1, "sets": True}], "/changes/0/sets"),
        ([{"session": 1, "position": 1, "effort": 11}], "/changes/0/effort"),
        ([{"session": 1, "position": 1, "minutes": 3}], ""),
        ([{"session": 1, "position": 1, "exercise": "No Such"}], "/changes/0/exercise"),
        ([{"session": 1, "position": 1, "sets": 2}] * 201, "/changes"),
    ],
)
def test_an_edit_that_says_nothing_that_can_be_done(
    api_alone: TestClient, person: Make, changes: list[dict[str, Any]], pointer: str
) -> None:
    path, headers = f"/v1/programs/{UUID(int=7)}", person("acme", "clinician").headers | {"If-Match": '"1"'}
    assert_problem(api_alone.patch(path, json={"changes": changes}, headers=headers), 422, "invalid_request", pointer)


# --- settings ---

SETTINGS = "/v1/business/settings"
DEFAULTS = {
    "require_assessment_review": True,
    "require_consent": False,
    "pain_thresholds": {"moderate_from": 4, "severe_from": 6},
    "invitation_days": 14,
    "missed_sessions": "reschedule",
}


def test_a_business_sets_what_it_wants_and_goes_back(api_alone: TestClient, person: Make, db: Database) -> None:
    owner, clinician, globex = (
        person("acme", "business_owner"),
        person("acme", "clinician"),
        person("globex", "business_admin"),
    )
    db.rows("update tenants set settings = '{}'")
    for who in (owner, clinician, globex):
        assert api_alone.get(SETTINGS, headers=who.headers).json() == DEFAULTS

    def change(body: dict[str, Any], who: Person = owner) -> Any:
        answer = api_alone.patch(SETTINGS, json=body, headers=who.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    pain = {"moderate_from": 3, "severe_from": 8}
    assert change({"pain_thresholds": pain}) == DEFAULTS | {"pain_thresholds": pain}
    both = {"require_assessment_review": False, "pain_thresholds": pain}
    assert change({"require_assessment_review": False}) == DEFAULTS | both
    stored = {"require_assessment_review": False, "pain_thresholds": {"moderate": 3, "severe": 8}}
    assert db.value("select settings from tenants where slug = 'acme'") == stored
    assert change({"require_assessment_review": None}) == DEFAULTS | {"pain_thresholds": pain}
    assert change({"missed_sessions": "flexible"})["missed_sessions"] == "flexible"
    assert change({"missed_sessions": None})["missed_sessions"] == "reschedule"
    assert change({"pain_thresholds": None}) == change({}) == DEFAULTS
    assert db.value("select settings from tenants where slug = 'acme'") == {}
    assert api_alone.get(SETTINGS, headers=globex.headers).json() == DEFAULTS
    rows = db.rows("select actor_id, tenant_id from audit_log where action = 'settings.changed'")
    assert {(row["actor_id"], row["tenant_id"]) for row in rows} == {(owner.context.user_id, owner.tenant_id)}
    assert len(rows) == 6


def test_settings_are_the_owners_and_admins_to_change(api_alone: TestClient, person: Make, db: Database) -> None:
    people = {role: person("acme", role) for role in ("clinician", "member")}
    people["individual"] = person("jo", "individual", "individual")
    with nothing_changes(db):
        for role, who in people.items():
            body = {"require_assessment_review": False}
            assert_problem(api_alone.patch(SETTINGS, json=body, headers=who.headers), 403, "forbidden")
            if role != "clinician":
                assert_problem(api_alone.get(SETTINGS, headers=who.headers), 403, "forbidden")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"require_assessment_review": 0}, "/require_assessment_review"),
        ({"pain_thresholds": {"moderate_from": 6, "severe_from": 4}}, "/pain_thresholds"),
        ({"pain_thresholds": {"moderate_from": 0, "severe_from": 4}}, "/pain_thresholds"),
        ({"pain_thresholds": {"moderate_from": 4, "severe_from": 9}}, "/pain_thresholds"),
        ({"pain_thresholds": {"moderate_from": 4, "severe_from": 11}}, "/pain_thresholds/severe_from"),
        ({"pain_thresholds": {"moderate_from": "4", "severe_from": 6}}, "/pain_thresholds/moderate_from"),
        ({"pain_thresholds": {"moderate_from": 4}}, "/pain_thresholds/severe_from"),
        ({"anything_else": 1}, ""),
    ],
)
def test_settings_that_cannot_be(
    api_alone: TestClient, person: Make, db: Database, body: dict[str, Any], pointer: str
) -> None:
    owner = person("acme", "business_owner")
    with nothing_changes(db):
        assert_problem(api_alone.patch(SETTINGS, json=body, headers=owner.headers), 422, "invalid_request", pointer)


def test_the_business_s_pain_thresholds_and_review_decide_from_then_on(
    api: TestClient, person: Make, submit: Make, work: Make
) -> None:
    owner, member = person("acme", "business_owner"), person("acme")
    body = {"pain_thresholds": {"moderate_from": 5, "severe_from": 7}, "require_assessment_review": True}
    assert api.patch(SETTINGS, json=body, headers=owner.headers).status_code == 200
    job = submit(member).json()  # pain 4 of 10
    work()
    assert api.get(job["links"]["result"], headers=member.headers).json()["screening"]["severity"] == "mild"
    assert api.get(job["links"]["self"], headers=member.headers).json()["result"]["review"] == "pending"
