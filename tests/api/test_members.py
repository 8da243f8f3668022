"""Members of a business: who sees them, who may change whom, and that there always is an owner."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from starlette.testclient import TestClient

from domain.errors import DomainError, Forbidden, LastOwner
from domain.services import members
from domain.tenancy import CARE_ROLES, OWNING_ROLES, Context, worker_context
from infra.database import unit_of_work
from tests import mail
from tests.api.problems import assert_problem, nothing_changes
from tests.conftest import Database, Person

Make = Callable[..., Any]
ROLES = ("business_owner", "business_admin", "clinician", "member")


@pytest.fixture
def crew(person: Make) -> dict[str, Person]:
    """One of each role at acme."""
    return {role: person("acme", role) for role in ROLES}


def _id(who: Person) -> UUID:
    assert who.context.user_id is not None
    return who.context.user_id


def revision(api: TestClient, who: Person, of: Person) -> str:
    answer = api.get(f"/v1/business/members/{of.context.user_id}", headers=who.headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["ETag"] == f'"{answer.json()["revision"]}"'
    return str(answer.headers["ETag"])


def act(api: TestClient, who: Person, of: Person, what: str, tag: str = '"1"') -> Any:
    path = f"/v1/business/members/{of.context.user_id}/{what}"
    return api.post(path, headers=who.headers | {"If-Match": tag})


def assign(api: TestClient, who: Person, of: Person, role: str, tag: str = '"1"') -> Any:
    path = f"/v1/business/members/{of.context.user_id}"
    return api.patch(path, json={"role": role}, headers=who.headers | {"If-Match": tag})


def actions(db: Database) -> list[tuple[str, Any, Any]]:
    rows = db.rows("select action, actor_id, subject_user_id from audit_log order by id")
    return [(row["action"], row["actor_id"], row["subject_user_id"]) for row in rows]


def test_those_who_care_see_everybody_and_members_nobody(
    api: TestClient, person: Make, crew: dict[str, Person], db: Database
) -> None:
    stranger = person("globex", "business_owner")
    for role, who in crew.items():
        answer = api.get("/v1/business/members", headers=who.headers)
        if role in CARE_ROLES:
            assert [each["email"] for each in answer.json()["items"]] == [each.email for each in crew.values()]
        else:
            assert_problem(answer, 403, "forbidden")
    assert [each["role"] for each in api.get("/v1/business/members", headers=stranger.headers).json()["items"]] == [
        "business_owner"
    ]
    for each in crew.values():
        path = f"/v1/business/members/{each.context.user_id}"
        foreign = api.get(path, headers=stranger.headers)
        unknown = api.get("/v1/business/members/019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a10", headers=stranger.headers)
        assert (foreign.status_code, unknown.status_code) == (404, 404)
        assert foreign.json() | {"instance": "", "request_id": ""} == unknown.json() | {
            "instance": "",
            "request_id": "",
        }
    member, owner = crew["member"], crew["business_owner"]
    tag = revision(api, owner, member)
    known = owner.headers | {"If-None-Match": tag}
    assert api.get(f"/v1/business/members/{member.context.user_id}", headers=known).status_code == 304
    assert ("user.read", owner.context.user_id, member.context.user_id) in actions(db)


def test_a_list_is_filtered_searched_and_read_in_parts(api: TestClient, person: Make, db: Database) -> None:
    owner = person("acme", "business_owner")
    crowd = [person("acme") for _ in range(7)]
    db.rows("update users set display_name = 'Ana 100%%_Lima' where id = %s", crowd[3].context.user_id)
    db.rows("update users set status = 'suspended' where id = %s", crowd[4].context.user_id)

    def found(**query: Any) -> list[str]:
        answer = api.get("/v1/business/members", params=query, headers=owner.headers)
        assert answer.status_code == 200, answer.text
        return [each["email"] for each in answer.json()["items"]]

    assert len(found()) == 8
    assert found(role="business_owner") == [owner.email]
    assert found(status="suspended") == [crowd[4].email]
    assert found(search="lima") == found(search="100%_") == [crowd[3].email]
    assert found(search="%") == [crowd[3].email]
    assert found(search=crowd[5].email.upper()[:14]) == [crowd[5].email]
    first = api.get("/v1/business/members", params={"limit": 5}, headers=owner.headers).json()
    rest = api.get("/v1/business/members", params={"limit": 5, "cursor": first["next"]}, headers=owner.headers).json()
    assert [each["email"] for each in first["items"] + rest["items"]] == found()
    assert rest["next"] is None
    foreign = person("globex", "business_owner")
    wrong = api.get("/v1/business/members", params={"limit": 5, "cursor": first["next"]}, headers=foreign.headers)
    assert_problem(wrong, 400, "invalid_cursor")


# Who may give whom which role: rows are who acts, on a person of each role.
@pytest.mark.parametrize("actor", ROLES)
@pytest.mark.parametrize("of", ROLES)
@pytest.mark.parametrize("to", ["business_admin", "clinician", "member"])
def test_who_may_change_whose_role(api: TestClient, person: Make, db: Database, actor: str, of: str, to: str) -> None:
    who, subject = person("acme", actor), person("acme", of)
    person("acme", "business_owner")  # so that no owner is the last
    answer = assign(api, who, subject, to)
    allowed = actor == "business_owner" or (actor == "business_admin" and of != "business_owner")
    if allowed:
        assert (answer.status_code, answer.json()["role"]) == (200, to)
        assert db.value("select role from users where id = %s", subject.context.user_id) == to
    else:
        assert_problem(answer, 403, "forbidden")
        assert db.value("select role from users where id = %s", subject.context.user_id) == of


@pytest.mark.parametrize("role", ROLES)
def test_nobody_promotes_or_restores_themselves(api: TestClient, person: Make, db: Database, role: str) -> None:
    me = person("acme", role)
    person("acme", "business_owner")
    assert_problem(act(api, me, me, "suspend"), 403, "forbidden")
    code = "invalid_request" if role in OWNING_ROLES else "forbidden"
    assert_problem(assign(api, me, me, "business_owner"), 422 if role in OWNING_ROLES else 403, code)
    for to in ("clinician", "member", "business_admin"):
        answer = assign(api, me, me, to)
        if (role, to) == ("business_owner", "business_admin"):  # stepping down, where there is another
            assert answer.status_code == 200
            return
        if role != to or role not in OWNING_ROLES:
            assert_problem(answer, 403, "forbidden")


def test_a_suspension_holds_at_once_and_ends(
    api: TestClient, crew: dict[str, Person], db: Database, person: Make
) -> None:
    owner, member = crew["business_owner"], crew["member"]
    assert api.get("/v1/notifications", headers=member.headers).status_code == 200
    suspended = act(api, owner, member, "suspend")
    assert (suspended.status_code, suspended.json()["status"]) == (200, "suspended")
    assert_problem(api.get("/v1/notifications", headers=member.headers), 401, "unauthenticated")
    assert_problem(act(api, owner, member, "reactivate", '"1"'), 412, "stale_revision")
    back = act(api, owner, member, "reactivate", suspended.headers["ETag"])
    assert back.json()["status"] == "active"
    with nothing_changes(db):
        assert act(api, owner, member, "reactivate", back.headers["ETag"]).json() == back.json()
    assert api.get("/v1/notifications", headers=member.headers).status_code == 200
    foreign = person("globex", "business_owner")
    with nothing_changes(db):
        for what in ("suspend", "reactivate", "remove"):
            assert_problem(act(api, foreign, member, what), 404, "not_found")
        assert_problem(assign(api, foreign, member, "clinician"), 404, "not_found")
    did = [each for each in actions(db) if each[0] in {"user.suspended", "user.reactivated"}]
    assert did == [
        (action, owner.context.user_id, member.context.user_id) for action in ("user.suspended", "user.reactivated")
    ]


def test_who_is_removed_sees_nothing_and_their_records_stay(
    api: TestClient, crew: dict[str, Person], db: Database, submit: Make, work: Make, queues: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    admin, member = crew["business_admin"], crew["member"]
    submit(member)
    work()
    before = db.value("select count(*) from programs")
    removed = act(api, admin, member, "remove")
    assert (removed.status_code, removed.json()["status"]) == (200, "removed")
    assert_problem(api.get("/v1/programs", headers=member.headers), 401, "unauthenticated")
    [program] = api.get("/v1/programs", headers=admin.headers).json()["items"]
    assert program["user_id"] == str(member.context.user_id)
    assert db.value("select count(*) from programs") == before
    mail.deliver(monkeypatch, queues)
    assert [each.subject for each in mail.to(member.email)] == ["You are not a member of acme any more"]
    for again in (
        act(api, admin, member, "reactivate", removed.headers["ETag"]),
        assign(api, admin, member, "clinician", removed.headers["ETag"]),
    ):
        assert_problem(again, 409, "membership_ended")


def test_a_new_role_holds_from_the_next_request_and_is_told(
    api: TestClient, crew: dict[str, Person], queues: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, member = crew["business_owner"], crew["member"]
    assert_problem(api.get("/v1/business/members", headers=member.headers), 403, "forbidden")
    assert assign(api, owner, member, "clinician", revision(api, owner, member)).status_code == 200
    assert api.get("/v1/business/members", headers=member.headers).status_code == 200
    mail.deliver(monkeypatch, queues)
    [told] = mail.to(member.email)
    assert "Your role at acme is now clinician." in told.text
    path = f"/v1/business/members/{member.context.user_id}"
    assert_problem(api.patch(path, json={"role": "member"}, headers=owner.headers), 428, "revision_required")
    assert_problem(assign(api, owner, member, "member", '"1"'), 412, "stale_revision")


def test_an_ownership_passes_on_in_one_step(api: TestClient, crew: dict[str, Person], db: Database) -> None:
    owner, admin, clinician, _ = (crew[role] for role in ROLES)

    def transfer(who: Person, to: Person, tag: str = '"1"') -> Any:
        body = {"user_id": str(to.context.user_id)}
        return api.post("/v1/business/transfer", json=body, headers=who.headers | {"If-Match": tag})

    assert_problem(transfer(admin, admin), 403, "forbidden")
    with nothing_changes(db):
        assert transfer(owner, owner).json()["role"] == "business_owner"
        assert_problem(transfer(owner, clinician, '"9"'), 412, "stale_revision")
    assert transfer(owner, clinician).json()["role"] == "business_owner"
    rows = db.rows("select role, count(*) as n from users group by role")
    assert {row["role"]: row["n"] for row in rows} == {"business_owner": 1, "business_admin": 2, "member": 1}
    assert_problem(transfer(owner, admin), 403, "forbidden")  # an administrator now
    done = [each[0] for each in actions(db) if each[0] in {"ownership.transferred", "user.role_changed"}]
    assert done == ["ownership.transferred", "user.role_changed"]
    assert act(api, clinician, admin, "suspend").status_code == 200
    assert_problem(transfer(clinician, admin, '"2"'), 409, "membership_ended")


def test_the_last_owner_cannot_go_by_any_way(api: TestClient, crew: dict[str, Person], db: Database) -> None:
    owner, admin = crew["business_owner"], crew["business_admin"]
    with nothing_changes(db):
        assert_problem(api.post("/v1/me/leave", headers=owner.headers), 409, "last_owner")
        assert_problem(act(api, owner, owner, "remove"), 409, "last_owner")
        assert_problem(act(api, owner, owner, "suspend"), 403, "forbidden")
        assert_problem(assign(api, owner, owner, "business_admin"), 409, "last_owner")
        assert_problem(act(api, admin, owner, "remove"), 403, "forbidden")
    for role in ("business_admin", "clinician", "member"):
        assert api.post("/v1/me/leave", headers=crew[role].headers).status_code == 204
        assert_problem(api.post("/v1/me/leave", headers=crew[role].headers), 401, "unauthenticated")
    assert db.value("select count(*) from users where status = 'active'") == 1
    assert [each for each in actions(db) if each[0] == "user.left"] == [
        ("user.left", crew[role].context.user_id, crew[role].context.user_id)
        for role in ("business_admin", "clinician", "member")
    ]


def test_two_owners_who_leave_at_once_leave_one(db: Database, person: Make) -> None:
    for _ in range(5):
        owners = [person("acme", "business_owner") for _ in range(2)]

        def go(who: Person) -> str:
            try:
                with unit_of_work(who.context) as uow:
                    members.leave(uow)
            except LastOwner:
                return "stays"
            return "left"

        with ThreadPoolExecutor(2) as runners:
            assert sorted(runners.map(go, owners)) == ["left", "stays"]
        db.rows("alter table users disable trigger user")
        db.rows("update users set status = 'removed'")
        db.rows("alter table users enable trigger user")


def test_an_owner_passes_the_ownership_to_one_of_two_at_once(db: Database, person: Make) -> None:
    owner, first, second = person("acme", "business_owner"), person("acme"), person("acme")

    def give(to: Person) -> str:
        try:
            with unit_of_work(owner.context) as uow:
                members.transfer(uow, _id(to), 1)
        except Forbidden:
            return "too late"
        return "given"

    with ThreadPoolExecutor(2) as runners:
        assert sorted(runners.map(give, [first, second])) == ["given", "too late"]
    assert db.value("select count(*) from users where role = 'business_owner'") == 1


class Business(RuleBasedStateMachine):
    """Whatever people do to each other, in whatever order: there is an owner, and nobody rose by their own hand."""

    everybody = Bundle("everybody")

    def __init__(self, seen: psycopg.Connection[Any]) -> None:
        super().__init__()
        self._seen, self._tenant = seen, uuid4()
        seen.execute("insert into tenants (id, slug, name, kind) values (%s, %s, '', 'business')", [self._tenant] * 2)
        self._owner = self._joined("business_owner")

    def _joined(self, role: str) -> UUID:
        made = uuid4()
        self._seen.execute(
            "insert into users (tenant_id, id, email, role) values (%s, %s, %s, %s)", (self._tenant, made, made, role)
        )
        return made

    def _as(self, who: UUID) -> Context | None:
        role, status, _ = self._row(who)
        return Context(self._tenant, who, role) if status == "active" else None

    @initialize(target=everybody)
    def found(self) -> UUID:
        return self._owner

    @rule(target=everybody, role=st.sampled_from(ROLES))
    def join(self, role: str) -> UUID:
        return self._joined(role)

    @rule(who=everybody, of=everybody, role=st.sampled_from(["business_admin", "clinician", "member"]))
    def assign(self, who: UUID, of: UUID, role: Any) -> None:
        before = self._role(who)
        self._try(who, lambda uow: members.change_role(uow, of, self._revision(of), role))
        if who == of and self._role(who) != before:
            assert (before, self._role(who)) == ("business_owner", "business_admin")

    @rule(who=everybody, of=everybody, what=st.sampled_from(["suspend", "reactivate", "remove", "transfer"]))
    def act(self, who: UUID, of: UUID, what: str) -> None:
        owned = self._role(of) == "business_owner" and self._as(of) is not None
        self._try(who, lambda uow: getattr(members, what)(uow, of, self._revision(of)))
        if owned and self._as(of) is None:
            assert who == of or self._role(who) == "business_owner"

    @rule(who=everybody)
    def leave(self, who: UUID) -> None:
        self._try(who, members.leave)

    @rule(of=everybody)
    def erase(self, of: UUID) -> None:
        """As the worker that erases does: even that leaves an owner, as long as anybody is here."""
        with suppress(LastOwner), unit_of_work(worker_context(self._tenant)) as uow:
            uow.members.change(of, self._revision(of), "user.removed", status="removed")

    @invariant()
    def somebody_owns_it(self) -> None:
        owners = "select count(*) from users where tenant_id = %s and role = 'business_owner' and status = 'active'"
        [(count,)] = self._seen.execute(owners, (self._tenant,)).fetchall()
        assert count >= 1

    def _try(self, who: UUID, what: Callable[[Any], object]) -> None:
        context = self._as(who)
        if context is None or context.role not in OWNING_ROLES:
            return  # the API asks membership and the table of permissions first
        with suppress(DomainError), unit_of_work(context) as uow:
            what(uow)

    def _row(self, who: UUID) -> tuple[str, str, int]:
        query = "select role, status, revision from users where id = %s"
        [(role, status, revision)] = self._seen.execute(query, (who,)).fetchall()
        return role, status, revision

    def _role(self, who: UUID) -> str:
        return self._row(who)[0]

    def _revision(self, who: UUID) -> int:
        return self._row(who)[2]


def test_a_business_always_has_an_owner(db: Database) -> None:
    with psycopg.connect(db.superuser_url, autocommit=True) as seen:
        run_state_machine_as_test(
            lambda: Business(seen),  # type: ignore[arg-type]  # whatever makes one will do
            settings=settings(
                max_examples=8, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
