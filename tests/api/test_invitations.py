"""Invitations: made by those who may, known to nobody else, accepted once whatever is cut off in between."""

import contextlib
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest
from starlette.testclient import TestClient

from domain.members import MOST_A_DAY, may_invite
from infra.local.identities import UserPool, ensure_pool
from tests import cluster, mail, processes
from tests.api.accounts import (
    PASSWORD,
    bearer,
    cognito,
    confirm,
    new_email,
    pool_environment,
    register,
    sign_in,
    use,
    user_in_pool,
)
from tests.api.problems import assert_problem, nothing_changes
from tests.conftest import Database, Person
from tests.wire import Side, Wire

Make = Callable[..., Any]
PATH = "/v1/business/invitations"
OTHER_PASSWORD = "another long passphrase"


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch, queues: dict[str, str]) -> Callable[[], int]:
    return lambda: mail.deliver(monkeypatch, queues)


def invite(api: Any, who: Person, *emails: str, role: str = "member", key: str | None = None, **more: Any) -> Any:
    body = {"invitations": [{"email": email, "role": role} | more for email in emails]}
    return api.post(PATH, json=body, headers=who.headers | {"Idempotency-Key": key or str(uuid4())})


def outcomes(answer: Any) -> list[str]:
    assert answer.status_code == 201, answer.text
    return [each["outcome"] for each in answer.json()["results"]]


def tokens(email: str) -> list[str]:
    """From the links in the e-mails to this address, the oldest first."""
    return [token for each in mail.to(email) for token in re.findall(r"/accept\?token=([\w-]+)", each.text)]


def look(api: Any, token: str) -> Any:
    return api.post("/v1/invitations/look", json={"token": token})


def accept(api: Any, token: str, password: str | None = PASSWORD, **more: Any) -> Any:
    body = {"token": token} | ({"password": password} if password else {}) | more
    return api.post("/v1/invitations/accept", json=body)


# --- making them ---


@pytest.mark.parametrize("role", ["business_owner", "business_admin", "clinician", "member"])
def test_who_invites_whom(api: TestClient, person: Make, db: Database, role: str) -> None:
    who = person("acme", role)
    for invited in ("business_admin", "clinician", "member"):
        answer = invite(api, who, new_email(), role=invited)
        if may_invite(role, invited):
            assert outcomes(answer) == ["invited"]
        else:
            assert_problem(answer, 403, "forbidden")
    answer = invite(api, who, new_email(), role="business_owner")
    assert_problem(answer, *((403, "forbidden") if role == "member" else (422, "invalid_request")))
    if role == "clinician":  # one wish that is not allowed, and none of the others is done
        both = [{"email": new_email(), "role": each} for each in ("member", "clinician")]
        with nothing_changes(db):
            headers = who.headers | {"Idempotency-Key": "both"}
            assert_problem(api.post(PATH, json={"invitations": both}, headers=headers), 403, "forbidden")


def test_each_wish_has_its_own_answer_and_nothing_is_said_of_other_tenants(
    api: TestClient, person: Make, db: Database, post: Make
) -> None:
    owner, here = person("acme", "business_owner"), person("acme")
    elsewhere, new, gone = person("globex"), new_email(), person("acme")
    db.rows("update users set status = 'removed' where id = %s", gone.context.user_id)
    answer = invite(api, owner, here.email.upper(), elsewhere.email, new, f" {new.upper()} ", gone.email)
    assert outcomes(answer) == ["already_member", "invited", "invited", "already_invited", "invited"]
    _, theirs, first, again, _ = answer.json()["results"]
    assert set(theirs) == set(first)
    assert (again["email"], again["invitation_id"]) == (new, first["invitation_id"])
    post()
    assert mail.to(here.email) == []
    [letter] = mail.to(new)
    assert letter.subject == "acme invites you to FFP"
    assert f"{owner.email} invites you to join acme on FFP. Your role there: member." in letter.text
    assert db.value("select count(*) from audit_log where action = 'invitation.made'") == 3


def test_a_list_of_a_hundred_goes_out_and_the_same_key_sends_it_once(
    api: TestClient, person: Make, db: Database, post: Make
) -> None:
    owner, crowd = person("acme", "business_owner"), [new_email() for _ in range(100)]
    first = invite(api, owner, *crowd, key="crowd")
    assert outcomes(first) == ["invited"] * 100
    assert db.value("select count(*) from jobs where published_at is null and not held") == 0
    with nothing_changes(db):
        again = invite(api, owner, *crowd, key="crowd")
        assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
        assert_problem(invite(api, owner, *crowd[:5], key="crowd"), 422, "idempotency_key_reused")
        assert_problem(invite(api, owner, *crowd, new_email()), 422, "invalid_request")
        assert_problem(invite(api, owner), 422, "invalid_request")
        assert_problem(api.post(PATH, json={}, headers=owner.headers), 400, "idempotency_key_missing")
    assert post() == 100
    assert all(len(mail.to(email)) == 1 for email in crowd[::25])


