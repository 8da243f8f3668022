"""Versions: ETags, conditional reads and writes, start and resume, merging answers."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.answers import low_back_pain
from tests.api.problems import assert_problem, nothing_changes
from tests.conftest import Database

Make = Callable[..., Any]


def test_start_makes_one_and_then_resumes_it(api: TestClient, person: Make, submit: Make, db: Database) -> None:
    member = person("acme")
    body = {"template_id": "low-back-pain"}
    first = api.post("/v1/assessments", json=body, headers=member.headers)
    assert first.status_code == 201
    assert first.headers["location"] == f"/v1/assessments/{first.json()['id']}"
    assert first.headers["etag"] == '"1"'
    assert (first.json()["status"], first.json()["answers"], first.json()["revision"]) == ("draft", {}, 1)
    with nothing_changes(db):
        again = api.post("/v1/assessments", json=body, headers=member.headers)
    assert again.status_code == 200
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"]
    assert "location" not in again.headers
    other = api.post("/v1/assessments", json={"template_id": "general-fitness"}, headers=member.headers)
    assert other.status_code == 201
    assert submit(member, assessment=first.json()).status_code == 202
    new = api.post("/v1/assessments", json=body, headers=member.headers)
    assert new.status_code == 201
    assert new.json()["id"] != first.json()["id"]


def test_an_unknown_template_cannot_be_started(
    api_alone: TestClient, person: Make, db: Database, subtests: pytest.Subtests
) -> None:
    member = person("acme")
    with nothing_changes(db):
        for name in ("no-such-template", "", "LOW-BACK-PAIN", "low-back-pain ", "'; drop table tenants", "x" * 64):
            with subtests.test(name=name):
                answer = api_alone.post("/v1/assessments", json={"template_id": name}, headers=member.headers)
                assert_problem(answer, 404, "not_found")


def test_saving_merges_and_null_takes_away(api_alone: TestClient, person: Make) -> None:
    member = person("acme")
    made = api_alone.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=member.headers)
    path, tag = made.headers["location"], made.headers["etag"]

    def save(answers: dict[str, Any]) -> dict[str, Any]:
        nonlocal tag
        answer = api_alone.patch(path, json={"answers": answers}, headers=member.headers | {"If-Match": tag})
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"] != tag
        tag = answer.headers["etag"]
        body: dict[str, Any] = answer.json()
        assert tag == f'"{body["revision"]}"'
        assert api_alone.get(path, headers=member.headers).json() == body
        return body

    save({"nprs_now": 3, "sex": "female", "rmdq": ["2", "3"]})
    assert save({"nprs_now": 4})["answers"] == {"nprs_now": 4, "sex": "female", "rmdq": ["2", "3"]}
    # A list is one answer: it is replaced as a whole.
    assert save({"rmdq": ["5"]})["answers"] == {"nprs_now": 4, "sex": "female", "rmdq": ["5"]}
    assert save({"sex": None, "nprs_average": None})["answers"] == {"nprs_now": 4, "rmdq": ["5"]}
    assert save({"nprs_now": 0})["answers"] == {"nprs_now": 0, "rmdq": ["5"]}
    assert save({"nprs_now": None, "rmdq": None})["answers"] == {}


def test_numbers_and_texts_are_stored_as_they_came(api_alone: TestClient, person: Make, subtests: Any) -> None:
    member = person("acme")
    made = api_alone.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=member.headers)
    rows = [{"activity": "Ünïcödé 🦴 \\ \" </script> ' or 1=1 --", "score": 0}]
    path, headers = made.headers["location"], member.headers | {"If-Match": made.headers["etag"]}
    saved = api_alone.patch(path, json={"answers": {"psfs": rows}}, headers=headers)
    assert saved.json()["answers"] == {"psfs": rows}


def test_of_two_saves_to_one_version_the_second_is_told(api_alone: TestClient, person: Make, db: Database) -> None:
    member = person("acme")
    made = api_alone.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=member.headers)
    path, headers = made.headers["location"], member.headers | {"If-Match": made.headers["etag"]}
    assert api_alone.patch(path, json={"answers": {"nprs_now": 3}}, headers=headers).status_code == 200
    with nothing_changes(db):
        answer = api_alone.patch(path, json={"answers": {"nprs_now": 4}}, headers=headers)
        assert_problem(answer, 412, "stale_revision")


def test_what_is_submitted_cannot_be_saved_again(
    api: TestClient, start: Make, submit: Make, person: Make, db: Database
) -> None:
    member = person("acme")
    assessment = start(member)
    job = submit(member, assessment=assessment).json()
    path = f"/v1/assessments/{assessment['id']}"
    now = api.get(path, headers=member.headers)
    assert (now.json()["status"], now.json()["links"]["job"]) == ("submitted", f"/v1/jobs/{job['id']}")
    with nothing_changes(db):
        for tag in ('"1"', now.headers["etag"]):
            headers = member.headers | {"If-Match": tag}
            answer = api.patch(path, json={"answers": {"nprs_now": 0}}, headers=headers)
            assert_problem(answer, 409, "already_submitted")
            assert answer.headers["location"] == f"/v1/jobs/{job['id']}"


def test_submit_adds_its_last_changes_to_the_draft(api: TestClient, submit: Make, person: Make, db: Database) -> None:
    member = person("acme")
    made = api.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=member.headers)
    headers = member.headers | {"If-Match": made.headers["etag"]}
    draft = low_back_pain(nprs_now=9)
    saved = api.patch(made.headers["location"], json={"answers": draft}, headers=headers).json()
    assert submit(member, assessment=saved, answers={"nprs_now": 2, "first_episode": "yes"}).status_code == 202
    stored = db.value("select answers from submissions")
    assert stored["nprs_now"] == 2
    assert stored["first_episode"] == "yes"
    assert stored["rmdq"] == draft["rmdq"]


# If-None-Match for a resource whose ETag is T, and whether it has changed for this client.
CONDITIONS: list[tuple[list[str], int]] = [
    (["T"], 304),
    (["W/T"], 304),
    (["*"], 304),
    (['"other", T'], 304),
    (['W/"other",W/T , "more"'], 304),
    (['"other"', "T"], 304),
    ([], 200),
    ([""], 200),
    (['"other"'], 200),
    (['"0T0"'], 200),
    (["1"], 200),
    (['"*"'], 200),
    (["\"a,'T'\""], 200),
]


def test_an_unchanged_resource_is_304(
    api: TestClient, start: Make, submit: Make, person: Make, subtests: pytest.Subtests
) -> None:
    member = person("acme")
    assessment = start(member)
    job = submit(member, assessment=assessment).json()
    for path in (f"/v1/assessments/{assessment['id']}", f"/v1/jobs/{job['id']}"):
        now = api.get(path, headers=member.headers)
        tag = now.headers["etag"]
        for values, status in CONDITIONS:
            given = [("If-None-Match", value.replace('"0T0"', tag[:-1] + '0"').replace("T", tag)) for value in values]
            with subtests.test(path=path, if_none_match=given):
                answer = api.get(path, headers=[*member.headers.items(), *given])
                assert answer.status_code == status
                for name in ("etag", "cache-control", "retry-after"):
                    assert answer.headers.get(name) == now.headers.get(name)
                assert answer.content == (now.content if status == 200 else b"")


def test_a_job_that_moved_has_another_etag(api: TestClient, submit: Make, work: Make, person: Make) -> None:
    member = person("acme")
    answer = submit(member)
    path = answer.headers["location"]
    headers = member.headers | {"If-None-Match": answer.headers["etag"]}
    assert api.get(path, headers=headers).status_code == 304
    work()
    assert api.get(path, headers=headers).status_code == 200
