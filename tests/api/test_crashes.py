"""The API is killed, or its connection cut, around every statement of a submit: no 202 is lost, nothing is doubled."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from tests import processes
from tests.answers import low_back_pain
from tests.conftest import Database, Person
from tests.processes import until
from tests.wire import Side, Wire

STATEMENTS = [b"app.open_request", b"app.open_submission", b"app.submit_assessment", b"app.mark_published"]
SAMPLE = {(b"app.submit_assessment", "before"), (b"app.submit_assessment", "after"), (b"app.mark_published", "before")}
POINTS = [
    pytest.param(statement, side, id=f"{statement.decode()}-{side}",
                 marks=() if (statement, side) in SAMPLE else pytest.mark.long)
    for statement in STATEMENTS
    for side in ("before", "after")
]  # fmt: skip


def request(who: Person, assessment_id: str, key: str) -> dict[str, object]:
    return {
        "url": f"/v1/assessments/{assessment_id}/submit",
        "json": {"answers": low_back_pain()},
        "headers": who.headers | {"Idempotency-Key": key, "If-Match": '"1"'},
    }


def started(client: httpx2.Client, who: Person) -> str:
    answer = client.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=who.headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def wire(db: Database) -> Wire:
    host, _, port = db.app_url.rpartition("@")[2].partition("/")[0].partition(":")
    with Wire(host, int(port)) as made:
        yield made


@pytest.mark.parametrize("fault", ["kill", pytest.param("cut", marks=pytest.mark.long)])
@pytest.mark.parametrize(("statement", "side"), POINTS)
def test_a_submit_is_repeated_after_a_fault(
    statement: bytes, side: Side, fault: str, tmp_path: Path, db: Database, queues: dict[str, str],
    person: Callable[..., Person], wire: Wire, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The client got no answer, or a 503: it sends the same request again, and gets the one job."""
    for name, value in {"FFP_RELAY_PERIOD_S": "0.3", "FFP_RELAY_GRACE_S": "0.3"}.items():
        monkeypatch.setenv(name, value)
    member, key = person("acme"), str(uuid4())
    address = db.app_url.rpartition("@")[2].partition("/")[0]
    behind = {"FFP_DATABASE_URL": db.app_url.replace(address, f"127.0.0.1:{wire.port}")}
    answers: list[httpx2.Response] = []

    with processes.api(tmp_path, **behind) as (victim, client):
        assessment_id = started(client, member)
        hold = wire.hold(statement, side)

        def send() -> None:
            with contextlib.suppress(httpx2.TransportError):
                answers.append(client.post(**request(member, assessment_id, key)))

        sender = threading.Thread(target=send)
        sender.start()
        assert hold.reached.wait(100), victim.said()
        if fault == "kill":
            victim.kill()
        wire.cut()
        hold.release()
        sender.join(20)
        if fault == "cut":  # the process lives: what it says is true, and it works again
            committed = statement == b"app.mark_published"
            assert answers[0].status_code in ({202} if committed else {202, 503}), answers[0].text
            again = client.post(**request(member, assessment_id, key))
            assert again.status_code == 202, again.text
    if fault == "kill":
        with processes.api(tmp_path) as (_, client):
            again = client.post(**request(member, assessment_id, key))
            assert again.status_code == 202, again.text
    answers.append(again)
    [job] = db.rows("select * from jobs where kind = 'assessment'")
    assert {answer.json()["id"] for answer in answers if answer.status_code == 202} == {str(job["id"])}
    assert db.value("select count(*) from submissions") == 1

    with processes.worker(tmp_path) as worker:
        until(lambda: db.value("select status from jobs where kind = 'assessment'") == "succeeded", 20, worker.said)
    assert db.value("select count(*) from programs") == 1


def test_a_202_survives_a_queue_that_is_down(
    tmp_path: Path, db: Database, queues: dict[str, str], person: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FFP_RELAY_GRACE_S", "0.3")
    monkeypatch.setenv("FFP_RELAY_PERIOD_S", "0.3")
    member = person("acme")
    nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    with processes.api(tmp_path, **nobody) as (_, client):
        answer = client.post(**request(member, started(client, member), str(uuid4())))
    assert answer.status_code == 202
    assert db.value("select published_at from jobs where kind = 'assessment'") is None
    with processes.worker(tmp_path) as worker:
        until(lambda: db.value("select status from jobs where kind = 'assessment'") == "succeeded", 20, worker.said)