def test_nobody_sends_mail_through_us_in_bulk(api: TestClient, person: Make, db: Database) -> None:
    owner = person("acme", "business_owner")
    db.rows(
        """insert into invitations (tenant_id, id, email, role, status, invited_by, expires_at)
           select %s, gen_random_uuid(), i || '@many.example', 'member', 'revoked', %s, now()
           from generate_series(1, %s) i""",
        owner.tenant_id, owner.context.user_id, MOST_A_DAY - 1,
    )  # fmt: skip
    assert outcomes(invite(api, owner, new_email())) == ["invited"]
    answer = invite(api, owner, new_email())
    assert_problem(answer, 429, "too_many_requests")
    assert int(answer.headers["retry-after"]) > 0
    db.rows("update invitations set created_at = now() - interval '25 hours'")
    assert outcomes(invite(api, owner, new_email())) == ["invited"]


@pytest.mark.parametrize(
    "email", ["no address", "a@b", "two@acme.example,three@acme.example", "x@acme.example\nBcc: y"]
)
def test_an_address_is_one(api: TestClient, person: Make, email: str) -> None:
    assert_problem(invite(api, person("acme", "business_owner"), email), 422, "invalid_request")


def test_lists_are_the_tenant_s_own(api: TestClient, person: Make, db: Database) -> None:
    owner, clinician, foreign = (
        person("acme", "business_owner"),
        person("acme", "clinician"),
        person("globex", "business_owner"),
    )
    emails = [new_email() for _ in range(5)]
    made = invite(api, owner, *emails).json()["results"]
    invite(api, owner, "doctor@acme.example", role="clinician")
    db.rows("update invitations set expires_at = now() where email = %s", emails[0])

    def listed(who: Person, **query: Any) -> list[str]:
        answer = api.get(PATH, params=query, headers=who.headers)
        assert answer.status_code == 200, answer.text
        return [each["email"] for each in answer.json()["items"]]

    assert len(listed(clinician)) == 6
    assert listed(foreign) == []
    assert listed(owner, status="expired") == emails[:1]
    assert listed(owner, role="clinician") == ["doctor@acme.example"]
    assert set(listed(owner, status="open", role="member")) == set(emails[1:])
    first = api.get(PATH, params={"limit": 4}, headers=owner.headers).json()
    rest = api.get(PATH, params={"limit": 4, "cursor": first["next"]}, headers=owner.headers).json()
    assert [each["email"] for each in first["items"] + rest["items"]] == listed(owner)
    path = f"{PATH}/{made[0]['invitation_id']}"
    assert api.get(path, headers=clinician.headers).json()["status"] == "expired"
    member = person("acme")
    with nothing_changes(db):
        assert_problem(api.get(path, headers=foreign.headers), 404, "not_found")
        for what in ("resend", "revoke"):
            assert_problem(api.post(f"{path}/{what}", headers=foreign.headers), 404, "not_found")
            assert_problem(api.post(f"{path}/{what}", headers=member.headers), 403, "forbidden")


def test_sending_again_extends_and_is_not_for_ever(api: TestClient, person: Make, db: Database, post: Make) -> None:
    owner, clinician, email = person("acme", "business_owner"), person("acme", "clinician"), new_email()
    [made] = invite(api, owner, email, role="clinician").json()["results"]
    path = f"{PATH}/{made['invitation_id']}"
    assert_problem(api.post(f"{path}/resend", headers=clinician.headers), 403, "forbidden")  # not theirs to invite
    db.rows("update invitations set expires_at = now() - interval '1 day'")
    again = api.post(f"{path}/resend", headers=owner.headers)
    assert (again.status_code, again.json()["status"]) == (200, "open")
    post()
    first, second = tokens(email)
    assert first != second
    assert (look(api, first).status_code, look(api, second).status_code) == (200, 200)
    assert api.post(f"{path}/resend", headers=owner.headers).status_code == 200
    often = api.post(f"{path}/resend", headers=owner.headers)
    assert_problem(often, 429, "too_many_requests")
    revoked = api.post(f"{path}/revoke", headers=owner.headers)
    assert revoked.json()["status"] == "revoked"
    with nothing_changes(db):
        assert api.post(f"{path}/revoke", headers=owner.headers).json() == revoked.json()
    assert_problem(look(api, first), 410, "invitation_not_open")
    assert post() == 1  # what was queued before is not sent any more
    assert len(mail.to(email)) == 2
    assert outcomes(invite(api, owner, email)) == ["invited"]


