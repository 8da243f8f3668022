"""Sessions: begun, renewed, and ended so that nothing of them is good any more."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from infra.local.identities import UserPool, ensure_pool
from tests.api.accounts import (
    PASSWORD,
    RESET_CODE,
    bearer,
    cognito,
    confirm,
    new_email,
    pool_environment,
    register,
    sign_in,
    use,
)
from tests.api.problems import SECRET, assert_problem, nothing_changes
from tests.conftest import Database, Person

PATH = "/v1/templates"
NEW_PASSWORD = "another long passphrase"


@dataclass
class Someone:
    email: str
    session: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        return bearer(self.session["access_token"])


@pytest.fixture
def pool(db: Database, identity: None, monkeypatch: pytest.MonkeyPatch) -> UserPool:
    made = ensure_pool(cognito())
    use(monkeypatch, pool_environment(made))
    return made


@pytest.fixture
def someone(pool: UserPool, api_alone: TestClient) -> Callable[[], Someone]:
    """Somebody who has registered, confirmed and signed in."""

    def make() -> Someone:
        email = new_email()
        assert register(api_alone, email).status_code == 202
        assert confirm(api_alone, email).status_code == 204
        return Someone(email, sign_in(api_alone, email).json())

    return make


def refresh(client: Any, token: str) -> Any:
    return client.post("/v1/auth/refresh", json={"refresh_token": token})


def test_a_refresh_token_gives_new_tokens(someone: Callable[[], Someone], api_alone: TestClient) -> None:
    who = someone()
    answer = refresh(api_alone, who.session["refresh_token"])
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"access_token", "refresh_token", "id_token", "token_type", "expires_in"}
    assert answer.json()["expires_in"] == 900
    assert api_alone.get(PATH, headers=bearer(answer.json()["access_token"])).status_code == 200


def test_what_is_no_refresh_token_gives_nothing(
    someone: Callable[[], Someone], api_alone: TestClient, subtests: pytest.Subtests
) -> None:
    session = someone().session
    for name, token in {
        "garbage": SECRET,
        "an access token": session["access_token"],
        "an ID token": session["id_token"],
        "changed": session["refresh_token"][:-8] + "AAAAAAAA",
    }.items():
        with subtests.test(name):
            assert_problem(refresh(api_alone, token), 401, "session_ended")


def test_logout_ends_every_session_at_once_and_nobody_else_s(
    someone: Callable[[], Someone], api_alone: TestClient
) -> None:
    who, other = someone(), someone()
    second = sign_in(api_alone, who.email).json()
    answer = api_alone.post("/v1/auth/logout", headers=who.headers)
    assert (answer.status_code, answer.content) == (204, b"")
    for session in (who.session, second):
        assert_problem(api_alone.get(PATH, headers=bearer(session["access_token"])), 401, "unauthenticated")
        assert_problem(refresh(api_alone, session["refresh_token"]), 401, "session_ended")
    assert_problem(api_alone.post("/v1/auth/logout", headers=who.headers), 401, "unauthenticated")
    assert api_alone.get(PATH, headers=other.headers).status_code == 200
    assert refresh(api_alone, other.session["refresh_token"]).status_code == 200
    # Signed in again at once, in whatever part of a second.
    again = sign_in(api_alone, who.email).json()
    assert api_alone.get(PATH, headers=bearer(again["access_token"])).status_code == 200


def test_logout_is_for_everybody_with_a_token(
    pool: UserPool, api_alone: TestClient, person: Callable[..., Person], db: Database, sign: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch, key_server: str, subtests: pytest.Subtests,
) -> None:  # fmt: skip
    assert_problem(api_alone.post("/v1/auth/logout"), 401, "unauthenticated")


def test_logout_without_cognito_ends_nothing(
    someone: Callable[[], Someone], api_alone: TestClient, pool: UserPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is 503 and the token still good: the client can try again."""
    who = someone()
    assert api_alone.get(PATH, headers=who.headers).status_code == 200  # the keys are there
    working = pool_environment(pool)
    use(monkeypatch, pool_environment(pool, "http://127.0.0.1:1"))
    from infra import tokens

    tokens._keys("http://127.0.0.1:1/" + pool.pool_id + "/.well-known/jwks.json")._keys = tokens._keys(
        working["FFP_COGNITO_ENDPOINT_URL"] + f"/{pool.pool_id}/.well-known/jwks.json"
    )._keys
    assert_problem(api_alone.post("/v1/auth/logout", headers=who.headers), 503, "unavailable")
    use(monkeypatch, working)
    assert api_alone.get(PATH, headers=who.headers).status_code == 200
    assert api_alone.post("/v1/auth/logout", headers=who.headers).status_code == 204
    assert_problem(api_alone.get(PATH, headers=who.headers), 401, "unauthenticated")


