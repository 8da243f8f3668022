"""Who gets in: only a live access token of our client, signed by our pool's key."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from httpx2 import Response
from starlette.testclient import TestClient

from infra import tokens
from infra.local import clients
from infra.local.emulator import ACCESS_KEY, SECRET_KEY
from infra.local.identities import Login, ensure_logins, ensure_pool
from tests import cluster
from tests.api.problems import SECRET, assert_problem, nothing_changes
from tests.conftest import CLIENT_ID, ISSUER, KEY_ID, Database, Person, forget

Make = Callable[..., Person]
Sign = Callable[..., str]
PATH = "/v1/templates"


def encoded(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def claims(subject: str, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {"sub": subject, "iss": ISSUER, "client_id": CLIENT_ID, "token_use": "access", "iat": now, "exp": now + 900}
    return {name: value for name, value in (usual | changes).items() if value is not None}


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def hs256(header: dict[str, Any], body: dict[str, Any], secret: bytes) -> str:
    """By hand: PyJWT refuses to sign with a public key as the secret."""
    import hashlib
    import hmac

    text = f"{encoded(header)}.{encoded(body)}"
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def signed(key: rsa.RSAPrivateKey, payload: bytes) -> str:
    """Anything at all, with our own signature: PyJWT signs objects only."""
    text = f"{encoded({'alg': 'RS256', 'typ': 'JWT', 'kid': KEY_ID})}.{encoded(payload)}"
    return f"{text}.{encoded(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def test_a_good_token_gets_in(api_alone: TestClient, person: Make) -> None:
    assert api_alone.get(PATH, headers=person("acme").headers).status_code == 200


def test_no_other_token_gets_in(
    api_alone: TestClient,
    person: Make,
    sign: Sign,
    signing_key: rsa.RSAPrivateKey,
    db: Database,
    subtests: pytest.Subtests,
) -> None:
    sub = sub_of(person("acme"))
    now = int(time.time())
    good = sign(sub)
    head, body, signature = good.split(".")
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    header = {"alg": "HS256", "typ": "JWT", "kid": KEY_ID}
    two_ids = f'{{"alg": "RS256", "kid": "{KEY_ID}", "kid": "other"}}'.encode()
    bad = {
        "empty": "",
        "garbage": SECRET,
        "three dots": "...",
        "not base64": "ä.ö.ü".encode("latin-1"),
        "alg none": f"{encoded({'alg': 'none', 'kid': KEY_ID})}.{encoded(claims(sub))}.",
        "alg None, signed": f"{encoded({'alg': 'None', 'kid': KEY_ID})}.{body}.{signature}",
        "alg missing": f"{encoded({'kid': KEY_ID})}.{body}.{signature}",
        "HS256 with the public key": hs256(header, claims(sub), public_pem(signing_key)),
        "HS256 with nothing": hs256(header, claims(sub), b""),
        "RS512": jwt.encode(claims(sub), signing_key, "RS512", {"kid": KEY_ID}),
        "another key under our key id": jwt.encode(claims(sub), stranger, "RS256", {"kid": KEY_ID}),
        "another key under its own id": jwt.encode(claims(sub), stranger, "RS256", {"kid": "stranger"}),
        "its own key in the header": jwt.encode(claims(sub), stranger, "RS256", {"kid": KEY_ID, "jwk": {"kty": "RSA"}}),
        "keys somewhere else": jwt.encode(claims(sub), stranger, "RS256", {"kid": KEY_ID, "jku": "http://127.0.0.1:1/"}),
        "certificates somewhere else": jwt.encode(
            claims(sub), stranger, "RS256", {"kid": KEY_ID, "x5u": "http://127.0.0.1:1/", "x5c": ["MIIB"]}
        ),
        "key id of another pool's key file": jwt.encode(claims(sub), stranger, "RS256", {"kid": "../../../../dev/null"}),
        "key id that is an address": jwt.encode(claims(sub), stranger, "RS256", {"kid": "http://127.0.0.1:1/keys"}),
        "key id with SQL": jwt.encode(claims(sub), stranger, "RS256", {"kid": "' or 1=1 --"}),
        "key id with NUL": jwt.encode(claims(sub), stranger, "RS256", {"kid": f"{KEY_ID}\0"}),
        "key id of 5,000 characters": jwt.encode(claims(sub), stranger, "RS256", {"kid": "k" * 5000}),
        "key id that is a number": f"{encoded({'alg': 'RS256', 'kid': 1})}.{body}.{signature}",
        "key id that is nothing": f"{encoded({'alg': 'RS256', 'kid': None})}.{body}.{signature}",
        "empty key id": jwt.encode(claims(sub), stranger, "RS256", {"kid": ""}),
        "two key ids": f"{encoded(two_ids)}.{body}.{signature}",
        "not compressed to be trusted": f"{encoded({'alg': 'RS256', 'kid': KEY_ID, 'zip': 'DEF'})}.{body}.{signature}",
        "RS256 of nothing": f"{encoded({'alg': 'RS256', 'kid': KEY_ID})}.{body}.{encoded(b'')}",
        "ES256 by name": f"{encoded({'alg': 'ES256', 'kid': KEY_ID})}.{body}.{signature}",
        "PS256": jwt.encode(claims(sub), signing_key, "PS256", {"kid": KEY_ID}),
        "truncated": good[:-1],
        "half": good[: len(good) // 2],
        "one more character": f"{good}A",
        "two signatures": f"{good}.{signature}",
        "one part": head,
        "two parts": f"{head}.{body}",
        "five parts, as if encrypted": f"{head}.{body}.{body}.{body}.{signature}",
        "not ASCII": f"{good}\u00e9".encode(),
        "with a blank inside": f"{head}. {body}.{signature}",
        "claims of 5,000 levels": signed(signing_key, b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"),
        "claims that are a list": signed(signing_key, b"[]"),
        "claims that are no JSON": signed(signing_key, b"{"),
        "no key id": jwt.encode(claims(sub), signing_key, "RS256"),
        "key id of another type": f"{encoded({'alg': 'RS256', 'kid': {'a': 1}})}.{body}.{signature}",
        "critical extension": jwt.encode(claims(sub), signing_key, "RS256", {"kid": KEY_ID, "crit": ["x"], "x": 1}),
        "changed claims": f"{head}.{encoded(claims(sub, role='operator'))}.{signature}",
        "no signature": f"{head}.{body}.",
        "header of 5,000 levels": f"{encoded(b'[' * 5000)}.{body}.{signature}",
        "header is a list": f"{encoded([])}.{body}.{signature}",
        "header is a number": f"{encoded(1)}.{body}.{signature}",
        "issuer": sign(sub, iss=f"{ISSUER}2"),
        "issuer with a slash": sign(sub, iss=f"{ISSUER}/"),
        "issuer in a list": signed(signing_key, json.dumps(claims(sub, iss=[ISSUER])).encode()),
        "no issuer": jwt.encode(claims(sub, iss=None), signing_key, "RS256", {"kid": KEY_ID}),
        "client": sign(sub, client_id="another-client"),
        "no client": jwt.encode(claims(sub, client_id=None), signing_key, "RS256", {"kid": KEY_ID}),
        "client in a list": jwt.encode(claims(sub, client_id=[CLIENT_ID]), signing_key, "RS256", {"kid": KEY_ID}),
        "client as audience": jwt.encode(
            claims(sub, client_id=None, aud=CLIENT_ID), signing_key, "RS256", {"kid": KEY_ID}
        ),
        "ID token": sign(sub, token_use="id"),
        "no use": jwt.encode(claims(sub, token_use=None), signing_key, "RS256", {"kid": KEY_ID}),
        "expired": sign(sub, iat=now - 1000, exp=now - 31),
        "no end": jwt.encode(claims(sub, exp=None), signing_key, "RS256", {"kid": KEY_ID}),
        "end is text": sign(sub, exp="tomorrow"),
        "end is infinite": sign(sub, exp=float("inf")),
        "no beginning": jwt.encode(claims(sub, iat=None), signing_key, "RS256", {"kid": KEY_ID}),
        "from the future": sign(sub, iat=now + 60),
        "not yet": sign(sub, nbf=now + 60),
        "not yet, for ever": sign(sub, nbf=float("inf")),
        "from before time": sign(sub, iat=-(10**30)),
        "its end was its beginning": sign(sub, iat=now, exp=0),
        "no subject": jwt.encode(claims(sub, sub=None), signing_key, "RS256", {"kid": KEY_ID}),
        "unknown subject": sign(str(uuid4())),
        "empty subject": sign(""),
        "subject that is a number": jwt.encode(claims(sub) | {"sub": "1"}, signing_key, "RS256", {"kid": KEY_ID}),
        "subject with SQL": sign("' or true --"),
        "subject with a blank": sign(f"{sub} "),
        "subject in capitals": sign(sub.upper()),
        "subject with NUL": sign("a\0b"),
        "subject with half a surrogate pair": sign("a\ud800b"),
        "oversize": sign(sub, padding="x" * 9000),
        "huge": "x" * 100_000,
        "huge and signed": sign(sub, padding="x" * 100_000),
    }  # fmt: skip
    with nothing_changes(db):
        for name, token in bad.items():
            with subtests.test(token=name):
                value = token if isinstance(token, bytes) else token.encode()
                answer = api_alone.get(PATH, headers={"Authorization": b"Bearer " + value})
                assert_problem(answer, 401, "unauthenticated")
                assert answer.headers["www-authenticate"].startswith("Bearer")
        for name, value in {"none": None, "basic": "Basic dTpw", "bare": good, "two words": f"Token {good}"}.items():
            with subtests.test(header=name):
                headers = {} if value is None else {"Authorization": value}
                assert_problem(api_alone.get(PATH, headers=headers), 401, "unauthenticated")
        with subtests.test("in the address"):
            assert_problem(api_alone.get(PATH, params={"access_token": good}), 401, "unauthenticated")
        for name, pair in {
            "twice": (good, good),
            "a bad one first": ("x", good),
            "a bad one last": (good, "x"),
            "an empty one": (good, ""),
        }.items():
            with subtests.test(two=name):
                twice = [("Authorization", f"Bearer {each}") for each in pair]
                assert_problem(api_alone.get(PATH, headers=twice), 401, "unauthenticated")
        with subtests.test("two in one"):
            joined = {"Authorization": f"Bearer {good}, Bearer {good}"}
            assert_problem(api_alone.get(PATH, headers=joined), 401, "unauthenticated")
    assert api_alone.get(PATH, headers={"Authorization": f"Bearer {good}"}).status_code == 200
    whole = signed(signing_key, json.dumps(claims(sub)).encode())
    assert api_alone.get(PATH, headers={"Authorization": f"Bearer {whole}"}).status_code == 200


def test_what_a_token_says_of_role_and_tenant_gives_nothing(
    api_alone: TestClient, person: Make, sign: Sign, db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Membership says both. A role is not even read; a tenant, where there is one, must be the member's own."""
    member, globex = person("acme"), person("globex", "business_owner")
    sub = sub_of(member)

    def ask(path: str, **claimed: Any) -> Response:
        return api_alone.get(path, headers={"Authorization": f"Bearer {sign(sub, **claimed)}"})

    roles = {"custom:role": "business_owner", "role": "operator", "cognito:groups": ["business_owner", "operator"]}
    assert ask("/v1/reviews", **roles).status_code == 403
    assert ask("/v1/reviews", **roles, scope="aws.cognito.signin.user.admin admin").status_code == 403
    own = {"custom:tenantId": str(member.tenant_id)}
    assert ask(PATH, **own).status_code == 200
    assert not db.rows("select 1 from identity.buckets where subject = %s", str(globex.tenant_id))
    capsys.readouterr()
    foreign = [str(globex.tenant_id), str(uuid4()), "", "x", 0, [str(member.tenant_id)], {"a": "b"}, False]
    for claimed in foreign:
        answer = ask(PATH, **{"custom:tenantId": claimed})
        assert_problem(answer, 401, "unauthenticated")
        assert "ratelimit" not in answer.headers
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    alarms = [line for line in logged if line["event"] == "token_tenant_mismatch"]
    assert [(line["level"], line["user_id"]) for line in alarms] == [("error", str(member.context.user_id))] * 8
    assert not db.rows("select 1 from identity.buckets where subject = %s", str(globex.tenant_id))


