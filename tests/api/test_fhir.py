"""FHIR R4 over HTTP: Questionnaires out and in, a QuestionnaireResponse, a CarePlan; refusals with their places."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from infra.content import load_templates
from tests.answers import low_back_pain
from tests.api.problems import SECRET, assert_problem, nothing_changes, sent
from tests.conftest import Database, Person
from tests.domain.fhir import elsewhere

Make = Callable[..., Person]
Json = dict[str, Any]
FHIR = "application/fhir+json"
SAME = {"X-Request-ID": "the-same-request"}


@pytest.fixture
def send(api_alone: TestClient) -> Callable[..., Response]:
    def post(who: Person, resource: Any, kind: str = FHIR) -> Response:
        content = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
        return api_alone.post("/v1/templates/import", content=content, headers=who.headers | {"Content-Type": kind})

    return post


def test_every_shipped_template_goes_out_and_comes_back(
    api_alone: TestClient, person: Make, send: Callable[..., Response]
) -> None:
    clinician, member = person("acme", "clinician"), person("acme")
    for template in load_templates():
        path = f"/v1/templates/{template.id}/versions/{template.version}"
        out = api_alone.get(f"{path}/fhir", headers=member.headers)
        assert (out.status_code, out.headers["content-type"]) == (200, FHIR)
        questionnaire = out.json()
        assert (questionnaire["resourceType"], questionnaire["status"]) == ("Questionnaire", "active")
        back = send(clinician, questionnaire)
        assert (back.status_code, back.headers["content-type"]) == (201, "application/json")
        body = back.json()
        assert (body["id"], body["status"], body["content_hash"]) == (template.id, "draft", template.content_hash)
        assert send(clinician, questionnaire, "application/json").status_code == 200  # the same again
        draft = api_alone.get(f"{path}/fhir", headers=clinician.headers).json()  # now the tenant's own
        assert draft == questionnaire | {"status": "draft"}
        assert api_alone.get(f"{path}/fhir", headers=member.headers).content == out.content
        lint = api_alone.post(f"{path}/lint", headers=clinician.headers)
        assert lint.json() == {"findings": []}


def test_a_questionnaire_from_elsewhere_becomes_a_draft_that_lint_has_a_word_on(
    api_alone: TestClient, person: Make, send: Callable[..., Response]
) -> None:
    clinician, globex = person("acme", "clinician"), person("globex", "clinician")
    made = send(clinician, elsewhere.questionnaire())
    assert made.status_code == 201, made.text
    path = made.headers["location"]
    assert path == "/v1/templates/knee-check/versions/2.1.0"
    findings = api_alone.post(f"{path}/lint", headers=clinician.headers).json()["findings"]
    assert {"dangling_reference", "flag_not_asked"} <= {finding["code"] for finding in findings}
    published = api_alone.post(f"{path}/publish", headers=clinician.headers | {"If-Match": '"1"'})
    assert_problem(published, 422, "template_not_publishable", "/document/feeds")
    for suffix in ("", "/fhir"):
        foreign = api_alone.get(path + suffix, headers=globex.headers | SAME)
        unknown = api_alone.get(f"/v1/templates/no-such/versions/2.1.0{suffix}", headers=globex.headers | SAME)
        assert_problem(foreign, 404, "not_found")
        assert sent(foreign) == sent(unknown)


def test_what_cannot_be_honoured_is_refused_with_every_reason(
    person: Make, send: Callable[..., Response], db: Database
) -> None:
    clinician, resource = person("acme", "clinician"), elsewhere.questionnaire()
    resource["item"][0]["item"][0] |= {"type": "hologram", "text": SECRET}
    resource["item"][0]["item"][1]["initial"] = [{"valueBoolean": True}]
    resource["implicitRules"] = f"https://{SECRET}.example"
    with nothing_changes(db):
        problem = assert_problem(send(clinician, resource), 422, "not_importable", "/implicitRules")
    found = {(error["pointer"], error["code"]) for error in problem["errors"]}
    assert ("/item/0/item/1/initial", "initial_value") in found
    assert any(code == "unknown_type" and pointer.startswith("/item/0/item/0") for pointer, code in found)


def test_what_is_no_questionnaire_is_refused_quickly(
    person: Make, send: Callable[..., Response], db: Database, subtests: pytest.Subtests
) -> None:
    clinician, member = person("acme", "clinician"), person("acme")
    nested: Json = {"linkId": "x", "text": "x", "type": "display"}
    for number in range(28):
        nested = {"linkId": f"g{number}", "text": "x", "type": "group", "item": [nested]}
    regex = {"url": "http://hl7.org/fhir/StructureDefinition/regex", "valueString": "(a+)+$"}
    bomb = {"linkId": "t", "text": "x", "type": "string", "maxLength": 50, "extension": [regex]}
    many = [{"linkId": f"i{n}", "type": "display", "text": "x"} for n in range(9_000)]
    bad = [{"linkId": f"i{n}", "type": "?"} for n in range(9_000)]
    few = elsewhere.questionnaire()
    cases: dict[str, tuple[Any, str, int, str]] = {
        "a list": ([1, 2], FHIR, 422, "not_importable"),
        "null": (None, FHIR, 422, "not_importable"),
        "a number": (1, FHIR, 422, "not_importable"),
        "another resource": ({"resourceType": "Patient"}, FHIR, 422, "not_importable"),
        "groups 28 deep": (few | {"item": [nested]}, FHIR, 422, "not_importable"),
        "a regex bomb": (few | {"item": [bomb]}, FHIR, 422, "not_importable"),
        "9,000 items": (few | {"item": many}, FHIR, 422, "not_importable"),
        "9,000 wrong items": (few | {"item": bad}, FHIR, 422, "not_importable"),
        "600 KB": (few | {"description": "x" * 600_000}, FHIR, 413, "body_too_large"),
        "100 levels": (b'{"resourceType":' + b"[" * 100 + b"]" * 100 + b"}", FHIR, 400, "malformed_request"),
        "a million levels": (b"[" * 500_000, FHIR, 400, "malformed_request"),
        "no JSON": (b"<Questionnaire/>", FHIR, 400, "malformed_request"),
        "XML": (b"<Questionnaire/>", "application/fhir+xml", 415, "unsupported_media_type"),
        "nothing": (b"", FHIR, 422, "invalid_request"),
    }
    with nothing_changes(db):
        for name, (resource, kind, status, code) in cases.items():
            with subtests.test(case=name):
                began = time.process_time()
                answer = send(clinician, resource, kind)
                assert_problem(answer, status, code)
                assert len(answer.json()["errors"]) <= 100
                assert time.process_time() - began < 2
        assert_problem(send(member, few), 403, "forbidden")


def test_a_template_takes_json_only_and_in_its_own_form(api_alone: TestClient, person: Make) -> None:
    headers = person("acme", "clinician").headers
    sent = api_alone.post("/v1/templates", content=b"{}", headers=headers | {"Content-Type": FHIR})
    assert_problem(sent, 415, "unsupported_media_type")
    as_json = api_alone.post("/v1/templates", json=elsewhere.questionnaire(), headers=headers)
    assert_problem(as_json, 422, "invalid_request")


def test_a_submitted_assessment_and_its_program_as_fhir(
    api: TestClient,
    person: Make,
    start: Callable[..., Json],
    submit: Callable[..., Response],
    work: Callable[[], int],
    db: Database,
) -> None:
    member, clinician, globex = person("acme"), person("acme", "clinician"), person("globex", "business_owner")
    draft = start(member)
    path = f"/v1/assessments/{draft['id']}/fhir"
    assert_problem(api.get(path, headers=member.headers), 404, "not_found")  # nothing was submitted
    job = submit(member, assessment=draft, answers=low_back_pain(nprs_now=4)).json()
    work()
    program = api.get(job["links"]["self"], headers=member.headers).json()["result"]["id"]
    seen = db.value("select max(id) from audit_log")

    answer = api.get(path, headers=member.headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, FHIR)
    response = answer.json()
    assert (response["resourceType"], response["status"]) == ("QuestionnaireResponse", "completed")
    assert response["subject"] == {"reference": f"Patient/{member.context.user_id}"}
    assert response["questionnaire"].endswith("/Questionnaire/low-back-pain|1.0.0")
    given = {item["linkId"]: item["answer"] for item in _leaves(response["item"])}
    assert given["nprs_now"] == [{"valueInteger": 4}]
    assert given["disability_rmdq"] == [{"valueDecimal": 6}]

    bundle = api.get(f"/v1/programs/{program}/fhir", headers=member.headers)
    assert (bundle.status_code, bundle.headers["content-type"]) == (200, FHIR)
    entries = {entry["resource"]["resourceType"]: entry["resource"] for entry in bundle.json()["entry"]}
    assert set(entries) == {"CarePlan", "Goal"}
    assert (entries["CarePlan"]["id"], entries["CarePlan"]["status"]) == (program, "active")
    assert api.get(f"/v1/programs/{program}/fhir", headers=member.headers).content == bundle.content
    assert db.value("select max(id) from audit_log") == seen  # one's own records

    for record, kind in ((path, "assessment"), (f"/v1/programs/{program}/fhir", "program")):
        assert api.get(record, headers=clinician.headers).status_code == 200
        [row] = db.rows("select * from audit_log where id > %s", seen)
        seen = row["id"]
        assert (row["action"], row["actor_id"]) == (f"{kind}.read", clinician.context.user_id)
        assert row["subject_user_id"] == member.context.user_id
        assert_problem(api.get(record, headers=globex.headers), 404, "not_found")
        assert_problem(api.get(record, headers=person("acme").headers), 404, "not_found")
    # An amended attempt leaves it as it was.
    amended = api.post(f"/v1/assessments/{draft['id']}/amend", headers=member.headers).json()
    assert submit(member, assessment=amended, answers={"nprs_now": 9}).status_code == 202
    assert api.get(path, headers=member.headers).content == answer.content


def _leaves(items: list[Json]) -> list[Json]:
    return [leaf for item in items for leaf in ([item] if "answer" in item else _leaves(item.get("item", [])))]
