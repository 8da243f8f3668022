"""A copy of everything about a person: what is in it, who gets it, and that it is made once."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from domain.jobs import Message
from domain.rights import export_key, export_prefix
from infra import objects, queue, retention, settings
from infra.local import clients
from infra.local.buckets import EXPORTS
from tests import cluster, processes
from tests.api.problems import assert_problem
from tests.conftest import Database, Person
from tests.processes import until
from tests.wire import Side, Wire

Make = Callable[..., Any]
_direct = build_opener(ProxyHandler({}))


def ask(api: TestClient, who: Person, key: str | None = None, path: str = "/v1/me/exports") -> Any:
    return api.post(path, headers=who.headers | {"Idempotency-Key": key or str(uuid4())})


def stored(who: Person) -> list[str]:
    """Keys of this person's files."""
    prefix = export_prefix(who.tenant_id, who.context.user_id or uuid4())
    found = clients.s3(cluster.emulator().url).list_objects_v2(Bucket=EXPORTS, Prefix=prefix)
    return [each["Key"] for each in found.get("Contents", [])]


def fetch(api: TestClient, who: Person, export: str, above: str = "/v1/me") -> zipfile.ZipFile:
    answer = api.get(f"{above}/exports/{export}/download", headers=who.headers)
    assert answer.status_code == 200, answer.text
    with _direct.open(answer.json()["url"]) as file:
        return zipfile.ZipFile(io.BytesIO(file.read()))


@pytest.fixture
def records(api: TestClient, submit: Make, work: Make) -> Make:
    """Somebody with a finished assessment and a draft."""

    def make(who: Person) -> None:
        submit(who)
        work()
        api.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=who.headers)

    return make


def test_an_export_holds_everything_of_its_person_and_nothing_of_another(
    api: TestClient, person: Make, records: Make, work: Make, db: Database
) -> None:
    who, neighbour, stranger = person("acme"), person("acme"), person("globex")
    for each in (who, neighbour, stranger):
        records(each)
    api.patch("/v1/me", json={"display_name": "Robin Ashe"}, headers=who.headers | {"If-Match": '"1"'})
    accepted = {"document": "health_data", "version": "1.0.0", "accepted": True}
    api.post("/v1/me/consents", json=accepted, headers=who.headers)

    answer = ask(api, who)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["kind"], job["stage"], job["status"]) == ("export", "exporting", "queued")
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    early = api.get(f"/v1/me/exports/{job['id']}", headers=who.headers).json()
    assert (early["status"], early["size"], "download" in early["links"]) == ("preparing", None, False)
    assert_problem(api.get(f"/v1/me/exports/{job['id']}/download", headers=who.headers), 409, "export_not_ready")
    work()
    ended = api.get(f"/v1/jobs/{job['id']}", headers=who.headers).json()
    assert (ended["status"], ended["result"]["type"]) == ("succeeded", "export")
    export = api.get(ended["result"]["href"], headers=who.headers).json()
    assert export["status"] == "ready"
    assert api.get("/v1/me/exports", headers=who.headers).json()["items"] == [export]

    archive = fetch(api, who, job["id"])
    assert archive.namelist() == ["export.json", "fhir-bundle.json", "emails.json"]
    assert archive.testzip() is None
    raw = archive.fp.getvalue()  # type: ignore[union-attr]
    assert (len(raw), hashlib.sha256(raw).hexdigest()) == (export["size"], export["sha256"])
    held = json.loads(archive.read("export.json"))
    assert held["profile"]["display_name"] == "Robin Ashe"
    assert {name: len(held[name]) for name in ("consents", "assessments", "submissions", "scores", "programs")} == {
        "consents": 1, "assessments": 2, "submissions": 1, "scores": 1, "programs": 1,
    }  # fmt: skip
    for table, name in (
        ("sessions", "sessions"),
        ("prescribed_exercises", "exercises"),
        ("notifications", "notifications"),
    ):
        assert len(held[name]) == db.value(f"select count(*) from {table} where user_id = %s", who.context.user_id) > 0
    assert held["submissions"][0]["answers"] == db.value(
        "select answers from submissions where user_id = %s", who.context.user_id
    )
    assert {"assessment.submitted", "program.created", "consent.given"} <= {row["action"] for row in held["audit"]}
    assert json.loads(archive.read("emails.json")) != []

    bundle = json.loads(archive.read("fhir-bundle.json"))
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert kinds == ["Patient", "QuestionnaireResponse", "CarePlan", "Goal"]
    response = api.get(f"/v1/assessments/{held['submissions'][0]['assessment_id']}/fhir", headers=who.headers).json()
    assert bundle["entry"][1]["resource"] == response

    everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    for other in (neighbour, stranger):
        assert str(other.context.user_id) not in everything
        assert other.email not in everything