def test_a_business_chooses_how_long_they_work(api: TestClient, person: Make, db: Database) -> None:
    owner = person("acme", "business_owner")
    lasts = "select extract(day from expires_at - created_at)::int from invitations where email = %s"
    first, second = new_email(), new_email()
    invite(api, owner, first)
    path = "/v1/business/settings"
    assert api.patch(path, json={"invitation_days": 3}, headers=owner.headers).json()["invitation_days"] == 3
    invite(api, owner, second)
    assert (db.value(lasts, first), db.value(lasts, second)) == (14, 3)
    for days in (0, 61, "3", True):
        assert_problem(api.patch(path, json={"invitation_days": days}, headers=owner.headers), 422, "invalid_request")


def test_an_expired_one_makes_room_for_another(api: TestClient, person: Make, db: Database, post: Make) -> None:
    owner, email = person("acme", "business_owner"), new_email()
    invite(api, owner, email)
    post()
    [old] = tokens(email)
    db.rows("update invitations set expires_at = now() - interval '1 minute'")
    assert_problem(look(api, old), 410, "invitation_not_open")
    assert outcomes(invite(api, owner, email)) == ["invited"]
    assert sorted(row["status"] for row in db.rows("select status from invitations")) == ["expired", "open"]
    assert_problem(look(api, old), 410, "invitation_not_open")


def test_what_somebody_who_goes_has_still_open_does_not_work_any_more(
    api: TestClient, person: Make, db: Database
) -> None:
    owner, admin, other = (
        person("acme", "business_owner"),
        person("acme", "business_admin"),
        person("acme", "clinician"),
    )
    invite(api, admin, new_email(), role="business_admin")
    invite(api, other, new_email())
    path = f"/v1/business/members/{admin.context.user_id}/remove"
    assert api.post(path, headers=owner.headers | {"If-Match": '"1"'}).status_code == 200
    rows = db.rows("select invited_by, status from invitations")
    assert {row["invited_by"]: row["status"] for row in rows} == {
        admin.context.user_id: "revoked",
        other.context.user_id: "open",
    }


def test_a_token_is_in_its_e_mail_and_nowhere_else(api: TestClient, person: Make, db: Database, post: Make) -> None:
    owner, email = person("acme", "business_owner"), new_email()
    answer = invite(api, owner, email)
    post()
    [token] = tokens(email)
    assert len(token) == 43
    assert token not in answer.text
    tables = db.rows("select schemaname, tablename from pg_tables where schemaname in ('public', 'identity')")
    for each in tables:
        assert token not in str(db.rows(f"select t::text from {each['schemaname']}.{each['tablename']} t"))
    assert not db.value("select has_table_privilege('ffp_app', 'identity.invitation_tokens', 'select')")


def test_what_is_no_token_opens_nothing(api: TestClient) -> None:
    for token in ("x" * 43, str(uuid4()), "A" * 200):
        assert_problem(look(api, token), 410, "invitation_not_open")
        assert_problem(accept(api, token), 410, "invitation_not_open")
    for token in ("short", "with space " * 4, "x" * 201, "é" * 43):
        assert_problem(look(api, token), 422, "invalid_request")


# --- accepting them ---


@pytest.fixture
def pool(db: Database, identity: None, monkeypatch: pytest.MonkeyPatch, queues: dict[str, str]) -> UserPool:
    made = ensure_pool(cognito())
    use(monkeypatch, pool_environment(made))
    return made


