"""People who register themselves: the emulated user pool, and the steps of a client."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Response

from infra.local import clients
from infra.local.emulator import ACCESS_KEY, REGION, SECRET_KEY
from infra.local.identities import UserPool
from tests import cluster
from tests.conftest import forget

PASSWORD = "a good long passphrase"
# The emulator sends these to everybody.
CONFIRM_CODE, RESET_CODE = "123456", "654321"


@cache
def cognito() -> Any:
    """One client for all: to make one takes longer than most tests."""
    return clients.cognito(cluster.emulator().url)


def pool_environment(pool: UserPool, endpoint: str | None = None) -> dict[str, str]:
    return {
        "FFP_COGNITO_ENDPOINT_URL": endpoint or cluster.emulator().url,
        "FFP_COGNITO_DOMAIN_URL": cluster.emulator().url,
        "FFP_COGNITO_ISSUER": f"https://cognito-idp.{REGION}.amazonaws.com/{pool.pool_id}",
        "FFP_COGNITO_USER_POOL_ID": pool.pool_id,
        "FFP_COGNITO_CLIENT_ID": pool.client_id,
        "FFP_COGNITO_REGISTRATION_CLIENT_ID": pool.registration_client_id,
        "FFP_EVEN_ANSWER_S": "0.001",
        "FFP_AUTH_QUOTAS": " ".join(
            f"{kind}=1000/1000/60"
            for kind in ("login", "register", "confirm", "resend", "forgot", "reset", "refresh", "invitation")
        ),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }


def use(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    forget()


def new_email(tenant: str = "solo") -> str:
    return f"p{uuid4().hex[:12]}@{tenant}.example"


def body(email: str, **changes: Any) -> dict[str, Any]:
    return {"email": email, "password": PASSWORD, "name": "Ana Lima", "kind": "individual"} | changes


def register(client: Any, email: str, key: str | None = None, **changes: Any) -> Response:
    headers = {"Idempotency-Key": key or str(uuid4())}
    return client.post("/v1/auth/register", json=body(email, **changes), headers=headers)


def confirm(client: Any, email: str, code: str = CONFIRM_CODE) -> Response:
    return client.post("/v1/auth/confirm", json={"email": email, "code": code})


def sign_in(client: Any, email: str, password: str = PASSWORD) -> Response:
    return client.post("/v1/auth/login", json={"email": email, "password": password})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def user_in_pool(pool: UserPool, email: str) -> dict[str, str] | None:
    """Attributes and `status` of the one user with this address."""
    found = [
        {each["Name"]: each["Value"] for each in user["Attributes"]} | {"status": user["UserStatus"]}
        for user in cognito().list_users(UserPoolId=pool.pool_id, Filter=f'email = "{email}"')["Users"]
    ]
    assert len(found) <= 1
    return found[0] if found else None
