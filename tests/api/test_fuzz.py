"""Whatever is sent, the answer is not an error of ours."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.api.problems import assert_problem
from tests.conftest import Person, forget, fresh_database, identity_environment, people

QUESTIONS = ("nprs_now", "rmdq", "psfs", "sex", "date_of_birth", "equipment", "conditions", "minutes", "rf_ces_saddle")


@pytest.fixture(scope="module")
def target(key_server: str, sign: Callable[..., str]) -> Iterator[tuple[TestClient, Person, str]]:
    """One application for all examples; each leaves the draft as it may."""
    from api.app import create_app

    with fresh_database() as db, pytest.MonkeyPatch.context() as patch:
        for name, value in ({"FFP_DATABASE_URL": db.app_url} | identity_environment(key_server)).items():
            patch.setenv(name, value)
        forget()
        member = people(db, sign)("acme")
        client = TestClient(create_app(), raise_server_exceptions=False)
        made = client.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=member.headers)
        yield client, member, made.headers["location"]
        client.close()
        forget()


def check(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert_problem(answer, answer.status_code, answer.json()["code"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(QUESTIONS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(QUESTIONS), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
ANSWERS = st.fixed_dictionaries({"answers": st.dictionaries(st.sampled_from(QUESTIONS) | st.text(), JSON, max_size=4)})
HEADER_VALUE = st.binary(max_size=60).map(lambda raw: bytes(byte for byte in raw if byte not in b"\r\n"))
TAGS = st.sampled_from([b"*", b'"1"', b'W/"1"', b'"1", "2"', b'"', b'""', b"1"]) | HEADER_VALUE

quick = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@quick
@given(content=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_as_a_body(target: tuple[TestClient, Person, str], content: bytes) -> None:
    client, member, path = target
    headers = member.headers | {"Content-Type": "application/json", "If-Match": '"1"', "Idempotency-Key": "k"}
    for method, url in (
        ("POST", "/v1/assessments"),
        ("PATCH", path),
        ("POST", f"{path}/submit"),
        ("POST", "/v1/auth/login"),
    ):
        if url == "/v1/auth/login" and b"password" in content:
            continue
        check(client.request(method, url, content=content, headers=headers))


@quick
@given(body=ANSWERS)
def test_any_answers(target: tuple[TestClient, Person, str], body: dict[str, Any]) -> None:
    client, member, path = target
    tag = client.get(path, headers=member.headers).headers["etag"]
    headers = member.headers | {"Content-Type": "application/json", "If-Match": tag, "Idempotency-Key": "k"}
    content = json.dumps(body).encode()
    check(client.patch(path, content=content, headers=headers))
    check(client.post(f"{path}/submit", content=content, headers=headers))


@quick
@given(
    headers=st.fixed_dictionaries(
        {},
        optional={
            "If-Match": TAGS,
            "If-None-Match": TAGS,
            "Idempotency-Key": HEADER_VALUE,
            "Prefer": HEADER_VALUE | st.just(b"wait=0"),
            "X-Request-ID": HEADER_VALUE,
            "traceparent": HEADER_VALUE,
            "Content-Type": HEADER_VALUE,
            "Content-Length": st.sampled_from([b"0", b"3", b"-1", b"x", b"99999999999"]),
            "Accept": HEADER_VALUE,
            "Transfer-Encoding": HEADER_VALUE,
        },
    ),
    authorization=st.none() | HEADER_VALUE | HEADER_VALUE.map(lambda raw: b"Bearer " + raw),
)
def test_any_headers(
    target: tuple[TestClient, Person, str], headers: dict[str, bytes], authorization: bytes | None
) -> None:
    client, member, path = target
    given_ = headers | {"Authorization": authorization or member.headers["Authorization"].encode()}
    for method, url in (("GET", path), ("PATCH", path), ("POST", f"{path}/submit"), ("GET", "/v1/jobs/x")):
        check(client.request(method, url, content=b"{}" if method != "GET" else None, headers=given_))


@quick
@given(
    name=st.text(min_size=1, max_size=40),
    place=st.sampled_from(["assessments", "jobs", "programs", "templates", "errors"]),
)
def test_any_address(target: tuple[TestClient, Person, str], name: str, place: str) -> None:
    client, member, _ = target
    check(client.get(f"/v1/{place}/{quote(name.encode('utf-8', 'surrogatepass'), safe='')}", headers=member.headers))