def test_a_program_that_waits_for_review_is_not_in_it(
    api: TestClient, person: Make, submit: Make, work: Make, db: Database
) -> None:
    who = person("acme", review=True)
    submit(who)
    work()
    job = ask(api, who).json()
    work()
    held = json.loads(fetch(api, who, job["id"]).read("export.json"))
    assert db.value("select count(*) from programs") == 1
    assert (held["programs"], held["sessions"], held["exercises"]) == ([], [], [])


def test_who_gets_an_export(api: TestClient, person: Make, work: Make, db: Database) -> None:
    who, neighbour, stranger = person("acme"), person("acme"), person("globex")
    staff = [person("acme", role) for role in ("business_owner", "business_admin", "clinician")]
    job = ask(api, who).json()
    work()
    for other in (neighbour, stranger, *staff, person("globex", "business_owner")):
        for path in ("", "/download"):
            answer = api.get(f"/v1/me/exports/{job['id']}{path}", headers=other.headers)
            assert_problem(answer, 404, "not_found")
            owner = other.context.role == "business_owner"
            answer = api.get(
                f"/v1/business/members/{who.context.user_id}/exports/{job['id']}{path}", headers=other.headers
            )
            assert_problem(answer, *((404, "not_found") if owner else (403, "forbidden")))
        assert api.get("/v1/me/exports", headers=other.headers).json() == {"items": []}


def test_an_owner_has_one_made_for_a_member_who_sees_that(
    api: TestClient, person: Make, records: Make, work: Make, db: Database
) -> None:
    member, owner, other = person("acme"), person("acme", "business_owner"), person("acme", "business_owner")
    records(member)
    db.rows("update users set status = 'removed' where id = %s", member.context.user_id)
    above = f"/v1/business/members/{member.context.user_id}"
    job = ask(api, owner, path=f"{above}/exports").json()
    work()
    ended = api.get(f"/v1/jobs/{job['id']}", headers=owner.headers).json()
    assert ended["result"]["href"] == f"{above}/exports/{job['id']}"
    assert api.get(ended["result"]["href"], headers=owner.headers).json()["status"] == "ready"
    held = json.loads(fetch(api, owner, job["id"], above).read("export.json"))
    assert held["profile"]["id"] == str(member.context.user_id)
    assert len(held["submissions"]) == 1
    assert_problem(api.get(ended["result"]["href"], headers=other.headers), 404, "not_found")
    trail = db.rows("select action, actor_id, subject_user_id from audit_log where action like 'export.%%' order by id")
    assert [row["action"] for row in trail] == ["export.requested", "export.made", "export.downloaded"]
    assert {row["subject_user_id"] for row in trail} == {member.context.user_id}
    assert trail[0]["actor_id"] == trail[2]["actor_id"] == owner.context.user_id
    db.rows("update users set status = 'active' where id = %s", member.context.user_id)
    assert [each["id"] for each in api.get("/v1/me/exports", headers=member.headers).json()["items"]] == [job["id"]]
    unknown = ask(api, owner, path=f"/v1/business/members/{uuid4()}/exports")
    stranger = person("globex")
    foreign = ask(api, owner, path=f"/v1/business/members/{stranger.context.user_id}/exports")
    assert_problem(unknown, 404, "not_found")
    assert_problem(foreign, 404, "not_found")
    assert db.value("select count(*) from jobs where user_id = %s", stranger.context.user_id) == 0


