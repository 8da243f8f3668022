"""Request headers with a meaning: what is malformed is refused or ignored, and never repeated."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient

from api.headers import _wait
from tests.api.problems import SECRET, assert_problem, nothing_changes
from tests.conftest import Database, Person

Start = Callable[..., dict[str, Any]]
Person_ = Callable[..., Person]


@pytest.mark.parametrize("given", ["a" * 8, "A-b_c.1" + "x" * 57, "0b5c6a52-8f0e-4c5b-9a55-3f1d7b1f0c11"])
def test_a_request_id_comes_back(api_alone: TestClient, given: str) -> None:
    answer = api_alone.get("/v1/health/live", headers={"X-Request-ID": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize(
    "given", ["short", "x" * 65, "has space", "ünïcode-x".encode(), "semi;colon", "<script>", "", "tab\tid-id"]
)
def test_a_malformed_request_id_is_replaced(api_alone: TestClient, given: str | bytes) -> None:
    answer = api_alone.get("/v1/programs/x", headers={"X-Request-ID": given})
    body = assert_problem(answer, 401, "unauthenticated")
    assert UUID(body["request_id"]).version == 7


def test_the_request_id_goes_with_the_job(submit: Callable[..., Any], person: Person_, db: Database) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    submit(person("acme"), headers={"X-Request-ID": "my-request-1", "traceparent": trace})
    [job] = db.rows("select correlation_id, traceparent from jobs")
    assert job == {"correlation_id": "my-request-1", "traceparent": trace}
    assert db.value("select request_id from audit_log where action = 'assessment.submitted'") == "my-request-1"


@pytest.mark.parametrize("given", ["", "01-x", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", SECRET])
def test_a_malformed_trace_is_ignored(submit: Callable[..., Any], person: Person_, db: Database, given: str) -> None:
    assert submit(person("acme"), headers={"traceparent": given}).status_code == 202
    assert db.value("select traceparent from jobs") is None


def test_submit_takes_exactly_one_well_formed_key(
    api: TestClient, start: Start, person: Person_, db: Database, subtests: pytest.Subtests
) -> None:
    member = person("acme")
    assessment = start(member)
    path = f"/v1/assessments/{assessment['id']}/submit"
    usual = [*member.headers.items(), ("If-Match", '"1"')]
    key = "Idempotency-Key"
    malformed = ([], [""], ["x" * 201], ["two words"], ["tab\tbed"], [b"\xe9"], ["a", "b"], ["a", "a"], [b"nul\x00"])
    with nothing_changes(db):
        for keys in malformed:
            with subtests.test(keys=keys):
                answer = api.post(path, json={}, headers=[*usual, *((key, value) for value in keys)])
                assert_problem(answer, 400, "idempotency_key_missing")
    longest = api.post(path, json={}, headers=[*usual, (key, "!" + "~" * 199)])
    assert longest.status_code == 422  # the answers: the key is fine


def test_a_change_names_the_version_it_is_made_to(
    api: TestClient, start: Start, person: Person_, db: Database, subtests: pytest.Subtests
) -> None:
    member = person("acme")
    path = f"/v1/assessments/{start(member)['id']}"
    forms: list[tuple[list[str], int, str]] = [
        ([], 428, "revision_required"),
        (["*"], 428, "revision_required"),
        ([" * "], 428, "revision_required"),
        (['"1", "2"'], 428, "revision_required"),
        (['"1"', '"2"'], 428, "revision_required"),
        ([""], 412, "stale_revision"),
        (["1"], 412, "stale_revision"),
        (['W/"1"'], 412, "stale_revision"),
        (["'1'"], 412, "stale_revision"),
        (['"2"'], 412, "stale_revision"),
        (['"0"'], 412, "stale_revision"),
        (['"-1"'], 412, "stale_revision"),
        (['"1.0"'], 412, "stale_revision"),
        (['"99999999999999999999"'], 412, "stale_revision"),
        ([f'"{SECRET}"'], 412, "stale_revision"),
    ]
    with nothing_changes(db):
        for values, status, code in forms:
            headers = [*member.headers.items(), *(("If-Match", value) for value in values)]
            with subtests.test(if_match=values, operation="save"):
                assert_problem(api.patch(path, json={"answers": {"nprs_now": 3}}, headers=headers), status, code)
            with subtests.test(if_match=values, operation="submit"):
                keyed = [*headers, ("Idempotency-Key", "k-1")]
                assert_problem(api.post(f"{path}/submit", json={}, headers=keyed), status, code)
    spaced = api.patch(path, json={"answers": {"nprs_now": 3}}, headers=member.headers | {"If-Match": ' "1" '})
    assert spaced.status_code == 200


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        (["wait=5"], 5),
        (["wait=20"], 20),
        (["wait=21"], 20),
        (["wait=99999999999999999999999"], 20),
        (["Wait = 7"], 7),
        (['wait="3"'], 3),
        (["respond-async, wait=10"], 10),
        (["wait=10, respond-async"], 10),
        (["respond-async", "wait=4"], 4),
        (["wait=4;strict"], 4),
        (["wait=4, wait=9"], 4),
        ([], 0),
        (["wait=0"], 0),
        (["wait"], 0),
        (["wait="], 0),
        (["wait=-1"], 0),
        (["wait=1.5"], 0),
        (["wait=ten"], 0),
        (['wait="3'], 0),
        (["wait=5 6"], 0),
        (["respond-async; wait=10"], 0),
        (['foo="a, wait=10"'], 0),
        (["await=10"], 0),
        (["wait=\u0665"], 0),
        (['"' * 5000 + "wait=5"], 0),
        ([SECRET], 0),
    ],
)
def test_a_preference_to_wait(lines: list[str], seconds: int) -> None:
    assert _wait(lines) == seconds


def test_addresses_and_methods_that_are_not_there(api_alone: TestClient, person: Person_) -> None:
    member = person("acme")
    for path in ("/", "/v1", "/v1/assessments/", f"/v1/{SECRET}", "/v2/jobs", "/v1/jobs//cancel", "/docs", "/redoc"):
        assert_problem(api_alone.get(path, headers=member.headers), 404, "no_such_route")
    for method, path, allowed in (
        ("DELETE", "/v1/templates", "GET"),
        ("PUT", f"/v1/jobs/{uuid4()}", "GET"),
        ("GET", f"/v1/jobs/{uuid4()}/cancel", "POST"),
        ("POST", "/v1/health/live", "GET"),
        ("TRACE", "/v1/templates", "GET"),
    ):
        answer = api_alone.request(method, path, headers=member.headers)
        assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed
