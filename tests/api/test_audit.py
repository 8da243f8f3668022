"""What is on record (A1), found by doing everything there is to do, and who reads it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from api import streams
from domain.audit import AuditFilter
from domain.pages import Window
from domain.permissions import ALLOWED, PUBLIC
from domain.tenancy import CARE_ROLES, PEOPLE
from infra import audit_chain
from infra.database import unit_of_work
from tests.api.operations import Operation
from tests.api.problems import assert_problem, everything
from tests.api.world import World, built, candidates, send
from tests.conftest import Database, Person

Make = Callable[..., Person]

# Changes that leave no row, each with its reason.
UNRECORDED = {
    "read_notification": "one's own inbox",
    "change_preferences": "one's own taste in e-mails",
    "note_video_progress": "one's own place in a video; that it was watched to its end is on record",
}
# Not GET, because it takes a while.
NO_CHANGES = {"lint_template"}
# Answers to care staff that name a member and leave no row.
UNREAD = {
    "get_job": "states and times of work; no answers, no scores",
    "list_audit": "the record of reads is not a health record (docs/audit.md)",
    "list_members": "who belongs to the business, and in which role",
    "follow_job": "the same",
    "list_notifications": "one's own inbox: that there is something to look at",
    "list_invitations": "who was invited",
    "get_invitation": "who was invited",
    "list_imports": "states and counts of files, and which colleague brought them; their rows are on record",
    "follow_import": "the same",
    "list_bulk_actions": "for how many, and which colleague ordered it; for whom it was is on record",
    "get_bulk_action": "the same",
    "follow_bulk_action": "the same",
    "list_views": "filters under a name, and which colleague made them; what they find is on record",
    "get_view": "the same",
    "get_report": "whether a document is ready; its download is on record",
}
# Beyond the colleague who brought the file, these name somebody only by its rows.
SAMPLED = {"get_import"}
# Answers about one member that have no id in them.
NAMELESS = {"draw_member_outcomes": "an image"}
# What a list is of, where it is of no single person.
LISTED = {"tenant", "import", "bulk_action"}
# Reads of oneself that are on record.
OWN = {
    "download_export": "a copy of everything leaves the house",
    "download_report": "a copy of the program does",
}
# What this world cannot bring about, and where it is tested.
ELSEWHERE = {
    "logout": "needs a user pool: test_sessions.py",
    "restart_program": "needs one that was put aside: test_training.py",
    "resume_program": "needs one that a check-in has stopped: test_training.py",
    "pause_bulk_action": "needs one that runs: test_bulk_actions.py",
    "confirm_import": "needs one at its revision: test_imports.py",
    "pause_import": "needs one that runs: test_imports.py",
    "resume_import": "needs one that was paused: test_imports.py",
    "retry_failed_import": "needs one that has run: test_imports.py",
    "undo_import": "needs one that has run: test_imports.py",
}


@pytest.fixture(scope="module")
def world(key_server: str, sign: Callable[..., str]) -> Iterator[World]:
    with built(key_server, sign) as found:
        yield found


def everybody(world: World, operation: Operation) -> Iterator[dict[str, str]]:
    """Whoever may: first those whose records the world's are."""
    order = ("acme member", "acme clinician", "acme business_owner", "acme business_admin", "solo individual")
    for name in order:
        if world.people[name].context.role in ALLOWED[operation.id]:
            yield world.people[name].headers
    for role, headers in world.staff.items():
        if role in ALLOWED[operation.id]:
            yield headers


def successes(world: World, api: TestClient, operation: Operation) -> Iterator[Response]:
    """Try who may, on what there is, at every revision that it may be at."""
    answer = None
    succeeded = False
    for headers in everybody(world, operation):
        for ids in candidates(world, operation, optional=True):
            for revision in ("1", "2", "3"):
                # Another key each time: a refusal may be kept for its key.
                once = {"If-Match": f'"{revision}"', "Idempotency-Key": uuid4().hex}
                answer = send(api, operation, ids, headers | once)
                if answer.is_success:
                    succeeded = True
                    yield answer
                if answer.status_code != 412:
                    break
    if not succeeded:
        assert answer is not None
        pytest.fail(
            f"nobody could: {answer.status_code} {answer.text}. Give its schema an example, or world.py a record"
        )


def newest(db: Database) -> int:
    found: int = db.value("select coalesce(max(id), 0) from audit_log")
    return found


def test_every_change_is_on_record(world: World, subtests: pytest.Subtests) -> None:
    walked = [
        each for each in world.operations
        if each.method != "GET" and each.id not in PUBLIC | ELSEWHERE.keys() and ALLOWED[each.id] & PEOPLE
    ]  # fmt: skip
    assert len(walked) > 20
    with ExitStack() as copies:
        copy = copies.enter_context(world.copy())
        for operation in walked:
            with subtests.test(operation=str(operation), id=operation.id):
                try:
                    change_is_on_record(world, *copy, operation)
                except (AssertionError, pytest.fail.Exception):  # what was done before may be in its way
                    copies.close()
                    copy = copies.enter_context(world.copy())
                    change_is_on_record(world, *copy, operation)


