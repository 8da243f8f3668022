"""One's own profile, and what one agrees to."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from starlette.testclient import TestClient

from infra import seed
from tests.api.problems import assert_problem
from tests.conftest import Database, Person

Make = Callable[..., Any]


def test_a_profile_is_read_and_changed(api_alone: TestClient, person: Make, db: Database) -> None:
    who = person("acme", "clinician")
    found = api_alone.get("/v1/me", headers=who.headers)
    assert found.status_code == 200
    body = found.json()
    assert body["tenant"] == {"id": str(who.tenant_id), "name": "acme", "kind": "business"}
    assert (body["id"], body["email"], body["role"]) == (str(who.context.user_id), who.email, "clinician")
    assert (body["display_name"], body["locale"], body["time_zone"]) == ("", "en", "UTC")
    again = api_alone.get("/v1/me", headers=who.headers | {"If-None-Match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")

    change = {"display_name": "  Robin Ashe ", "time_zone": "Europe/London", "locale": "en-GB"}
    changed = api_alone.patch("/v1/me", json=change, headers=who.headers | {"If-Match": found.headers["etag"]})
    assert changed.status_code == 200, changed.text
    assert changed.json() == body | change | {"display_name": "Robin Ashe"}
    assert changed.headers["etag"] != found.headers["etag"]
    assert api_alone.get("/v1/me", headers=who.headers).json() == changed.json()
    stale = api_alone.patch("/v1/me", json={"locale": "de"}, headers=who.headers | {"If-Match": found.headers["etag"]})
    assert_problem(stale, 412, "stale_revision")
    assert_problem(api_alone.patch("/v1/me", json={"locale": "de"}, headers=who.headers), 428, "revision_required")
    [audited] = db.rows("select * from audit_log where action = 'profile.changed'")
    assert audited["subject_user_id"] == audited["actor_id"] == who.context.user_id


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("display_name", "x" * 101, "invalid_request"),
        ("display_name", "a\nb", "invalid_request"),
        ("locale", "English", "invalid_request"),
        ("time_zone", "Mars/Olympus_Mons", "unknown_time_zone"),
        ("time_zone", "'; drop table users", "invalid_request"),
        ("role", "business_owner", "invalid_request"),
        ("email", "other@acme.example", "invalid_request"),
    ],
)
def test_what_a_profile_does_not_take(
    api_alone: TestClient, person: Make, db: Database, name: str, value: str, code: str
) -> None:
    who = person("acme")
    before = db.rows("select * from users")
    answer = api_alone.patch("/v1/me", json={name: value}, headers=who.headers | {"If-Match": '"1"'})
    assert_problem(answer, 422, code)
    assert db.rows("select * from users") == before


def test_a_change_to_what_is_there_changes_nothing(api_alone: TestClient, person: Make) -> None:
    who = person("acme")
    same = api_alone.patch("/v1/me", json={"locale": "en"}, headers=who.headers | {"If-Match": '"1"'})
    assert (same.status_code, same.headers["etag"]) == (200, '"1"')


def test_nobody_changes_another_person_s_profile_even_by_the_database(person: Make, db: Database) -> None:
    who, neighbour, stranger = person("acme"), person("acme"), person("globex")
    with psycopg.connect(db.app_url, autocommit=True) as connection:
        for other in (neighbour, stranger):
            with connection.transaction():
                context = who.context
                connection.execute(
                    "select app.set_context(%s, %s, %s)", (context.tenant_id, context.user_id, context.role)
                )
                done = connection.execute("update users set display_name = 'x' where id = %s", (other.context.user_id,))
                assert done.rowcount == 0
    assert db.value("select count(*) from users where display_name = 'x'") == 0


# --- consents ---


def consents(api: TestClient, who: Person) -> dict[str, Any]:
    answer = api.get("/v1/me/consents", headers=who.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def say(api: TestClient, who: Person, accepted: bool, document: str = "health_data", version: str = "1.0.0") -> Any:
    body = {"document": document, "version": version, "accepted": accepted}
    return api.post("/v1/me/consents", json=body, headers=who.headers | {"X-Request-ID": "consent-request"})


def test_consents_are_asked_given_and_taken_back(api_alone: TestClient, person: Make, db: Database) -> None:
    who, other = person("acme"), person("globex")
    asked = consents(api_alone, who)
    assert [item["document"] for item in asked["items"]] == ["terms", "privacy", "health_data"]
    assert all(item["text"] and len(item["content_hash"]) == 64 and not item["accepted"] for item in asked["items"])
    assert asked["history"] == []

    given = say(api_alone, who, True)
    assert given.status_code == 201, given.text
    assert say(api_alone, who, True).json() == given.json()  # to say it again is no news
    [item] = [item for item in consents(api_alone, who)["items"] if item["document"] == "health_data"]
    assert item["accepted"]
    assert item["last"] == given.json()
    taken = say(api_alone, who, False).json()
    after = consents(api_alone, who)
    assert not any(item["accepted"] for item in after["items"])
    assert after["history"] == [taken, given.json()]
    rows = db.rows("select * from consents order by at")
    assert [(row["user_id"], row["tenant_id"], row["given"], row["request_id"]) for row in rows] == [
        (who.context.user_id, who.tenant_id, True, "consent-request"),
        (who.context.user_id, who.tenant_id, False, "consent-request"),
    ]
    assert [row["action"] for row in db.rows("select action from audit_log order by id")] == [
        "consent.given", "consent.withdrawn",
    ]  # fmt: skip
    assert consents(api_alone, other)["history"] == []


def test_a_consent_is_to_the_version_in_force(api_alone: TestClient, person: Make, db: Database) -> None:
    who = person("acme")
    assert say(api_alone, who, True).status_code == 201
    db.rows(
        """insert into consent_texts (document, version, content_hash, title, body)
           values ('health_data', '1.10.0', 'hash', 'New', 'New words')"""
    )
    [item] = [item for item in consents(api_alone, who)["items"] if item["document"] == "health_data"]
    assert (item["version"], item["accepted"], item["last"]["version"]) == ("1.10.0", False, "1.0.0")
    assert_problem(say(api_alone, who, True), 409, "consent_text_changed")
    assert_problem(say(api_alone, who, True, version="9.9.9"), 409, "consent_text_changed")
    assert say(api_alone, who, False).status_code == 201  # what was agreed to can be taken back
    assert say(api_alone, who, True, version="1.10.0").json()["accepted"]
    unknown = api_alone.post(
        "/v1/me/consents", json={"document": "other", "version": "1", "accepted": True}, headers=who.headers
    )
    assert_problem(unknown, 422, "invalid_request")


def test_what_was_said_cannot_be_changed_or_said_for_another(person: Make, api_alone: TestClient, db: Database) -> None:
    who, staff = person("acme"), person("acme", "business_owner")
    say(api_alone, who, True)
    with psycopg.connect(db.app_url, autocommit=True) as connection:
        for statement in ("update consents set given = false", "delete from consents"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(
                "select app.set_context(%s, %s, 'business_owner')", (staff.tenant_id, staff.context.user_id)
            )
            connection.execute(
                """insert into consents (tenant_id, id, user_id, document, version, given)
                   values (%s, %s, %s, 'health_data', '1.0.0', true)""",
                (who.tenant_id, uuid4(), who.context.user_id),
            )


def test_a_published_text_never_changes(db: Database) -> None:
    db.rows("update consent_texts set content_hash = 'another' where document = 'privacy'")
    with pytest.raises(ValueError, match=r"privacy 1.0.0 .* raise its version"):
        seed.seed_templates(db.owner_url)


def test_where_consent_is_required_nothing_is_submitted_without(
    api: TestClient, person: Make, start: Make, submit: Make, db: Database
) -> None:
    who, owner, elsewhere = person("acme"), person("acme", "business_owner"), person("globex")
    assert submit(who).status_code == 202  # nobody asks for it yet
    api.patch("/v1/business/settings", json={"require_consent": True}, headers=owner.headers).raise_for_status()
    assert api.get("/v1/business/settings", headers=owner.headers).json()["require_consent"]
    assert submit(elsewhere).status_code == 202  # another tenant's setting

    draft, key = start(who), str(uuid4())
    refused = submit(who, assessment=draft, key=key)
    assert_problem(refused, 409, "consent_required")
    assert refused.json()["errors"] == [
        {"pointer": "/health_data", "code": "1.0.0", "message": "Consent to this version."}
    ]
    # Staff who submit for somebody cannot consent for them.
    say(api, owner, True)
    assert_problem(submit(owner, assessment=draft), 409, "consent_required")
    say(api, who, True)
    assert submit(who, assessment=draft, key=key).status_code == 202
    say(api, who, False)
    assert submit(who, assessment=draft, key=key).headers["Idempotent-Replayed"] == "true"
    assert_problem(submit(who), 409, "consent_required")