def test_a_new_password_ends_every_session(someone: Callable[[], Someone], api_alone: TestClient) -> None:
    who = someone()
    assert api_alone.post("/v1/auth/forgot", json={"email": who.email.upper()}).status_code == 202
    wrong = {"email": who.email, "code": "000000", "new_password": NEW_PASSWORD}
    assert_problem(api_alone.post("/v1/auth/reset", json=wrong), 422, "wrong_code")
    assert api_alone.get(PATH, headers=who.headers).status_code == 200
    right = wrong | {"code": RESET_CODE}
    assert api_alone.post("/v1/auth/reset", json=right).status_code == 204
    assert_problem(api_alone.get(PATH, headers=who.headers), 401, "unauthenticated")
    assert_problem(refresh(api_alone, who.session["refresh_token"]), 401, "session_ended")
    assert_problem(sign_in(api_alone, who.email, PASSWORD), 401, "wrong_credentials")
    session = sign_in(api_alone, who.email, NEW_PASSWORD).json()
    assert api_alone.get(PATH, headers=bearer(session["access_token"])).status_code == 200
    # The answer may have been lost: the same again is as good. With the code alone it is not.
    assert api_alone.post("/v1/auth/reset", json=right).status_code == 204
    assert_problem(
        api_alone.post("/v1/auth/reset", json=right | {"new_password": f"{NEW_PASSWORD}!"}), 422, "wrong_code"
    )


def test_a_reset_never_tells_who_has_an_account(
    someone: Callable[[], Someone], api_alone: TestClient, pool: UserPool, db: Database
) -> None:
    """Known, unconfirmed and unknown addresses, before and after a code was asked for, in every answer."""
    unconfirmed = new_email()
    assert register(api_alone, unconfirmed).status_code == 202
    emails = [someone().email, unconfirmed, new_email(), "not-an-address"]
    same = {"X-Request-ID": "the-same-request"}

    def alike(path: str, **more: str) -> Any:
        answers = [api_alone.post(path, json={"email": email} | more, headers=same) for email in emails]
        for answer in answers:
            assert (answer.status_code, answer.content, answer.headers.raw) == (
                answers[0].status_code,
                answers[0].content,
                answers[0].headers.raw,
            )
        return answers[0]

    new = {"code": "000000", "new_password": NEW_PASSWORD}
    assert_problem(alike("/v1/auth/reset", **new), 422, "expired_code")
    assert alike("/v1/auth/forgot").status_code == 202
    assert_problem(alike("/v1/auth/reset", **new), 422, "wrong_code")
    db.rows("update identity.codes set asked_at = now() - interval '61 minutes'")
    assert_problem(alike("/v1/auth/reset", **new), 422, "expired_code")
    assert alike("/v1/auth/resend").status_code == 202
    assert_problem(alike("/v1/auth/confirm", code="000000"), 422, "wrong_code")
    db.rows("update identity.codes set asked_at = now() - interval '25 hours'")
    assert_problem(alike("/v1/auth/confirm", code="000000"), 422, "expired_code")


def test_a_new_password_has_to_be_a_good_one(someone: Callable[[], Someone], api_alone: TestClient) -> None:
    who = someone()
    weak = {"email": who.email, "code": RESET_CODE, "new_password": "short"}
    problem = assert_problem(api_alone.post("/v1/auth/reset", json=weak), 422, "weak_password", "/new_password")
    assert [error["code"] for error in problem["errors"]] == ["too_short"]