def change_is_on_record(world: World, api: TestClient, db: Database, operation: Operation) -> None:
    before, last = everything(db), newest(db)
    for answer in successes(world, api, operation):
        after = everything(db)
        changed = {name for name in after if after[name] != before[name]}
        rows = db.rows("select * from audit_log where id > %s", last)
        before, last = after, newest(db)
        if changed:
            assert bool(rows) == (operation.id not in UNRECORDED), (answer.status_code, changed, rows)
            assert all(row["request_id"] and row["actor_id"] for row in rows), rows
            return
    assert operation.id in NO_CHANGES, "it has succeeded, and nothing was changed: give world.py a record"


def names_members(operation: Operation, answer: Response) -> bool:
    return operation.id not in UNREAD and (operation.id not in SAMPLED or bool(answer.json()["sample"]))


def test_every_read_of_anothers_record_is_on_record_once(
    world: World, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    """An answer that names a member, or a record of theirs, to somebody who cares for them."""
    monkeypatch.setattr(streams, "_BURST_S", 0.01)
    member = world.people["acme member"]
    people = {person.context.user_id for name, person in world.people.items() if name.startswith("acme ")}
    marks = {*map(str, people), *world.records["assessment_id"], *world.records["program_id"]}
    traced = set()
    with world.copy() as (api, db):
        for operation in world.operations:
            if operation.method != "GET" or operation.id in PUBLIC:
                continue
            for role in sorted(CARE_ROLES & ALLOWED[operation.id]):
                reader = world.people[f"acme {role}"]
                others = marks - {str(reader.context.user_id)}
                for ids in candidates(world, operation, optional=True):
                    before = newest(db)
                    answer = send(api, operation, ids, reader.headers)
                    rows = db.rows("select * from audit_log where id > %s", before)
                    named_there = answer.status_code == 200 and any(mark in answer.text for mark in others)
                    with subtests.test(operation=str(operation), id=operation.id, role=role, ids=str(ids)):
                        of_somebody = answer.status_code == 200 and operation.id in NAMELESS
                        told = (named_there or of_somebody) and names_members(operation, answer)
                        # A list that comes out empty was asked for all the same.
                        kinds = [row["subject_type"] for row in rows]
                        assert len(rows) == told or (len(kinds) == 1 and kinds[0] in LISTED), answer.text
                        for row in rows:
                            traced.add(operation.id)
                            assert row["actor_id"] == reader.context.user_id
                            listed = row["subject_type"] in LISTED
                            assert row["subject_user_id"] in people or listed, row
        # And of oneself: never.
        for operation in world.operations:
            if operation.id in OWN:
                continue
            if operation.method == "GET" and operation.id not in PUBLIC and "member" in ALLOWED[operation.id]:
                before = newest(db)
                for ids in candidates(world, operation):
                    send(api, operation, ids, member.headers)
                assert newest(db) == before, operation
    assert {"get_assessment", "get_result", "get_program", "get_questionnaire_response", "get_care_plan"} <= traced


# --- who reads it ---


def write(db: Database, who: Person, subject: Person, action: str = "assessment.read", **columns: Any) -> None:
    values = {
        "tenant_id": who.tenant_id, "actor_id": who.context.user_id, "actor_role": who.context.role, "action": action,
        "subject_type": action.partition(".")[0], "subject_id": uuid4(), "subject_user_id": subject.context.user_id,
        "request_id": "a-request", **columns,
    }  # fmt: skip
    names = ", ".join(values)
    db.rows(f"insert into audit_log ({names}) values ({', '.join(['%s'] * len(values))})", *values.values())


def pages(api: TestClient, path: str, headers: dict[str, str]) -> list[Any]:
    items, address = [], path
    while address:
        answer = api.get(address, headers=headers)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        assert answer.json()["items"]
        address = answer.links.get("next", {}).get("url")
    return items


def test_the_log_of_a_business_is_its_own_and_newest_first(
    api_alone: TestClient, person: Make, db: Database, subtests: pytest.Subtests
) -> None:
    owner, clinician, member = (person("acme", role) for role in ("business_owner", "clinician", "member"))
    globex = person("globex", "business_owner")
    old = datetime.now(UTC) - timedelta(days=40)
    for number in range(7):
        write(db, clinician, member, at=old + timedelta(days=number))
    write(db, owner, clinician, "settings.changed", request_id="another-request")
    write(db, globex, globex)
    path = "/v1/business/audit"
    items = pages(api_alone, f"{path}?limit=3", owner.headers)
    assert len(items) == 8
    assert [item["at"] for item in items] == sorted((item["at"] for item in items), reverse=True)
    assert items == api_alone.get(path, headers=owner.headers).json()["items"]
    assert items[0]["actor_name"] == owner.email
    assert [item["tenant_id"] for item in items if "tenant_id" in item] == []
    after = (old + timedelta(days=2)).isoformat().replace("+00:00", "Z")
    record = items[3]["subject_id"]
    for query, count in {
        f"actor_id={clinician.context.user_id}": 7,
        f"subject_user_id={clinician.context.user_id}": 1,
        "action=settings.changed": 1,
        "subject_type=assessment": 7,
        f"subject_id={record}": 1,
        "request_id=another-request": 1,
        f"from={after}": 6,
        f"to={after}": 2,
        f"from={after}&to={after}": 0,
        f"actor_id={globex.context.user_id}": 0,
        f"actor_id={uuid4()}": 0,
    }.items():
        with subtests.test(query=query):
            found = api_alone.get(f"{path}?{query}", headers=owner.headers)
            assert len(found.json()["items"]) == count, found.text
    assert len(pages(api_alone, f"{path}?action=assessment.read&limit=2", owner.headers)) == 7
    [theirs] = api_alone.get(path, headers=globex.headers).json()["items"]
    assert theirs["actor_id"] == str(globex.context.user_id)
    cursor = api_alone.get(f"{path}?limit=3", headers=owner.headers).json()["next"]
    assert_problem(api_alone.get(f"{path}?limit=3&cursor={cursor}", headers=globex.headers), 400, "invalid_cursor")
    for nonsense in (
        "action=%00",
        "request_id=%00",
        "from=yesterday",
        "from=2026-01-01T00:00:00",
        "limit=0",
        "actor_id=x",
    ):
        assert_problem(api_alone.get(f"{path}?{nonsense}", headers=owner.headers), 422, "invalid_request")


def test_one_sees_who_looked_at_ones_own_records_and_nobody_elses(
    api_alone: TestClient, person: Make, db: Database
) -> None:
    clinician, member, neighbour = person("acme", "clinician"), person("acme"), person("acme")
    stranger = person("globex")
    write(db, clinician, member)
    write(db, clinician, neighbour)
    write(db, member, member, "assessment.saved")
    write(db, clinician, member, "assessment.scored", actor_id=None, actor_role="worker")
    for who, count in ((member, 1), (neighbour, 1), (clinician, 0), (stranger, 0)):
        items = api_alone.get("/v1/me/audit", headers=who.headers).json()["items"]
        assert len(items) == count
        for item in items:
            assert item["subject_user_id"] == str(who.context.user_id)
            assert (item["actor_id"], item["actor_role"]) == (str(clinician.context.user_id), "clinician")
            assert item["actor_name"] is None  # the directory is not a member's to read


def test_the_policy_says_the_same(person: Make, db: Database) -> None:
    clinician, admin, member = (person("acme", role) for role in ("clinician", "business_admin", "member"))
    globex = person("globex", "business_owner")
    write(db, clinician, member)
    write(db, admin, member, "settings.changed", subject_user_id=None)
    write(db, admin, clinician)
    write(db, globex, globex)
    for who, count in ((member, 1), (clinician, 1), (admin, 3), (globex, 1)):
        with unit_of_work(who.context) as uow:
            assert len(uow.audit_log.page(Window(50), AuditFilter()).items) == count, who.context.role


def test_an_operator_reads_of_every_tenant_and_leaves_a_row_there(
    api_alone: TestClient, person: Make, db: Database, sign: Callable[..., str]
) -> None:
    acme, globex = person("acme", "business_owner"), person("globex", "business_owner")
    for who in (acme, acme, globex):
        write(db, who, who)
    staff = db.value("insert into identity.principals (sub, staff_role) values ('op', 'operator') returning staff_id")
    headers = {"Authorization": f"Bearer {sign('op')}", "X-Request-ID": "operators-request"}

    def read(query: str = "") -> tuple[list[Any], dict[str, Any]]:
        last = newest(db)
        answer = api_alone.get(f"/v1/ops/audit{query}", headers=headers)
        assert answer.status_code == 200, answer.text
        [row] = db.rows("select * from audit_log where id > %s", last)
        assert (row["actor_id"], row["actor_role"], row["action"]) == (staff, "operator", "audit.read")
        assert row["request_id"] == "operators-request"
        return answer.json()["items"], row

    items, row = read()
    assert {item["tenant_id"] for item in items} == {str(acme.tenant_id), str(globex.tenant_id)}
    assert {item["actor_name"] for item in items} == {None}
    assert (row["tenant_id"], row["subject_id"].int) == (None, 0)
    items, row = read(f"?tenant_id={acme.tenant_id}")
    assert len(items) == 2
    assert (row["tenant_id"], row["subject_id"]) == (acme.tenant_id, acme.tenant_id)
    # Its owner sees it.
    assert api_alone.get("/v1/business/audit", headers=acme.headers).json()["items"][0]["actor_role"] == "operator"
    unknown = uuid4()
    items, row = read(f"?tenant_id={unknown}")
    assert (items, row["tenant_id"], row["subject_id"]) == ([], None, unknown)
    assert len(pages(api_alone, f"/v1/ops/audit?limit=1&tenant_id={globex.tenant_id}", headers)) == 1
    audit_chain.seal()