def test_staff_with_a_tenant_in_their_token_are_refused(
    api_alone: TestClient, person: Make, sign: Sign, db: Database
) -> None:
    acme = person("acme")
    db.rows("insert into identity.principals (sub, staff_role) values ('staff', 'content_admin')")
    for claimed, status in (({}, 200), ({"custom:tenantId": str(acme.tenant_id)}, 401)):
        token = sign("staff", **claimed)
        assert api_alone.get(PATH, headers={"Authorization": f"Bearer {token}"}).status_code == status


def sub_of(who: Person) -> str:
    return str(jwt.decode(who.token, options={"verify_signature": False})["sub"])


def test_two_clocks_may_differ_by_half_a_minute(api_alone: TestClient, person: Make, sign: Sign) -> None:
    sub, now = sub_of(person("acme")), int(time.time())
    for token in (sign(sub, iat=now + 25), sign(sub, iat=now - 900, exp=now - 20)):
        assert api_alone.get(PATH, headers={"Authorization": f"Bearer {token}"}).status_code == 200


class Pool:
    """A key endpoint that counts, and can be broken."""

    def __init__(self) -> None:
        self.asked = 0
        self.keys: list[dict[str, Any]] = []
        self.raw: bytes | None = None


@contextmanager
def key_endpoint(pool: Pool) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pool.asked += 1
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": pool.keys}).encode() if pool.raw is None else pool.raw)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def public_key(key: rsa.RSAPrivateKey, key_id: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return made | {"kid": key_id, "use": "sig", "alg": "RS256"}