def test_a_key_is_one_export_and_so_is_one_that_is_under_way(
    api: TestClient, person: Make, work: Make, db: Database
) -> None:
    who, owner = person("acme"), person("acme", "business_owner")
    assert_problem(api.post("/v1/me/exports", headers=who.headers), 400, "idempotency_key_missing")
    first = ask(api, who, "key-1")
    again, twin = ask(api, who, "key-1"), ask(api, who, "key-2")
    assert {answer.json()["id"] for answer in (first, again, twin)} == {first.json()["id"]}
    assert again.headers["idempotent-replayed"] == "true"
    mine = ask(api, owner, "key-1").json()["id"]  # another person's key
    path = f"/v1/business/members/{who.context.user_id}/exports"
    assert_problem(ask(api, owner, "key-1", path), 422, "idempotency_key_reused")
    theirs = ask(api, owner, "key-3", path).json()["id"]
    work()
    assert {row["id"] for row in db.rows("select id::text from exports where status = 'ready'")} == {
        first.json()["id"], mine, theirs,
    }  # fmt: skip
    assert ask(api, who, "key-1").json()["status"] == "succeeded"
    assert ask(api, who, "key-4").json()["id"] != first.json()["id"]


def test_an_expired_export_is_gone_and_then_forgotten(api: TestClient, person: Make, work: Make, db: Database) -> None:
    who = person("acme")
    job = ask(api, who).json()
    work()
    db.rows("update exports set expires_at = now() - interval '1 day'")
    assert_problem(api.get(f"/v1/me/exports/{job['id']}/download", headers=who.headers), 410, "export_expired")
    assert api.get(f"/v1/me/exports/{job['id']}", headers=who.headers).json()["status"] == "expired"
    assert retention.prune(settings.retention())["exports"] == 0
    db.rows("update exports set expires_at = now() - interval '31 days'")
    assert retention.prune(settings.retention())["exports"] == 1
    assert_problem(api.get(f"/v1/me/exports/{job['id']}", headers=who.headers), 404, "not_found")


def test_what_is_stored_once_is_never_another_file(tmp_path: Path, person: Make, queues: dict[str, str]) -> None:
    key = f"{uuid4()}/{uuid4()}/x.zip"
    (tmp_path / "a").write_bytes(b"first")
    (tmp_path / "b").write_bytes(b"second")
    first = objects.put_once(key, tmp_path / "a", "application/zip")
    assert objects.put_once(key, tmp_path / "b", "application/zip") == first
    assert (first.size, first.sha256) == (5, hashlib.sha256(b"first").hexdigest())
    assert objects.delete_under(key.rpartition("/")[0]) == 1
    assert objects.delete_under(key.rpartition("/")[0]) == 0


