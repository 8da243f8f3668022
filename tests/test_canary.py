"""Marked values go into every input of a running stack: answers, notes, names, addresses, templates, headers, queries,
bodies that are wrong, messages that are. Its jobs succeed, fail, are retried and die. Then every place where a value
may not be is searched for them: logs, metrics, traces, queues, problems, dead letters, e-mails, PostgreSQL's own log.
"""

import json
import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2

from domain.jobs import Message
from infra.messages import encode
from tests import cluster, mail, processes
from tests.answers import low_back_pain
from tests.conftest import Database, Person, emulated_sqs
from tests.domain.fhir import elsewhere
from tests.processes import until

Make = Callable[..., Person]
TRACE = "5759e988bd862e3fe1be46a994272793"
_RUN = uuid4().hex[:8]  # PostgreSQL's log is that of the whole run
_KINDS = ("answer", "note", "name", "email", "template", "fhir", "header", "query", "body", "message", "reason")
MARKS = {kind: f"zq{_RUN}{kind}qz" for kind in _KINDS}

# Where a value of somebody has to stand: the rows it belongs to, an answer that is kept for its repetition for a day,
# and the bytes of a message that is none, which come out with an audit row alone.
AT_HOME = {
    "assessments": {"answer"},
    "submissions": {"answer"},
    "scores": {"answer"},
    "programs": {"note"},
    "templates": {"template", "fhir"},
    "users": {"name", "email"},
    "invitations": {"email"},
    "emails": {"email"},
    "idempotency_keys": {"email"},
    "dead_letter_messages": {"message"},
}


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Somebody's OTLP receiver: its address, and what it was sent."""
    got: list[bytes] = []

    class Receive(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receive)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def watched(traces: str) -> tuple[int, dict[str, str]]:
    port = free_port()
    return port, {
        "FFP_METRICS_PORT": str(port),
        "OTEL_EXPORTER_OTLP_ENDPOINT": traces,
        "OTEL_BSP_SCHEDULE_DELAY": "100",  # milliseconds
        "FFP_LOG_LEVEL": "DEBUG",
        "FFP_LEASE_S": "1.5",
        "FFP_VISIBILITY_S": "2",
        "FFP_RELAY_PERIOD_S": "0.3",
        "FFP_RELAY_GRACE_S": "0.5",
        "FFP_REPUBLISH_AFTER_S": "3600",
    }


def page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def peek(queues: dict[str, str]) -> str:
    """What lies on all queues, left there. It counts as a receive."""
    client, found = emulated_sqs(), []
    for url in queues.values():
        answer = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0, MessageSystemAttributeNames=["All"]
        )
        found += answer.get("Messages", [])
    return json.dumps(found)


