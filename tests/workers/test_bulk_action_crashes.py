"""A worker is killed in the middle of a bulk action; another one ends it, and every member was dealt with once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from infra.local import clients
from tests import cluster, processes
from tests.conftest import Database
from tests.processes import until
from tests.wire import Side, Wire

_MEMBERS = 620  # two chunks
_SAMPLE = {(b"update bulk_action_members m set status", "after")}
POINTS: list[tuple[bytes, Side]] = [
    (statement, side)
    for statement in (
        b"insert into assessments", b"insert into emails", b"update bulk_action_members m set status",
        b"update bulk_actions set position", b"app.finish_job",
    )
    for side in ("before", "after")
]  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "side"),
    [
        pytest.param(*p, id=f"{p[0].decode().replace(' ', '-')}-{p[1]}", marks=() if p in _SAMPLE else pytest.mark.long)
        for p in POINTS
    ],
)  # fmt: skip
def test_killed_at(
    statement: bytes, side: Side, tmp_path: Path, api: TestClient, person: Callable[..., Any], db: Database,
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
    db.rows(
        """insert into users (tenant_id, id, email, role)
           select %s, gen_random_uuid(), 'p' || n || '@acme.example', 'member' from generate_series(1, %s) n""",
        owner.tenant_id, _MEMBERS,
    )  # fmt: skip
    order = {
        "action": "assign", "template_id": "low-back-pain", "filter": {"role": ["member"]}, "dry_run": False,
        "expected_count": _MEMBERS,
    }  # fmt: skip
    database = db.app_url.rpartition("@")[2].partition("/")[0]
    host, _, port = database.partition(":")
    with Wire(host, int(port)) as wire:
        through = {"FFP_DATABASE_URL": db.app_url.replace(database, f"127.0.0.1:{wire.port}")}
        hold = wire.hold(statement, side)
        with processes.worker(tmp_path, FFP_RELAY="off", **through) as victim:
            headers = owner.headers | {"Idempotency-Key": uuid4().hex}
            api.post("/v1/business/bulk-actions", json=order, headers=headers).raise_for_status()
            assert hold.reached.wait(300), victim.said()
            victim.kill()
        wire.cut()
    with processes.worker(tmp_path) as heir:
        until(lambda: db.value("select status from bulk_actions") == "completed", 60, heir.said)
        until(
            lambda: db.value("select count(*) from jobs where kind = 'bulk_action' and status <> 'succeeded'") == 0, 20
        )
    assert db.rows("select done, skipped, failed, to_do from bulk_actions") == [
        {"done": _MEMBERS, "skipped": 0, "failed": 0, "to_do": _MEMBERS}
    ]
    assert db.value("select count(*) from bulk_action_members where status = 'done'") == _MEMBERS
    for what in (
        "assessments where assigned_at is not null", "notifications where kind = 'assessment_due'",
        "reminders where kind = 'assessment'", "emails where kind = 'assessment_due'",
    ):  # fmt: skip
        [found] = db.rows(f"select count(*) as rows, count(distinct user_id) as people from {what}")
        assert found == {"rows": _MEMBERS, "people": _MEMBERS}, what
    assert (
        db.value("select count(distinct subject_user_id) from audit_log where action = 'assessment.assigned'")
        == _MEMBERS
    )
