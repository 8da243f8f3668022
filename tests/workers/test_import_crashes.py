"""A worker is killed in the middle of an import; another one ends it, and every row was done once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from infra.local import clients
from tests import cluster, processes
from tests.answers import low_back_pain
from tests.conftest import Database, Person
from tests.processes import until
from tests.wire import Side, Wire

Make = Callable[..., Any]
_SAMPLE = {(b"app.import_assessments", "after")}
POINTS: list[tuple[bytes, Side]] = [
    (statement, side)
    for statement in (
        b"insert into import_rows", b"update imports set staged", b"update users u set display_name",
        b"app.import_assessments", b"update import_rows i set status", b"update imports set position", b"app.finish_job",
    )
    for side in ("before", "after")
]  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "side"),
    [
        pytest.param(*p, id=f"{p[0].decode().split()[-1]}-{p[1]}", marks=() if p in _SAMPLE else pytest.mark.long)
        for p in POINTS
    ],
)
def test_killed_at(
    statement: bytes, side: Side, tmp_path: Path, api: TestClient, person: Make, db: Database,
    monkeypatch: pytest.MonkeyPatch, queues: dict[str, str],
) -> None:  # fmt: skip
    for name, value in {
        "FFP_LEASE_S": "1.5", "FFP_VISIBILITY_S": "2", "FFP_RELAY_PERIOD_S": "0.3", "FFP_RELAY_GRACE_S": "0.5",
        "FFP_REPUBLISH_AFTER_S": "3",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    clients.sqs(cluster.emulator().url).set_queue_attributes(
        QueueUrl=queues["bulk"], Attributes={"VisibilityTimeout": "2"}
    )
    owner = person("acme", "business_owner")
    answers = statement == b"app.import_assessments"
    people = _people(db, owner, 3 if answers else 620)
    kind, content = ("assessments", _answers(people)) if answers else ("members", _names(people))
    before = statement in (b"insert into import_rows", b"update imports set staged")
    database = db.app_url.rpartition("@")[2].partition("/")[0]
    host, _, port = database.partition(":")
    with Wire(host, int(port)) as wire:
        through = {"FFP_DATABASE_URL": db.app_url.replace(database, f"127.0.0.1:{wire.port}")}
        if before:
            hold = wire.hold(statement, side)
        found = _begun(api, owner, kind, content)
        with processes.worker(tmp_path, FFP_RELAY="off", **through) as victim:
            if not before:
                until(lambda: _status(db) == "ready", 30, victim.said)
                hold = wire.hold(statement, side)
                _confirm(api, owner, found)
            assert hold.reached.wait(300), victim.said()
            victim.kill()
        wire.cut()
    with processes.worker(tmp_path) as heir:
        until(lambda: _status(db) in {"ready", "completed"}, 40, heir.said)
        if before:
            assert db.value("select count(*) from import_rows") == len(people)
            _confirm(api, owner, found)
        until(lambda: _status(db) == "completed", 60, heir.said)
        until(lambda: db.value("select count(*) from jobs where kind = 'import' and status <> 'succeeded'") == 0, 20)
    assert db.rows("select done, failed, skipped, to_do from imports") == [
        {"done": len(people), "failed": 0, "skipped": 0, "to_do": len(people)}
    ]
    assert db.value("select count(*) from import_rows where status = 'done'") == len(people)
    action = "assessment.submitted" if answers else "member.changed"
    assert db.rows("select count(*) as rows, count(distinct subject_user_id) as people from audit_log where action = %s", action) == [
        {"rows": len(people), "people": len(people)}
    ]  # fmt: skip
    if answers:
        assert db.value("select count(*) from programs") == len(people)
        assert db.value("select count(*) from jobs where kind = 'assessment' and status = 'succeeded'") == len(people)


@pytest.mark.long
def test_held_in_the_middle_of_a_chunk(
    tmp_path: Path, api: TestClient, person: Make, db: Database, queues: dict[str, str]
) -> None:
    """What was being worked on is not stored, its job ends, and after resuming each row is done once."""
    owner = person("acme", "business_owner")
    people = _people(db, owner, 30)
    database = db.app_url.rpartition("@")[2].partition("/")[0]
    host, _, port = database.partition(":")
    with Wire(host, int(port)) as wire:
        through = {"FFP_DATABASE_URL": db.app_url.replace(database, f"127.0.0.1:{wire.port}")}
        found = _begun(api, owner, "members", _names(people))
        with processes.worker(tmp_path, **through) as worker:
            until(lambda: _status(db) == "ready", 30, worker.said)
            hold = wire.hold(b"update imports set position", "before")
            _confirm(api, owner, found)
            assert hold.reached.wait(300), worker.said()
            assert api.post(f"/v1/imports/{found}/pause", headers=owner.headers).json()["status"] == "paused"
            hold.release()
            until(lambda: db.value("select status = 'succeeded' from jobs where kind = 'import'"), 20, worker.said)
            assert db.value("select count(*) from users where display_name = 'New'") == 0
            assert db.value("select done from imports") == 0
            api.post(f"/v1/imports/{found}/resume", headers=owner.headers).raise_for_status()
            until(lambda: _status(db) == "completed", 30, worker.said)
    assert db.value("select count(*) from users where display_name = 'New'") == len(people)
    assert db.value("select count(*) from audit_log where action = 'member.changed'") == len(people)


def _status(db: Database) -> str:
    return str(db.value("select status from imports"))


def _people(db: Database, owner: Person, number: int) -> list[str]:
    rows = db.rows(
        """insert into users (tenant_id, id, email, display_name, role)
           select %s, gen_random_uuid(), 'p' || n || '@acme.example', 'Old', 'member' from generate_series(1, %s) n
           returning email""",
        owner.tenant_id, number,
    )  # fmt: skip
    return [row["email"] for row in rows]


def _names(people: list[str]) -> str:
    return "email,name\n" + "".join(f"{email},New\n" for email in people)


def _answers(people: list[str]) -> str:
    import json

    return "\n".join(json.dumps({"email": email} | low_back_pain()) for email in people)


def _begun(api: TestClient, owner: Person, kind: str, content: str) -> str:
    order = {"kind": kind, "on_duplicate": "update"} | (
        {"template_id": "low-back-pain"} if kind == "assessments" else {}
    )
    made = api.post("/v1/imports", json=order, headers=owner.headers | {"Idempotency-Key": uuid4().hex})
    found = str(made.json()["id"])
    media = "text/csv" if kind == "members" else "application/x-ndjson"
    headers = owner.headers | {"Content-Type": media}
    api.put(f"/v1/imports/{found}/content", content=content.encode(), headers=headers).raise_for_status()
    return found


def _confirm(api: TestClient, owner: Person, found: str) -> None:
    revision = api.get(f"/v1/imports/{found}", headers=owner.headers).json()["revision"]
    headers = owner.headers | {"If-Match": f'"{revision}"'}
    api.post(f"/v1/imports/{found}/confirm", headers=headers).raise_for_status()