def test_storage_that_does_not_answer_is_asked_again(
    api: TestClient, person: Make, work: Make, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = person("acme")
    job = ask(api, who).json()
    with monkeypatch.context() as broken:
        broken.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
        settings.objects.cache_clear()
        objects.client.cache_clear()
        work()
    settings.objects.cache_clear()
    objects.client.cache_clear()
    assert db.rows("select status, error_code from jobs") == [
        {"status": "retrying", "error_code": "storage_unavailable"}
    ]
    db.rows("update jobs set available_at = null")
    queue.publish([Message(who.tenant_id, job["id"], "exporting", "again")])
    work()
    assert db.value("select status from jobs") == "succeeded"
    assert stored(who) == [export_key(who.tenant_id, who.context.user_id, job["id"])]


# --- a worker is killed ---

# Before and after what the worker asks of PostgreSQL and of S3.
POINTS: list[tuple[str, bytes, Side]] = [
    ("database", b"app.claim_next", "after"),
    ("database", b"from submissions x", "after"),
    ("storage", b"PUT /ffp-exports", "before"),
    ("storage", b"PUT /ffp-exports", "after"),
    ("storage", b"HEAD /ffp-exports", "after"),
    ("database", b"app.finish_job", "after"),
    ("database", b"update exports", "before"),
    ("database", b"commit", "after"),
]
SAMPLE = {3, 6}


@pytest.mark.parametrize(
    ("where", "what", "side"),
    [
        pytest.param(
            *point, id=f"{point[1].decode().split()[-1]}-{point[2]}", marks=() if n in SAMPLE else pytest.mark.long
        )
        for n, point in enumerate(POINTS)
    ],
)
def test_a_killed_worker_leaves_one_finished_export(
    where: str, what: bytes, side: Side, tmp_path: Path, api: TestClient, person: Make, db: Database,
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
    who = person("acme")
    database = db.app_url.rpartition("@")[2].partition("/")[0]
    storage = cluster.emulator().url.partition("//")[2]
    behind = database if where == "database" else storage
    host, _, port = behind.partition(":")
    with Wire(host, int(port)) as wire:
        hold = wire.hold(what, side)
        through = {
            "database": {"FFP_DATABASE_URL": db.app_url.replace(database, f"127.0.0.1:{wire.port}")},
            "storage": {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{wire.port}"},
        }[where]
        job = ask(api, who).json()
        with processes.worker(tmp_path, FFP_RELAY="off", **through) as victim:
            assert hold.reached.wait(20), victim.said()
            victim.kill()
        wire.cut()
    with processes.worker(tmp_path) as heir:
        until(lambda: db.value("select status = 'succeeded' from jobs where kind = 'export'"), 30, heir.said)
    [export] = db.rows("select * from exports")
    assert export["status"] == "ready"
    assert stored(who) == [export_key(who.tenant_id, who.context.user_id, job["id"])]
    with fetch(api, who, job["id"]) as archive:
        raw = archive.fp.getvalue()  # type: ignore[union-attr]
        assert (len(raw), hashlib.sha256(raw).hexdigest()) == (export["size"], export["sha256"])


COPIES = """
    insert into {table} select (jsonb_populate_record(x, to_jsonb(x) || jsonb_build_object({changes}))).*
    from {table} x, generate_series(1, 150) n where x.user_id = %s{only}"""


def copied(db: Database, who: Person) -> None:
    """A hundred and fifty times what the person has, each with ids of its own."""
    other = "md5(x.{0}::text || n)::uuid"
    for table, changes in {
        "assessments": {"id": other.format("id"), "status": "'submitted'"},
        "submissions": {
            "id": other.format("id"), "assessment_id": other.format("assessment_id"), "attempt_number": "n + 1",
            "is_initial": "false",
        },
        "scores": {"submission_id": other.format("submission_id")},
        "jobs": {"id": other.format("id"), "assessment_id": other.format("assessment_id")},
        "programs": {
            "id": other.format("id"), "submission_id": other.format("submission_id"), "job_id": other.format("job_id"),
            "status": "'archived'",
        },
        "sessions": {"id": other.format("id"), "program_id": other.format("program_id")},
        "prescribed_exercises": {"session_id": other.format("session_id")},
    }.items():  # fmt: skip
        pairs = ", ".join(f"'{name}', {value}" for name, value in changes.items())
        only = " and x.kind = 'assessment'" if table == "jobs" else ""
        db.rows(COPIES.format(table=table, changes=pairs, only=only), who.context.user_id)


@pytest.mark.long
def test_a_large_record_takes_little_memory(
    api: TestClient, person: Make, submit: Make, work: Make, db: Database, tmp_path: Path
) -> None:
    """A worker makes a small export, and then one of a hundred times its size: its peak hardly grows."""
    small, large = person("acme"), person("acme")
    for who in (small, large):
        submit(who)
        work()
    copied(db, large)

    def made(who: Person) -> tuple[dict[str, Any], int]:
        job = ask(api, who).json()
        until(lambda: db.value("select status = 'succeeded' from jobs where id = %s", job["id"]), 60, worker.said)
        peak = Path(f"/proc/{worker.popen.pid}/status").read_text().partition("VmHWM:")[2].split()[0]  # kB
        return json.loads(fetch(api, who, job["id"]).read("export.json")), int(peak)

    with processes.worker(tmp_path, FFP_RELAY="off") as worker:
        few, before = made(small)
        many, after = made(large)
    assert len(many["programs"]) == 151 * len(few["programs"])
    assert len(json.dumps(many)) > 100 * len(json.dumps(few)) > 5_000_000
    assert after - before < 40_000