class Client:
    """Everything a client can say, with marks in it. What is answered is kept, where it is a problem."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http
        self.problems: list[str] = []

    def ask(self, method: str, path: str, who: Person | None = None, **given: Any) -> httpx2.Response:
        headers = {**(who.headers if who else {}), **given.pop("headers", {})}
        answer = self._http.request(method, path, headers=headers, **given)
        if answer.status_code >= 400:
            self.problems.append(f"{answer.headers} {answer.text}")
        return answer

    def submit(self, who: Person, **headers: str) -> httpx2.Response:
        made = self.ask("POST", "/v1/assessments", who, json={"template_id": "low-back-pain"}).json()
        activities = [{"activity": f"{MARKS['answer']} {number}", "score": 4} for number in range(3)]
        return self.ask(
            "POST",
            f"/v1/assessments/{made['id']}/submit",
            who,
            json={"answers": low_back_pain(psfs=activities)},
            headers={"Idempotency-Key": str(uuid4()), "If-Match": '"1"', **headers},
        )

    def misbehave(self, who: Person) -> None:
        """Requests that are refused, each with a mark where it is wrong. None may say it back."""
        kinds = {"Content-Type": "application/json"}
        draft = self.ask("POST", "/v1/assessments", who, json={"template_id": "low-back-pain"}).json()
        at, known = f"/v1/assessments/{draft['id']}", {"If-Match": '"1"'}
        wrong = {"nprs_now": MARKS["answer"], f"{MARKS['answer']} hurts": 1, "sex": [MARKS["answer"]]}
        statuses = [
            self.ask(*asked[:2], who, **asked[2]).status_code
            for asked in (
                ("PATCH", at, {"json": {"answers": wrong}, "headers": known}),
                ("PATCH", at, {"json": {"answers": {}, MARKS["body"]: MARKS["body"]}, "headers": known}),
                ("PATCH", at, {"content": b'{"answers": ' + MARKS["body"].encode(), "headers": kinds | known}),
                (
                    "PATCH",
                    at,
                    {"content": MARKS["body"].encode(), "headers": {"Content-Type": MARKS["header"]} | known},
                ),
                ("PATCH", at, {"json": {"answers": {}}, "headers": {"If-Match": MARKS["header"]}}),
                ("GET", f"/v1/jobs/{MARKS['query']}?note={MARKS['query']}", {}),
                ("GET", f"/v1/assessments?cursor={MARKS['query']}&limit={MARKS['query']}", {}),
                ("GET", f"/{MARKS['query']}", {}),
                ("GET", "/v1/me", {"headers": {"Authorization": f"Bearer {MARKS['header']}"}}),
                (
                    "POST",
                    "/v1/auth/login",
                    {"json": {"email": f"{MARKS['email']}@x.example", "password": MARKS["body"]}},
                ),
                ("POST", "/v1/auth/register", {"json": {"email": MARKS["email"], "password": MARKS["body"]}}),
                ("PATCH", "/v1/me", {"json": {"display_name": MARKS["name"] * 20}, "headers": known}),
            )
        ]
        assert min(statuses) >= 400, statuses
        odd = dict.fromkeys(("X-Request-ID", "traceparent", "X-Amzn-Trace-Id", "Origin"), MARKS["header"] + " odd")
        self.ask("GET", "/v1/me", who, headers=odd | {"User-Agent": MARKS["header"], "Cookie": MARKS["header"]})


def write(client: Client, owner: Person, clinician: Person, member: Person) -> None:
    """Texts that are taken and kept."""
    revision = client.ask("GET", "/v1/me", member).headers["etag"]
    renamed = client.ask(
        "PATCH", "/v1/me", member, json={"display_name": MARKS["name"]}, headers={"If-Match": revision}
    )
    assert renamed.status_code == 200, renamed.text
    invited = client.ask(
        "POST",
        "/v1/business/invitations",
        owner,
        json={"invitations": [{"email": f"{MARKS['email']}@acme.example", "role": "member"}]},
        headers={"Idempotency-Key": str(uuid4())},
    )
    assert invited.status_code == 201, invited.text
    questionnaire = elsewhere.questionnaire() | {"title": MARKS["fhir"]}
    taken = client.ask("POST", "/v1/templates/import", clinician, json=questionnaire)
    assert taken.status_code == 201, taken.text
    questionnaire["item"][0] |= {"type": MARKS["fhir"], "text": MARKS["fhir"]}
    assert client.ask("POST", "/v1/templates/import", clinician, json=questionnaire).status_code == 422
    document = {"id": MARKS["template"], "version": "1.0.0", "title": {"en": MARKS["template"]}}
    assert client.ask("POST", "/v1/templates", clinician, json={"document": document}).status_code == 422


def tables(db: Database) -> Iterator[tuple[str, str]]:
    """Every row that there is, as text; bytes are in hexadecimal."""
    for each in db.rows(
        "select schemaname as s, tablename as t from pg_tables where schemaname in ('public', 'identity')"
    ):
        rows = db.rows(f'select t::text as r from "{each["s"]}"."{each["t"]}" t')
        yield each["t"], "\n".join(row["r"] for row in rows)


def found_in(text: str) -> set[str]:
    """The kinds of the marks in it, as they are or in hexadecimal."""
    return {kind for kind, mark in MARKS.items() if mark in text or mark.encode().hex() in text}


def test_no_value_leaves_the_rows_it_belongs_to(
    db: Database, identity: None, person: Make, queues: dict[str, str], tmp_path: Path
) -> None:
    owner, clinician = person("acme", "business_owner", review=True), person("acme", "clinician")
    member, dying, refused = person("acme"), person("globex"), person("initech")
    searched: dict[str, str] = {}
    with collector() as (traces, spans):
        api_port, api_environment = watched(traces)
        worker_port, worker_environment = watched(traces)
        with processes.api(tmp_path, **api_environment) as (api, http):
            client = Client(http)
            client.misbehave(member)
            write(client, owner, clinician, member)
            traced = {"traceparent": f"00-{TRACE}-53995c3f42cd8ad8-01"}
            job = client.submit(member, **traced).json()
            assert job["status"] == "queued", job
            assert client.submit(dying).status_code == 202
            assert client.submit(refused).status_code == 202
            spoil(db, dying, refused)
            assert client.ask("GET", "/v1/assessments", refused).status_code == 200
            broken = db.value("select id from assessments where tenant_id = %s", refused.tenant_id)
            assert client.ask("GET", f"/v1/assessments/{broken}", refused).status_code == 500
            hostile = (
                MARKS["message"],
                json.dumps({"body": MARKS["message"], "content-type": "application/json", "headers": {}}),
                encode(Message(refused.tenant_id, UUID(job["id"]), "scoring", "stolen-request")),
            )
            searched["queues before"] = peek(queues)
            for body in hostile:
                emulated_sqs().send_message(QueueUrl=queues["scoring"], MessageBody=body)
            give_up_soon(queues["scoring"])
            give_up_soon(queues["generation"])
            with processes.worker(tmp_path, **worker_environment) as worker:
                until(lambda: ended(db) == {"succeeded": 2, "dead": 1}, 60, worker.said)
                until(lambda: db.value("select count(*) from dead_letters") >= 3, 60, worker.said)
                until(lambda: mail.to(f"{MARKS['email']}@acme.example"), 30, worker.said)
                program = db.value("select id from programs where tenant_id = %s", member.tenant_id)
                decided = client.ask(
                    "POST",
                    f"/v1/programs/{program}/reject",
                    clinician,
                    json={"reason": MARKS["note"]},
                    headers={"If-Match": '"1"'},
                )
                assert decided.status_code == 200, decided.text
                seen = client.ask("GET", f"/v1/jobs/{job['id']}", member)
                until(lambda: b"process generating" in b"".join(spans), 20, worker.said)
                searched |= {
                    "queues after": peek(queues),
                    "the job": seen.text,
                    "metrics of the API": page(api_port),
                    "metrics of the worker": page(worker_port),
                }
        searched |= {
            "log of the API": api.said(),
            "log of the worker": worker.said(),
            "traces": b"".join(spans).decode("latin-1"),
            "problems": "\n".join(client.problems),
            "PostgreSQL's log": cluster.postgres().log.read_text(errors="replace"),
        }
    mails = mail.to(f"{MARKS['email']}@acme.example")
    searched["e-mails"] = "\n".join(f"{each.subject} {each.text} {each.html}" for each in mails)
    assert_full(searched, job["id"])
    assert {place: found_in(text) for place, text in searched.items() if found_in(text)} == {}
    at = {name: found_in(text) for name, text in tables(db)}
    astray = {name: kinds - AT_HOME.get(name, set()) for name, kinds in at.items()}
    assert {name: kinds for name, kinds in astray.items() if kinds} == {}
    assert at["submissions"] == {"answer"}  # the search does find what is there


def spoil(db: Database, dying: Person, refused: Person) -> None:
    """What nobody could have stored: Python's errors about it have the answer in their text. Not PostgreSQL's: where
    row-level security holds, it leaves out the row by itself.
    """
    db.rows(
        f"""create function spoil() returns trigger language plpgsql as $$ begin
                new.result := to_jsonb('{MARKS["answer"]}'::text); return new; end $$;
            create trigger spoil before insert on scores for each row
                when (new.tenant_id = '{dying.tenant_id}') execute function spoil()"""
    )
    answers = "update assessments set answers = to_jsonb(%s::text) where tenant_id = %s"
    db.rows(answers, MARKS["answer"], refused.tenant_id)


def ended(db: Database) -> dict[str, int]:
    rows = db.rows("select status, count(*) as n from jobs where kind = 'assessment' group by status")
    return {row["status"]: row["n"] for row in rows}


def give_up_soon(url: str) -> None:
    """After two receives, each a second or two after the other."""
    client = emulated_sqs()
    known = client.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    policy = json.loads(known) | {"maxReceiveCount": 2}
    client.set_queue_attributes(
        QueueUrl=url, Attributes={"VisibilityTimeout": "2", "RedrivePolicy": json.dumps(policy)}
    )


def assert_full(searched: dict[str, str], job_id: str) -> None:
    """Each place has what it should have: an empty log holds no value either."""
    for place in ("log of the API", "log of the worker"):
        lines = [json.loads(line) for line in searched[place].splitlines()]  # every line is one of ours
        assert any(line.get("job_id") == job_id and "tenant_id" in line and "correlation_id" in line for line in lines)
    assert "internal_error" in searched["log of the API"]
    worker = searched["log of the worker"]
    assert all(event in worker for event in ("stage_done", "attempt_failed", "message_unreadable", "dead_letter"))
    assert "job_not_of_this_tenant" in worker
    assert "ffp_submissions_total 3.0" in searched["metrics of the API"]
    assert re.search(
        r'ffp_stage_seconds_count{outcome="retry",stage="generating"} [1-9]', searched["metrics of the worker"]
    )
    assert 'ffp_tenant_mismatches_total{of="message"}' in searched["metrics of the worker"]
    assert bytes.fromhex(TRACE).decode("latin-1") in searched["traces"]
    assert all(name in searched["traces"] for name in ("ffp-api", "ffp-worker", "publish scoring", "process scoring"))
    assert job_id in searched["queues before"]
    assert searched["e-mails"]
