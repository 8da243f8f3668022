"""Two tenants, and two people of one tenant: what is not yours is not there."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb
from starlette.testclient import TestClient

from domain.permissions import ALLOWED
from tests.api.problems import assert_problem, everything, nothing_changes, sent
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


# Every operation with an id: method, path, body, which record it is about.
OPERATIONS: list[tuple[str, str, Any, str]] = [
    ("GET", "/v1/assessments/{id}", None, "draft"),
    ("GET", "/v1/assessments/{id}", None, "assessment"),
    ("PATCH", "/v1/assessments/{id}", {"answers": {"nprs_now": 1}}, "draft"),
    ("PATCH", "/v1/assessments/{id}", {"answers": {"nprs_now": 1}}, "assessment"),
    ("PATCH", "/v1/assessments/{id}", {"answers": {"no_such_question": 1}}, "draft"),
    ("POST", "/v1/assessments/{id}/submit", {"answers": {}}, "draft"),
    ("POST", "/v1/assessments/{id}/submit", {"answers": {}}, "assessment"),
    ("POST", "/v1/assessments/{id}/amend", None, "draft"),
    ("POST", "/v1/assessments/{id}/amend", None, "assessment"),
    ("GET", "/v1/assessments/{id}/result", None, "assessment"),
    ("GET", "/v1/assessments/{id}/fhir", None, "assessment"),
    ("GET", "/v1/jobs/{id}", None, "job"),
    ("GET", "/v1/jobs/{id}", None, "running"),
    ("POST", "/v1/jobs/{id}/cancel", None, "running"),
    ("POST", "/v1/jobs/{id}/cancel", None, "job"),
    ("GET", "/v1/programs/{id}", None, "program"),
    ("GET", "/v1/programs/{id}/fhir", None, "program"),
    ("PATCH", "/v1/programs/{id}", {"changes": [{"session": 1, "position": 1, "effort": 1}]}, "program"),
    ("POST", "/v1/programs/{id}/approve", {}, "program"),
    ("POST", "/v1/programs/{id}/reject", {"reason": "not this one"}, "program"),
    ("POST", "/v1/notifications/{id}/read", {}, "notification"),
]


def ask(api: TestClient, who: Person, method: str, path: str, body: Any, record: object, **headers: str) -> Any:
    usual = who.headers | {"If-Match": '"1"', "Idempotency-Key": "k-1", "If-None-Match": "*", "Prefer": "wait=1"}
    return api.request(method, path.format(id=record), json=body, headers=usual | SAME | headers)


@pytest.fixture
def operations(api_alone: TestClient) -> dict[tuple[str, str], str]:
    """Method and path -> operation id, of every operation on a record."""
    paths = api_alone.get("/openapi.json").json()["paths"]
    return {
        (method.upper(), re.sub(r"\w+_id}", "id}", path)): operation["operationId"]
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "_id}" in path and "template_id" not in path
    }


def test_every_operation_with_an_id_is_in_the_list(operations: dict[tuple[str, str], str]) -> None:
    assert set(operations) == {(method, path) for method, path, _, _ in OPERATIONS}


def test_a_foreign_id_and_an_unknown_id_are_answered_alike(
    api: TestClient,
    person: Make,
    records: Make,
    db: Database,
    operations: dict[tuple[str, str], str],
    subtests: pytest.Subtests,
) -> None:
    acme, neighbour = person("acme"), person("acme")
    globex, owner = person("globex"), person("globex", "business_owner")
    theirs = records(acme)
    with nothing_changes(db):
        for method, path, body, name in OPERATIONS:
            foreign, unknown = getattr(theirs, name), uuid4()
            for who in (globex, owner, neighbour):
                with subtests.test(operation=f"{method} {path}", record=name, role=who.context.role):
                    reference = ask(api, who, method, path, body, unknown)
                    allowed = who.context.role in ALLOWED[operations[method, path]]
                    assert_problem(reference, *((404, "not_found") if allowed else (403, "forbidden")))
                    for record in (foreign, unknown, str(foreign).upper(), "no-uuid", "%00", "a" * 300):
                        answer = ask(api, who, method, path, body, record)
                        assert answer.status_code == reference.status_code
                        assert sent(answer) == sent(reference)
    # The owner still has it all.
    for name in ("draft", "assessment", "job", "running", "program"):
        method, path, body = next((m, p, b) for m, p, b, n in OPERATIONS if n == name and m == "GET")
        assert ask(api, acme, method, path, body, getattr(theirs, name)).status_code in (200, 304)


@pytest.mark.parametrize("role", ["clinician", "business_admin", "business_owner"])
def test_care_staff_read_their_tenants_records_and_leave_a_trace(
    api: TestClient, person: Make, records: Make, db: Database, role: str
) -> None:
    member, staff = person("acme"), person("acme", role)
    theirs = records(member)
    db.rows("delete from audit_log")
    for path in (
        f"/v1/assessments/{theirs.assessment}",
        f"/v1/assessments/{theirs.assessment}/result",
        f"/v1/programs/{theirs.program}",
    ):
        assert api.get(path, headers=member.headers).status_code == 200
        assert db.value("select count(*) from audit_log") == 0  # one's own records
        assert api.get(path, headers=staff.headers | SAME).status_code == 200
        [row] = db.rows("delete from audit_log returning *")
        kind = "result" if path.endswith("result") else path.split("/")[2].removesuffix("s")
        assert (row["action"], row["subject_type"]) == (f"{kind}.read", kind)
        assert (row["actor_id"], row["actor_role"]) == (staff.context.user_id, role)
        assert (row["subject_user_id"], row["tenant_id"]) == (member.context.user_id, member.tenant_id)
        assert str(row["subject_id"]) in path
        assert row["request_id"] == SAME["X-Request-ID"]
    # A job is not a health record; care staff see it without a trace.
    assert api.get(f"/v1/jobs/{theirs.job}", headers=staff.headers).status_code == 200
    assert db.value("select count(*) from audit_log") == 0


def test_a_change_by_care_staff_is_recorded_as_theirs_on_the_members_record(
    api: TestClient, person: Make, start: Make, submit: Make, db: Database
) -> None:
    member, clinician = person("acme"), person("acme", "clinician")
    draft = start(member)
    path = f"/v1/assessments/{draft['id']}"
    db.rows("delete from audit_log")
    headers = clinician.headers | {"If-Match": '"1"'}
    saved = api.patch(path, json={"answers": {"nprs_now": 4}}, headers=headers)
    assert saved.status_code == 200
    assert submit(clinician, assessment=saved.json()).status_code == 202
    rows = db.rows("select action, actor_id, subject_user_id from audit_log order by id")
    assert [row["action"] for row in rows] == ["assessment.read", "assessment.saved", "assessment.submitted"]
    assert {row["actor_id"] for row in rows} == {clinician.context.user_id}
    assert {row["subject_user_id"] for row in rows} == {member.context.user_id}
    assert db.value("select user_id from jobs") == member.context.user_id


def test_staff_of_ffp_have_no_way_in(
    api: TestClient, person: Make, records: Make, sign: Callable[..., str], db: Database, subtests: pytest.Subtests
) -> None:
    theirs = records(person("acme"))
    before = everything(db)
    # What is shipped is a content admin's to keep; see test_templates_own.py.
    on_templates: list[tuple[str, str, Any, str]] = [
        ("GET", "/v1/templates", None, "draft"),
        ("POST", "/v1/templates", {"document": {}}, "draft"),
        ("GET", "/v1/templates/low-back-pain", None, "draft"),
        ("GET", "/v1/templates/low-back-pain/versions/1.0.0/fhir", None, "draft"),
        ("POST", "/v1/templates/low-back-pain/versions/1.0.0/retire", None, "draft"),
    ]
    for role in ("operator", "content_admin"):
        db.rows("insert into identity.principals (sub, staff_role) values (%s, %s)", role, role)
        headers = {"Authorization": f"Bearer {sign(role)}", "If-Match": '"1"', "Idempotency-Key": "k-1"}
        for method, path, body, name in [
            *OPERATIONS,
            ("POST", "/v1/assessments", {"template_id": "low-back-pain"}, "draft"),
            *(on_templates if role == "operator" else ()),
        ]:
            with subtests.test(role=role, operation=f"{method} {path}"):
                answer = api.request(method, path.format(id=getattr(theirs, name)), json=body, headers=headers)
                assert_problem(answer, 403, "forbidden")
    assert everything(db) | {"principals": None} == before | {"principals": None}


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