def test_unknown_key_ids_do_not_flood_the_key_endpoint(
    api_alone: TestClient, person: Make, signing_key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    member, pool = person("acme"), Pool()
    pool.keys = [public_key(signing_key, KEY_ID)]
    with key_endpoint(pool) as endpoint:
        monkeypatch.setenv("FFP_COGNITO_ENDPOINT_URL", endpoint)
        forget()
        assert api_alone.get(PATH, headers=member.headers).status_code == 200
        for number in range(20):
            token = jwt.encode(claims("x"), signing_key, "RS256", {"kid": f"unknown-{number}"})
            answer = api_alone.get(PATH, headers={"Authorization": f"Bearer {token}"})
            assert_problem(answer, 401, "unauthenticated")
        assert api_alone.get(PATH, headers=member.headers).status_code == 200
        assert pool.asked == 1


def test_ten_seconds_later_the_key_endpoint_is_asked_once_more(
    identity: None, signing_key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, now = Pool(), 1000.0
    pool.keys = [public_key(signing_key, KEY_ID)]
    monkeypatch.setattr(tokens, "time", SimpleNamespace(monotonic=lambda: now))
    with key_endpoint(pool) as endpoint:
        monkeypatch.setenv("FFP_COGNITO_ENDPOINT_URL", endpoint)
        forget()
        asked = []
        for now in (1000.0, 1000.0, 1009.9, 1010.0, 1019.9, 1020.0, 1021.0):  # as the clock above has it
            token = jwt.encode(claims("x"), signing_key, "RS256", {"kid": f"unknown-{now}"})
            with ThreadPoolExecutor(8) as strangers:
                refused = list(strangers.map(_is_refused, [token] * 8))
            assert all(refused)
            asked.append(pool.asked)
    assert asked == [1, 1, 1, 2, 2, 3, 3]


def _is_refused(token: str) -> bool:
    try:
        tokens.verify(token)
    except tokens.InvalidToken:
        return True
    return False


def test_a_rotated_key_is_found(
    api_alone: TestClient, person: Make, signing_key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    member, pool = person("acme"), Pool()
    pool.keys = [public_key(signing_key, KEY_ID)]
    monkeypatch.setattr(tokens, "_REFRESH_S", 0)
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with key_endpoint(pool) as endpoint:
        monkeypatch.setenv("FFP_COGNITO_ENDPOINT_URL", endpoint)
        forget()
        assert api_alone.get(PATH, headers=member.headers).status_code == 200
        pool.keys.append(public_key(new, "new"))
        token = jwt.encode(claims(sub_of(member)), new, "RS256", {"kid": "new"})
        assert api_alone.get(PATH, headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'{"keys": []}', b'{"keys": [{"kty": "RSA"}]}', b"[" * 10_000])
def test_without_keys_nobody_can_be_told_apart(
    api_alone: TestClient, person: Make, monkeypatch: pytest.MonkeyPatch, raw: bytes
) -> None:
    member, pool = person("acme"), Pool()
    pool.raw = raw
    with key_endpoint(pool) as endpoint:
        monkeypatch.setenv("FFP_COGNITO_ENDPOINT_URL", endpoint)
        forget()
        for _ in range(3):
            answer = api_alone.get(PATH, headers=member.headers)
            assert_problem(answer, 503, "unavailable")
            assert answer.headers["retry-after"] == "1"
        assert pool.asked == 1


def test_an_endpoint_that_is_down_later_keeps_who_is_known_signed_in(
    api_alone: TestClient, person: Make, signing_key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    member, pool = person("acme"), Pool()
    pool.keys = [public_key(signing_key, KEY_ID)]
    monkeypatch.setattr(tokens, "_REFRESH_S", 0)
    with key_endpoint(pool) as endpoint:
        monkeypatch.setenv("FFP_COGNITO_ENDPOINT_URL", endpoint)
        forget()
        assert api_alone.get(PATH, headers=member.headers).status_code == 200
    token = jwt.encode(claims("x"), signing_key, "RS256", {"kid": "unknown"})
    assert_problem(api_alone.get(PATH, headers={"Authorization": f"Bearer {token}"}), 401, "unauthenticated")
    assert api_alone.get(PATH, headers=member.headers).status_code == 200


PASSWORD = "a good long password"


@pytest.fixture
def signed_up(db: Database, person: Make, monkeypatch: pytest.MonkeyPatch) -> Person:
    """A member of acme who is also in the emulated user pool, which the API is told to use."""
    endpoint = cluster.emulator().url
    client = clients.cognito(endpoint)
    pool = ensure_pool(client)
    member = person("acme")
    login = Login(member.email, PASSWORD, "member", "acme", "business")
    subject = ensure_logins(client, pool, [login])[member.email]
    db.rows("update identity.principals set sub = %s where user_id = %s", subject, member.context.user_id)
    for name, value in {
        "FFP_COGNITO_ENDPOINT_URL": endpoint,
        "FFP_COGNITO_ISSUER": f"https://cognito-idp.eu-west-2.amazonaws.com/{pool.pool_id}",
        "FFP_COGNITO_USER_POOL_ID": pool.pool_id,
        "FFP_COGNITO_CLIENT_ID": pool.client_id,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }.items():
        monkeypatch.setenv(name, value)
    forget()
    return member


def test_sign_in_gives_a_token_that_gets_in(signed_up: Person, api_alone: TestClient) -> None:
    answer = api_alone.post("/v1/auth/login", json={"email": signed_up.email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    session = answer.json()
    assert (session["token_type"], session["expires_in"]) == ("Bearer", 900)
    assert answer.headers["cache-control"] == "no-store"
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    assert api_alone.get(PATH, headers=headers).status_code == 200
    for other in ("id_token", "refresh_token"):
        refused = api_alone.get(PATH, headers={"Authorization": f"Bearer {session[other]}"})
        assert_problem(refused, 401, "unauthenticated")


def test_a_wrong_password_and_an_unknown_person_are_answered_alike(signed_up: Person, api_alone: TestClient) -> None:
    same = {"X-Request-ID": "the-same-request"}
    answers = [
        api_alone.post("/v1/auth/login", json={"email": email, "password": password}, headers=same)
        for email, password in (
            (signed_up.email, SECRET),
            (f"{SECRET}@nobody.example", PASSWORD),
            (f"{SECRET} \u0020'\";--", PASSWORD),
            (signed_up.email, " " * 20),
            ("\u202e" * 10, "🦴"),
        )
    ]
    for answer in answers:
        assert_problem(answer, 401, "wrong_credentials")
        assert (answer.content, answer.headers.raw) == (answers[0].content, answers[0].headers.raw)


def test_sign_in_without_cognito_is_503(api_alone: TestClient, identity: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFP_COGNITO_ENDPOINT_URL", "http://127.0.0.1:1")
    forget()
    answer = api_alone.post("/v1/auth/login", json={"email": "a@b.example", "password": SECRET})
    assert_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"