@pytest.fixture
def token_for(
    db: Database, pool: UserPool, post: Make, person: Make, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Somebody of the tenant invites this address; the token of the e-mail. The emulated pool signs only its own users'
    tokens, so whoever invites does so by the service.
    """
    from datetime import UTC, datetime

    from domain.members import Wanted
    from domain.services import invitations
    from infra.database import unit_of_work
    from infra.ids import new_id

    def make(tenant: str, email: str, role: str = "member", name: str = "") -> str:
        owner = person(tenant, "business_owner")
        with unit_of_work(owner.context) as uow:
            wanted = [Wanted(email, role, name)]  # type: ignore[arg-type]
            invitations.invite(uow, wanted, str(uuid4()), "h", datetime.now(UTC), new_id)
        post()
        return tokens(email)[-1]

    return make


def members_of(db: Database, email: str) -> list[dict[str, Any]]:
    return db.rows(
        """select t.slug, u.id, u.role, u.status, u.display_name, u.parent_business_id, p.sub from users u
           join tenants t on t.id = u.tenant_id
           left join identity.principals p on p.tenant_id = u.tenant_id and p.user_id = u.id
           where u.email = %s order by t.slug""",
        email,
    )


def enters(api: Any, email: str, password: str = PASSWORD) -> bool:
    signed = sign_in(api, email, password)
    if signed.status_code != 200:
        return False
    answer = api.get("/v1/notifications", headers=bearer(signed.json()["access_token"]))
    return bool(answer.status_code == 200)


def test_who_accepts_is_a_member_and_signs_in(api: TestClient, db: Database, pool: UserPool, token_for: Make) -> None:
    email = new_email()
    token = token_for("acme", email, "clinician", name="Ana")
    seen = look(api, token)
    assert seen.json() | {"expires_at": ""} == {
        "business": "acme", "email": email, "name": "Ana", "role": "clinician", "status": "open", "expires_at": "",
    }  # fmt: skip
    assert_problem(accept(api, token, None), 422, "weak_password")
    assert_problem(accept(api, token, "short"), 422, "weak_password", "/password")
    assert not members_of(db, email)
    assert user_in_pool(pool, email) is None
    answer = accept(api, token, name="Ana Lima")
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    [member] = members_of(db, email)
    assert (member["slug"], member["role"], member["status"], member["display_name"]) == (
        "acme", "clinician", "active", "Ana Lima",
    )  # fmt: skip
    inviter = db.value("select id from users where role = 'business_owner'")
    assert member["parent_business_id"] == inviter
    user = user_in_pool(pool, email)
    assert user is not None
    assert (user["status"], user["sub"], user["email_verified"]) == ("CONFIRMED", member["sub"], "true")
    assert (user["custom:role"], user["custom:parentBusinessId"]) == ("clinician", str(inviter))
    assert enters(api, email)
    [row] = db.rows("select * from audit_log where action = 'invitation.accepted'")
    assert (row["actor_id"], row["actor_role"], row["subject_user_id"]) == (member["id"], "clinician", member["id"])


def test_a_token_works_once_and_says_the_same_again(
    api: TestClient, db: Database, pool: UserPool, token_for: Make
) -> None:
    email = new_email()
    token = token_for("acme", email)
    first = accept(api, token)
    with nothing_changes(db):
        again = accept(api, token, OTHER_PASSWORD, name="Somebody else")
    assert (again.status_code, again.json()) == (200, first.json())
    assert look(api, token).json()["status"] == "accepted"
    assert enters(api, email)
    assert not enters(api, email, OTHER_PASSWORD)
    db.rows("update users set status = 'removed' where email = %s", email)
    assert accept(api, token).status_code == 200  # says what was, and lets nobody in
    assert not enters(api, email)


@pytest.mark.parametrize("attempts", [2, 5])
def test_several_who_accept_at_once_are_one_member(
    api: TestClient, db: Database, pool: UserPool, token_for: Make, attempts: int
) -> None:
    email = new_email()
    token = token_for("acme", email)
    with ThreadPoolExecutor(attempts) as runners:
        answers = list(runners.map(lambda _: accept(api, token), range(attempts)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert 200 in {answer.status_code for answer in answers}
    assert len(members_of(db, email)) == 1
    assert enters(api, email)


def test_who_has_a_login_elsewhere_is_told_so_with_the_token_only(
    api: TestClient, db: Database, pool: UserPool, token_for: Make
) -> None:
    email = new_email()
    register(api, email)
    confirm(api, email)
    token = token_for("acme", email)
    assert look(api, token).status_code == 200
    with nothing_changes(db):
        assert_problem(accept(api, token, OTHER_PASSWORD), 409, "already_has_account")
    assert enters(api, email)
    assert not enters(api, email, OTHER_PASSWORD)


def test_who_has_left_one_business_may_join_another_and_come_back(
    api: TestClient, db: Database, pool: UserPool, token_for: Make
) -> None:
    email = new_email()
    assert accept(api, token_for("acme", email)).status_code == 200
    [before] = members_of(db, email)
    second = token_for("globex", email)
    assert_problem(accept(api, second), 409, "already_has_account")
    signed = sign_in(api, email).json()["access_token"]
    assert api.post("/v1/me/leave", headers=bearer(signed)).status_code == 204
    assert not enters(api, email)
    assert_problem(accept(api, second, None), 422, "weak_password")
    assert accept(api, second, OTHER_PASSWORD).status_code == 200
    assert enters(api, email, OTHER_PASSWORD)
    assert [(row["slug"], row["status"]) for row in members_of(db, email)] == [
        ("acme", "removed"),
        ("globex", "active"),
    ]
    db.rows("update users set status = 'removed' where email = %s", email)
    assert accept(api, token_for("acme", email, "clinician"), PASSWORD).status_code == 200
    rows = db.rows(
        """select u.id, u.role from users u join tenants t on t.id = u.tenant_id
           where u.email = %s and u.status = 'active'""",
        email,
    )
    assert rows == [{"id": before["id"], "role": "clinician"}]  # the same person, with all that was kept of them
    assert enters(api, email)


def test_who_was_removed_comes_back_with_the_password_they_have(
    api: TestClient, db: Database, pool: UserPool, token_for: Make
) -> None:
    email = new_email()
    assert accept(api, token_for("acme", email)).status_code == 200
    assert api.post("/v1/me/leave", headers=bearer(sign_in(api, email).json()["access_token"])).status_code == 204
    assert accept(api, token_for("acme", email), None).status_code == 200
    assert enters(api, email)


def test_a_suspended_member_does_not_come_back_by_an_old_invitation(
    api: TestClient, db: Database, pool: UserPool, token_for: Make
) -> None:
    email = new_email()
    assert accept(api, token_for("acme", email)).status_code == 200
    db.rows("update invitations set status = 'open', expires_at = now() + interval '1 day'")
    db.rows("update users set status = 'suspended' where email = %s", email)
    assert_problem(accept(api, tokens(email)[0]), 410, "invitation_not_open")
    assert members_of(db, email)[0]["status"] == "suspended"


def test_an_address_that_somebody_else_registered_and_never_proved_is_its_owner_s(
    api: TestClient, db: Database, pool: UserPool, token_for: Make
) -> None:
    """Whoever registered knows a password; whoever accepts has had the e-mail."""
    email = new_email()
    assert register(api, email, password=OTHER_PASSWORD, kind="business", business_name="Mine").status_code == 202
    assert accept(api, token_for("acme", email)).status_code == 200
    assert enters(api, email)
    assert not enters(api, email, OTHER_PASSWORD)


STEPS = ("AdminGetUser", "AdminCreateUser", "AdminSetUserPassword", "app.find_invitation", "app.accept_invitation")
SAMPLE = {("AdminCreateUser", "after"), ("AdminSetUserPassword", "before"), ("app.accept_invitation", "after")}


@pytest.mark.parametrize(
    ("step", "side"),
    [
        pytest.param(step, side, marks=() if (step, side) in SAMPLE else pytest.mark.long)
        for step in STEPS
        for side in ("before", "after")
    ],
)
def test_an_acceptance_that_is_cut_off_anywhere_is_completed_by_the_next(
    tmp_path: Path, db: Database, pool: UserPool, api: TestClient, token_for: Make, step: str, side: Side
) -> None:
    email = new_email()
    token = token_for("acme", email)
    endpoint = urlsplit(cluster.emulator().url)
    address = db.app_url.rpartition("@")[2].partition("/")[0]
    host, _, port = address.partition(":")
    with Wire(endpoint.hostname or "", endpoint.port or 0) as aws, Wire(host, int(port)) as database:
        environment = pool_environment(pool, f"http://127.0.0.1:{aws.port}") | {
            "FFP_DATABASE_URL": db.app_url.replace(address, f"127.0.0.1:{database.port}") + "?sslmode=disable"
        }
        with processes.api(tmp_path, **environment) as (victim, client):
            wire = database if step.startswith("app.") else aws
            hold = wire.hold(step.encode(), side)

            def send() -> None:
                with contextlib.suppress(httpx2.TransportError):
                    accept(client, token)

            sender = threading.Thread(target=send)
            sender.start()
            assert hold.reached.wait(200), victim.said()
            victim.kill()
            wire.cut()
            hold.release()
            sender.join(20)
    retry = accept(api, token, name="Ana")
    assert (retry.status_code, retry.json()["status"]) == (200, "accepted")
    assert len(members_of(db, email)) == 1
    assert enters(api, email)
    assert db.value("select count(*) from audit_log where action = 'invitation.accepted'") == 1
