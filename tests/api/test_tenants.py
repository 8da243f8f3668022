"""Two tenants, and two people of one tenant: what is not yours is not there."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb
from starlette.testclient import TestClient

from api import streams
from domain.permissions import ALLOWED, PUBLIC
from domain.tenancy import PEOPLE
from tests.api.operations import Operation
from tests.api.problems import assert_problem, everything, nothing_changes, sent
from tests.api.world import NO_RECORDS, PERSONAL, World, built, candidates, named, send
from tests.conftest import Database, Person

Make = Callable[..., Any]
SAME = {"X-Request-ID": "the-same-request"}


@dataclass(frozen=True)
class Records:
    """What one member has: a draft, and a finished job with its program."""

    draft: str
    assessment: str
    job: str
    running: str
    program: str
    notification: str


@pytest.fixture
def records(api: TestClient, start: Make, submit: Make, work: Make) -> Callable[[Person], Records]:
    def make(who: Person) -> Records:
        job = submit(who).json()
        work()
        done = api.get(job["links"]["self"], headers=who.headers).json()
        running = submit(who).json()["id"]
        draft = start(who)["id"]
        [told] = api.get("/v1/notifications", headers=who.headers).json()["items"]
        assessment = job["links"]["assessment"].rpartition("/")[2]
        return Records(draft, assessment, job["id"], running, done["result"]["id"], told["id"])

    return make


@pytest.fixture(scope="module")
def world(key_server: str, sign: Callable[..., str]) -> Iterator[World]:
    with built(key_server, sign) as found:
        yield found


UNKNOWN = {"template_id": "no-such-intake"}
STRANGERS = ("globex business_owner", "globex business_admin", "globex clinician", "globex member", "solo individual")
NEIGHBOUR = "acme neighbour"


def unknown_of(names: Iterable[str]) -> dict[str, str]:
    return {name: UNKNOWN.get(name) or str(uuid4()) for name in names}


def test_what_another_has_and_what_nobody_has_are_answered_alike(
    world: World, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    """Every operation that names a record, as every role of another tenant and as a colleague without a right to it."""
    monkeypatch.setattr(streams, "_BURST_S", 0.01)
    # What is staff's alone answers 403 before it looks at any id: test_permissions.py.
    walked = [each for each in world.operations if named(each) and ALLOWED.get(each.id, frozenset()) & PEOPLE]
    assert len(walked) > 30
    with world.copy() as (api, db):
        before, last = everything(db), db.value("select max(id) from audit_log")
        for operation, name in itertools.product(walked, (*STRANGERS, NEIGHBOUR)):
            if name == NEIGHBOUR and not PERSONAL & set(named(operation)):
                continue  # a colleague's as well
            with subtests.test(operation=str(operation), id=operation.id, who=name):
                db.rows("delete from identity.buckets")  # some operations count their tries by the record
                _alike(world, api, operation, world.people[name], thoroughly=name in {STRANGERS[0], NEIGHBOUR})
        # Nothing has changed, but that the strangers looked at lists of their own.
        assert {
            row["action"].partition(".")[2] for row in db.rows("select action from audit_log where id > %s", last)
        } <= {"listed"}
        acme = world.people[NEIGHBOUR].tenant_id
        assert db.value("select count(*) from audit_log where id > %s and tenant_id = %s", last, acme) == 0
        logs = {"audit_log": (0, ""), "audit_unsealed": (0, "")}
        assert everything(db) | logs == before | logs


def _alike(world: World, api: TestClient, operation: Operation, who: Person, *, thoroughly: bool) -> None:
    """`thoroughly`: also with ids of both kinds together, and with what cannot be an id."""
    free = {name: values[0] for name, values in NO_RECORDS.items()}
    unknown = unknown_of(named(operation))
    reference = send(api, operation, free | unknown, who.headers)
    if who.context.role not in ALLOWED[operation.id]:
        assert_problem(reference, 403, "forbidden")
    elif set(named(operation)) <= set(operation.named("query")):
        assert reference.status_code == 200, reference.text
    else:
        assert reference.status_code == 404, (
            f"{reference.text}\nIf the body is refused first: give its schema an example, or world.BODIES one."
        )
    me = {name: str(who.context.user_id) for name in named(operation) if name in {"user_id", "subject_user_id"}}
    for foreign in candidates(world, operation):
        tried = [foreign]
        if thoroughly:
            tried += [foreign | me, *(foreign | {name: value} for name, value in unknown.items())]
        for name in operation.named("path") if thoroughly else ():
            if name in named(operation) and name not in UNKNOWN:
                odd = (foreign[name].upper(), "no-such-thing", "%00", "a" * 300)
                tried += [foreign | {name: value} for value in odd]
        if len(named(operation)) == 1 and me:  # one's own is one's own
            tried = [ids for ids in tried if ids != foreign | me]
        for ids in tried:
            answer = send(api, operation, free | ids, who.headers)
            assert answer.status_code == reference.status_code, (ids, answer.text)
            assert sent(answer) == sent(reference), ids


def test_they_take_the_same_time(world: World, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests) -> None:
    """Medians of interleaved requests; a machine that is busy with something else gets more tries."""
    monkeypatch.setattr(streams, "_BURST_S", 0.01)
    who = world.people["globex business_owner"]
    with world.copy() as (api, _):
        for operation in world.operations:
            if operation.method != "GET" or operation.id in PUBLIC or not named(operation):
                continue
            if who.context.role not in ALLOWED[operation.id]:
                continue
            with subtests.test(operation=str(operation)):
                ratios = []
                for _ in range(6):
                    ratios.append(_ratio(world, api, operation, who))
                    if 0.7 < ratios[-1] < 1.4:
                        break
                assert 0.7 < ratios[-1] < 1.4, ratios


def _ratio(world: World, api: TestClient, operation: Operation, who: Person, times: int = 25) -> float:
    foreign = candidates(world, operation)[0]
    unknown = {name: value for name, value in foreign.items() if name in NO_RECORDS} | unknown_of(named(operation))
    taken: dict[str, list[float]] = {"foreign": [], "unknown": []}
    for turn in range(times):
        pair = [("foreign", foreign), ("unknown", unknown)]
        for name, ids in pair if turn % 2 else reversed(pair):
            began = perf_counter()
            send(api, operation, ids, who.headers)
            taken[name].append(perf_counter() - began)
    return median(taken["foreign"]) / median(taken["unknown"])


@pytest.mark.parametrize("role", ["clinician", "business_admin", "business_owner"])
def test_care_staff_read_their_tenants_records_and_leave_a_trace(
    api: TestClient, person: Make, records: Make, db: Database, role: str
) -> None:
    member, staff = person("acme"), person("acme", role)
    theirs = records(member)
    seen = db.value("select max(id) from audit_log")
    for path in (
        f"/v1/assessments/{theirs.assessment}",
        f"/v1/assessments/{theirs.assessment}/result",
        f"/v1/programs/{theirs.program}",
    ):
        assert api.get(path, headers=member.headers).status_code == 200
        assert db.value("select max(id) from audit_log") == seen  # one's own records
        assert api.get(path, headers=staff.headers | SAME).status_code == 200
        [row] = db.rows("select * from audit_log where id > %s", seen)
        seen = row["id"]
        kind = "result" if path.endswith("result") else path.split("/")[2].removesuffix("s")
        assert (row["action"], row["subject_type"]) == (f"{kind}.read", kind)
        assert (row["actor_id"], row["actor_role"]) == (staff.context.user_id, role)
        assert (row["subject_user_id"], row["tenant_id"]) == (member.context.user_id, member.tenant_id)
        assert str(row["subject_id"]) in path
        assert row["request_id"] == SAME["X-Request-ID"]
    # A job is not a health record; care staff see it without a trace.
    assert api.get(f"/v1/jobs/{theirs.job}", headers=staff.headers).status_code == 200
    assert db.value("select max(id) from audit_log") == seen


def test_a_change_by_care_staff_is_recorded_as_theirs_on_the_members_record(
    api: TestClient, person: Make, start: Make, submit: Make, db: Database
) -> None:
    member, clinician = person("acme"), person("acme", "clinician")
    draft = start(member)
    path = f"/v1/assessments/{draft['id']}"
    seen = db.value("select max(id) from audit_log")
    headers = clinician.headers | {"If-Match": '"1"'}
    saved = api.patch(path, json={"answers": {"nprs_now": 4}}, headers=headers)
    assert saved.status_code == 200
    assert submit(clinician, assessment=saved.json()).status_code == 202
    rows = db.rows("select action, actor_id, subject_user_id from audit_log where id > %s order by id", seen)
    assert [row["action"] for row in rows] == ["assessment.read", "assessment.saved", "assessment.submitted"]
    assert {row["actor_id"] for row in rows} == {clinician.context.user_id}
    assert {row["subject_user_id"] for row in rows} == {member.context.user_id}
    assert db.value("select user_id from jobs where kind = 'assessment'") == member.context.user_id


def test_staff_of_ffp_have_no_way_in(world: World, subtests: pytest.Subtests) -> None:
    """What the table gives operators and content admins is of no tenant; see test_permissions.py."""
    with world.copy() as (api, db), nothing_changes(db):
        for operation, role in itertools.product(world.operations, world.staff):
            if named(operation) and (roles := ALLOWED.get(operation.id, frozenset())) & PEOPLE and role not in roles:
                with subtests.test(role=role, operation=str(operation)):
                    free = {name: values[0] for name, values in NO_RECORDS.items()}
                    answer = send(api, operation, free | candidates(world, operation)[0], world.staff[role])
                    assert_problem(answer, 403, "forbidden")


@pytest.mark.parametrize("status", ["suspended", "removed"])
def test_who_is_not_a_member_any_more_is_signed_out_at_once(
    api: TestClient, person: Make, db: Database, status: str
) -> None:
    member = person("acme")
    assert api.get("/v1/templates", headers=member.headers).status_code == 200
    db.rows("update users set status = %s where id = %s", status, member.context.user_id)
    gone = api.get("/v1/templates", headers=member.headers | SAME)
    assert_problem(gone, 401, "unauthenticated")
    stranger = api.get("/v1/templates", headers=SAME | {"Authorization": f"Bearer {member.token}x"})
    assert gone.content == stranger.content
    db.rows("update users set status = 'active'")
    assert api.get("/v1/templates", headers=member.headers).status_code == 200


def test_a_change_of_role_works_at_once(api: TestClient, person: Make, start: Make, db: Database) -> None:
    member, other = person("acme"), person("acme")
    path = f"/v1/assessments/{start(member)['id']}"
    assert api.get(path, headers=other.headers).status_code == 404
    db.rows("update users set role = 'clinician' where id = %s", other.context.user_id)
    assert api.get(path, headers=other.headers).status_code == 200


def test_a_tenants_own_template_is_its_own(api_alone: TestClient, person: Make, db: Database) -> None:
    acme, globex = person("acme"), person("globex")
    document = db.value("select document from templates where slug = 'low-back-pain'") | {"id": "acme-intake"}
    db.rows(
        "insert into templates (id, tenant_id, slug, version, status, content_hash, document)"
        " values (gen_random_uuid(), %s, 'acme-intake', '1.0.0', 'published', 'hash-of-acme', %s)",
        acme.tenant_id, Jsonb(document),
    )  # fmt: skip
    body = {"template_id": "acme-intake"}
    for _ in range(2):  # the second time it is in the process's cache
        assert api_alone.get("/v1/templates/acme-intake", headers=acme.headers).status_code == 200
        foreign = api_alone.get("/v1/templates/acme-intake", headers=globex.headers | SAME)
        unknown = api_alone.get("/v1/templates/no-such-intake", headers=globex.headers | SAME)
        assert_problem(foreign, 404, "not_found")
        assert sent(foreign) == sent(unknown)
        listed = {
            who: [item["id"] for item in api_alone.get("/v1/templates", headers=who.headers).json()["items"]]
            for who in (acme, globex)
        }
        assert "acme-intake" in listed[acme]
        assert "acme-intake" not in listed[globex]
        assert_problem(api_alone.post("/v1/assessments", json=body, headers=globex.headers), 404, "not_found")
    assert api_alone.post("/v1/assessments", json=body, headers=acme.headers).status_code == 201
