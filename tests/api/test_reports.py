"""Programs as PDF: made once, tagged, downloaded by who may see the program."""

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.request import ProxyHandler, build_opener
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from tests.api.problems import assert_problem
from tests.conftest import Database, Person
from tests.mail import deliver

Make = Callable[..., Any]
_direct = build_opener(ProxyHandler({}))


def ask(api: TestClient, who: Person, program: object, key: str | None = None) -> Any:
    return api.post(f"/v1/programs/{program}/report", headers=who.headers | {"Idempotency-Key": key or str(uuid4())})


def test_a_program_is_set_in_type_for_who_may_see_it(
    api: TestClient,
    person: Make,
    submit: Make,
    work: Make,
    db: Database,
    queues: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    who, clinician = person("acme"), person("acme", "clinician")
    neighbour, stranger = person("acme"), person("globex", "clinician")
    submit(who)
    work()
    program = db.value("select id from programs")
    answer = ask(api, who, program, "one")
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["kind"], job["stage"]) == ("report", "rendering")
    assert ask(api, who, program, "one").headers["idempotent-replayed"] == "true"
    assert ask(api, clinician, program).json()["id"] == job["id"]  # it is being made
    at = f"/v1/reports/{job['id']}"
    assert_problem(api.get(f"{at}/download", headers=who.headers), 409, "report_not_ready")
    deliver(monkeypatch, queues)
    done = api.get(f"/v1/jobs/{job['id']}", headers=who.headers).json()
    assert (done["status"], done["result"]["href"]) == ("succeeded", at)
    found = api.get(at, headers=clinician.headers).json()
    assert (found["status"], found["program_id"]) == ("ready", str(program))
    for path in (at, f"{at}/download"):
        for other in (neighbour, stranger):
            assert_problem(api.get(path, headers=other.headers), 404, "not_found")
    for other in (neighbour, stranger):
        assert_problem(ask(api, other, program), 404, "not_found")
    download = api.get(f"{at}/download", headers=who.headers)
    assert download.headers["cache-control"] == "no-store"
    with _direct.open(download.json()["url"]) as file:
        raw = file.read()
    assert (len(raw), hashlib.sha256(raw).hexdigest()) == (found["size"], found["sha256"])
    assert raw.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in raw
    assert b"pdfuaid" in raw  # PDF/UA
    assert str(who.context.user_id).encode() not in raw
    actions = {row["action"] for row in db.rows("select action from audit_log where action like 'report.%%'")}
    assert actions == {"report.requested", "report.downloaded"}
    db.rows("update reports set expires_at = now()")
    assert_problem(api.get(f"{at}/download", headers=who.headers), 410, "report_expired")


def test_what_is_not_to_be_done_is_not_printed(
    api: TestClient,
    person: Make,
    submit: Make,
    work: Make,
    db: Database,
    queues: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    who, clinician = person("acme", review=True), person("acme", "clinician")
    submit(who)
    work()
    program = db.value("select id from programs")
    assert_problem(ask(api, who, program), 404, "not_found")
    assert_problem(ask(api, clinician, program), 409, "program_in_other_state")
    db.rows("update programs set status = 'active'")
    job = ask(api, who, program).json()
    db.rows("update programs set status = 'paused_safety'")
    deliver(monkeypatch, queues)
    ended = api.get(f"/v1/jobs/{job['id']}", headers=who.headers).json()
    assert (ended["status"], ended["error"]["code"]) == ("failed", "program_in_other_state")
    assert api.get(f"/v1/reports/{job['id']}", headers=who.headers).json()["status"] == "failed"
