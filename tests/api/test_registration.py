"""Registering: what it makes, what it never tells, and what a fault at any step leaves behind."""

from collections.abc import Callable
from uuid import uuid4

import jwt
import pytest
from starlette.testclient import TestClient

from infra.local.identities import UserPool, ensure_pool
from tests.api.accounts import (
    CONFIRM_CODE,
    PASSWORD,
    bearer,
    body,
    cognito,
    confirm,
    new_email,
    pool_environment,
    register,
    sign_in,
    use,
    user_in_pool,
)
from tests.api.problems import SECRET, assert_problem, everything, nothing_changes
from tests.conftest import Database, Person

PATH = "/v1/templates"


@pytest.fixture
def pool(db: Database, identity: None, monkeypatch: pytest.MonkeyPatch) -> UserPool:
    """The emulated user pool, which the API is told to use."""
    made = ensure_pool(cognito())
    use(monkeypatch, pool_environment(made))
    return made


def tenants(db: Database) -> list[dict[str, object]]:
    return db.rows(
        """select t.id, t.kind, t.name, u.id as user_id, u.email, u.role, u.display_name, u.parent_business_id, p.sub
           from tenants t join users u on u.tenant_id = t.id
           left join identity.principals p on p.tenant_id = u.tenant_id and p.user_id = u.id"""
    )


@pytest.mark.parametrize(
    ("kind", "business_name", "role", "name"),
    [("individual", None, "individual", "Ana Lima"), ("business", "Harbour Physio", "business_owner", "Harbour Physio")],
)
def test_who_registers_and_confirms_gets_in(
    api_alone: TestClient, pool: UserPool, db: Database, kind: str, business_name: str | None, role: str, name: str
) -> None:
    email = new_email()
    answer = register(api_alone, f"  {email.upper()} ", kind=kind, business_name=business_name)
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "sent"
    [tenant] = tenants(db)
    assert (tenant["kind"], tenant["name"], tenant["email"], tenant["role"]) == (kind, name, email, role)
    assert (tenant["display_name"], tenant["parent_business_id"]) == ("Ana Lima", None)
    user = user_in_pool(pool, email)
    assert user is not None
    assert (user["status"], user["sub"]) == ("UNCONFIRMED", tenant["sub"])
    assert (user["custom:tenantId"], user["custom:role"]) == (str(tenant["id"]), role)
    assert "custom:parentBusinessId" not in user

    assert_problem(sign_in(api_alone, email), 401, "wrong_credentials")
    assert_problem(confirm(api_alone, email, "000000"), 422, "wrong_code")
    assert confirm(api_alone, email).status_code == 204
    session = sign_in(api_alone, email.upper()).json()
    assert api_alone.get(PATH, headers=bearer(session["access_token"])).status_code == 200
    told = jwt.decode(session["id_token"], options={"verify_signature": False})
    assert (told["custom:tenantId"], told["custom:role"]) == (str(tenant["id"]), role)
    [audited] = db.rows("select * from audit_log where tenant_id = %s", tenant["id"])
    assert (audited["action"], audited["subject_user_id"]) == ("tenant.registered", tenant["user_id"])


def test_two_who_register_are_two_tenants(api_alone: TestClient, pool: UserPool, db: Database) -> None:
    emails = [new_email(), new_email()]
    sessions = []
    for email in emails:
        assert register(api_alone, email).status_code == 202
        assert confirm(api_alone, email).status_code == 204
        sessions.append(bearer(sign_in(api_alone, email).json()["access_token"]))
    assert len(tenants(db)) == 2
    started = api_alone.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=sessions[0]).json()
    assert api_alone.get(f"/v1/assessments/{started['id']}", headers=sessions[0]).status_code == 200
    answer = api_alone.get(f"/v1/assessments/{started['id']}", headers=sessions[1])
    assert_problem(answer, 404, "not_found")
