"""Sessions: begun, renewed, and ended so that nothing of them is good any more."""

import base64
import hashlib
import html
import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit
from uuid import uuid4

import httpx2
import jwt
import pytest
from starlette.testclient import TestClient

from infra import tokens
from infra.local.identities import ORIGINS, SCOPES, Login, UserPool, ensure_logins, ensure_pool
from tests import cluster
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
from tests.api.problems import SECRET, assert_problem
from tests.conftest import Database

PATH = "/v1/templates"
CALLBACK = f"{ORIGINS[0]}/auth/callback"
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


def test_staff_sign_out_too(pool: UserPool, api_alone: TestClient, db: Database) -> None:
    email = new_email("ffp")
    subject = ensure_logins(cognito(), pool, [Login(email, PASSWORD, "operator", "", "")])[email]
    db.rows("insert into identity.principals (sub, staff_role) values (%s, 'operator')", subject)
    headers = bearer(sign_in(api_alone, email).json()["access_token"])
    assert api_alone.post("/v1/auth/logout", headers=headers).status_code == 204
    assert_problem(api_alone.post("/v1/auth/logout", headers=headers), 401, "unauthenticated")


def test_logout_without_cognito_ends_nothing(
    someone: Callable[[], Someone], api_alone: TestClient, pool: UserPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is 503 and the token still good: the client can try again."""
    who = someone()
    assert api_alone.get(PATH, headers=who.headers).status_code == 200  # the keys are there
    working = pool_environment(pool)
    use(monkeypatch, pool_environment(pool, "http://127.0.0.1:1"))
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


# --- the sign-in pages: code + PKCE ---


class Browser:
    """As much of one as the pages need: it follows nothing by itself."""

    def __init__(self, config: dict[str, Any], client: httpx2.Client) -> None:
        self.config = config
        self.client = client
        self.verifier = secrets.token_urlsafe(48)

    def sign_in(self, email: str, password: str = PASSWORD, **changes: str) -> Any:
        """Open the page, fill in the form, send it. Returns the last answer."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.config["client_id"],
            "redirect_uri": CALLBACK,
            "scope": " ".join(self.config["scopes"]),
            "state": "a state",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        } | changes
        page = self.client.get(self.config["authorize_url"], params=asked)
        if page.status_code != 200:
            return page
        form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
        form = {name: html.unescape(value) for name, value in form.items()}
        action = urljoin(self.config["authorize_url"], re.findall(r'action="([^"]*)"', page.text)[0])
        return self.client.post(action, data=form | {"username": email, "password": password})

    def exchange(self, code: str, **changes: str) -> Any:
        sent = {
            "grant_type": "authorization_code",
            "client_id": self.config["client_id"],
            "redirect_uri": CALLBACK,
            "code": code,
            "code_verifier": self.verifier,
        } | changes
        return self.client.post(self.config["token_url"], data=sent)


@pytest.fixture
def browser(api_alone: TestClient, pool: UserPool) -> Iterator[Browser]:
    with httpx2.Client(follow_redirects=False) as client:
        yield Browser(api_alone.get("/v1/auth/config").json(), client)


def code_of(answer: Any) -> str:
    assert answer.status_code == 302, answer.text
    target = urlsplit(answer.headers["location"])
    found = parse_qs(target.query)
    assert f"{target.scheme}://{target.netloc}{target.path}" == CALLBACK
    assert found["state"] == ["a state"]
    return found["code"][0]


def test_a_browser_signs_in_with_code_and_pkce(
    someone: Callable[[], Someone], api_alone: TestClient, browser: Browser
) -> None:
    who, config = someone(), browser.config
    assert config["scopes"] == list(SCOPES)
    session = browser.exchange(code_of(browser.sign_in(who.email))).json()
    assert api_alone.get(PATH, headers=bearer(session["access_token"])).status_code == 200
    claims = jwt.decode(session["access_token"], options={"verify_signature": False})
    assert set(claims["scope"].split()) == set(SCOPES)
    assert (claims["client_id"], claims["iss"]) == (config["client_id"], config["issuer"])
    assert refresh(api_alone, session["refresh_token"]).status_code == 200
    # Its token has no scope for Cognito's own GlobalSignOut: the server signs out for it.
    assert api_alone.post("/v1/auth/logout", headers=bearer(session["access_token"])).status_code == 204
    assert_problem(api_alone.get(PATH, headers=bearer(session["access_token"])), 401, "unauthenticated")
    assert_problem(refresh(api_alone, session["refresh_token"]), 401, "session_ended")


def test_a_code_is_good_once_for_its_verifier_and_its_address(someone: Callable[[], Someone], browser: Browser) -> None:
    who = someone()
    code = code_of(browser.sign_in(who.email))
    for changes in (
        {"code_verifier": secrets.token_urlsafe(48)},
        {"redirect_uri": "https://elsewhere.example/"},
        {"client_id": "another"},
    ):
        assert browser.exchange(code, **changes).status_code == 400
    assert browser.exchange(code).status_code == 200
    assert browser.exchange(code).status_code == 400
    assert browser.sign_in(who.email, redirect_uri="https://elsewhere.example/").status_code == 400
    assert browser.sign_in(who.email, "wrong").status_code == 200  # the form again


def test_the_public_client_takes_no_password_past_the_api(someone: Callable[[], Someone], pool: UserPool) -> None:
    who, client = someone(), cognito()
    with pytest.raises(client.exceptions.InvalidParameterException):
        client.initiate_auth(
            ClientId=pool.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": who.email, "PASSWORD": PASSWORD},
        )


# --- rotation, which the emulator does not do ---


@pytest.fixture
def rotating(pool: UserPool, monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """In front of the emulator, what AWS does for a client with rotation: each refresh gives another refresh token, and
    the one before is refused by name. Yields those that are used up.
    """
    behind = cluster.emulator().url
    used: set[str] = set()
    real: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = 200
            if self.headers["X-Amz-Target"].endswith("GetTokensFromRefreshToken"):
                asked = json.loads(body)
                token = asked["RefreshToken"]
                if token in used:
                    status, body = 400, json.dumps({"__type": "RefreshTokenReuseException"}).encode()
                else:
                    used.add(token)
                    asked["RefreshToken"] = real.get(token, token)
                    found = httpx2.post(behind, content=json.dumps(asked), headers=self._headers()).json()
                    rotated = f"rotated-{len(used)}"
                    real[rotated] = asked["RefreshToken"]
                    found["AuthenticationResult"]["RefreshToken"] = rotated
                    body = json.dumps(found).encode()
            else:
                answer = httpx2.post(behind, content=body, headers=self._headers())
                status, body = answer.status_code, answer.content
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            answer = httpx2.get(behind + self.path)
            self.send_response(answer.status_code)
            self.end_headers()
            self.wfile.write(answer.content)

        def _headers(self) -> dict[str, str]:
            return {n: v for n, v in self.headers.items() if n.lower() not in ("host", "content-length")}

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    use(monkeypatch, pool_environment(pool, f"http://127.0.0.1:{server.server_port}"))
    yield used
    server.shutdown()
    server.server_close()


def test_where_tokens_rotate_the_old_one_is_used_up(
    rotating: set[str], someone: Callable[[], Someone], api_alone: TestClient
) -> None:
    who = someone()
    first = refresh(api_alone, who.session["refresh_token"]).json()
    assert first["refresh_token"] != who.session["refresh_token"]
    assert_problem(refresh(api_alone, who.session["refresh_token"]), 401, "session_ended")
    second = refresh(api_alone, first["refresh_token"]).json()
    assert len({who.session["refresh_token"], first["refresh_token"], second["refresh_token"]}) == 3
    assert api_alone.get(PATH, headers=bearer(second["access_token"])).status_code == 200


# --- how often ---


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("login", {"password": "wrong"}),
        ("confirm", {"code": "000000"}),
        ("resend", {}),
        ("forgot", {}),
        ("reset", {"code": "000000", "new_password": NEW_PASSWORD}),
        ("register", {"password": PASSWORD, "name": "Ana", "kind": "individual"}),
    ],
)
def test_an_account_and_an_address_can_try_so_often(
    pool: UserPool,
    db: Database,
    api_alone: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    body: dict[str, str],
) -> None:
    monkeypatch.setenv("FFP_AUTH_QUOTAS", f"{path}=2/5/60")

    def ask(email: str) -> Any:
        sent = {"email": email} | body
        return api_alone.post(f"/v1/auth/{path}", json=sent, headers={"Idempotency-Key": str(uuid4())})

    one, other = new_email(), new_email()
    assert [ask(one).status_code for _ in range(2)].count(429) == 0
    refused = ask(one.upper())  # another spelling is the same account
    assert_problem(refused, 429, "too_many_requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert ask(other).status_code != 429
    assert ask(new_email()).status_code != 429
    assert_problem(ask(new_email()), 429, "too_many_requests")  # the address has asked five times
    subjects = db.rows("select subject from identity.buckets")
    assert not any(part in row["subject"] for row in subjects for part in ("example", "testclient"))


def test_a_header_does_not_make_another_address(
    pool: UserPool, api_alone: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FFP_AUTH_QUOTAS", "forgot=50/2/60")
    answers = [
        api_alone.post("/v1/auth/forgot", json={"email": new_email()}, headers={"X-Forwarded-For": f"10.0.0.{number}"})
        for number in range(3)
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
