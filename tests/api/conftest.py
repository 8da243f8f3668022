"""The main job as a client does it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests import processes
from tests.answers import low_back_pain
from tests.conftest import (
    Database,
    Person,
    emulated_sqs,
    fresh_database,
    fresh_queues,
    identity_environment,
    in_process,
    people,
    queue_environment,
)
from workers import sqs


@pytest.fixture
def api_alone(db: Database, identity: None) -> Iterator[TestClient]:
    """The application without queues, for tests that submit nothing."""
    with in_process() as client:
        yield client


@dataclass(frozen=True)
class Served:
    """A real server process, its database and its queues; shared, so each test makes people of its own tenants."""

    process: processes.Process
    client: httpx2.Client
    db: Database
    queues: dict[str, str]
    person: Callable[..., Person]

    @property
    def url(self) -> str:
        return str(self.client.base_url)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, key_server: str, sign: Callable[..., str]) -> Iterator[Served]:
    queues = fresh_queues()
    with fresh_database() as db:
        environment = {"FFP_DATABASE_URL": db.app_url, **identity_environment(key_server), **queue_environment(queues)}
        with processes.api(tmp_path_factory.mktemp("served"), **environment) as (process, client):
            yield Served(process, client, db, queues, people(db, sign))


@pytest.fixture
def start(api: TestClient) -> Callable[..., dict[str, Any]]:
    def make(who: Person, template: str = "low-back-pain") -> dict[str, Any]:
        answer = api.post("/v1/assessments", json={"template_id": template}, headers=who.headers)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    return make


@pytest.fixture
def submit(api: TestClient, start: Callable[..., dict[str, Any]]) -> Callable[..., Response]:
    """Start and submit in one go; `answers`, `key` and `headers` may differ from the usual."""

    def make(
        who: Person,
        *,
        assessment: dict[str, Any] | None = None,
        answers: dict[str, Any] | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        assessment = assessment or start(who)
        return api.post(
            f"/v1/assessments/{assessment['id']}/submit",
            json={"answers": low_back_pain() if answers is None else answers},
            headers=who.headers
            | {"Idempotency-Key": key or str(uuid4()), "If-Match": f'"{assessment["revision"]}"'}
            | (headers or {}),
        )

    return make


@pytest.fixture
def work(queues: dict[str, str]) -> Callable[[], int]:
    """Run what is on the work queues, or on those named, as the Lambda workers do, until they are empty. Returns how many
    messages.
    """
    return lambda *names: drain(queues, *names)


def drain(queues: dict[str, str], *names: str) -> int:
    """Until nothing comes any more: the end of a job may be the turn of another one, in a queue that was empty."""
    total = 0
    while done := _drain_once(queues, names or ("scoring", "generation", "bulk")):
        total += done
    return total


def _drain_once(queues: dict[str, str], names: Sequence[str]) -> int:
    client, done = emulated_sqs(), 0
    for name in names:
        while found := receive(client, queues[name]):
            answer = sqs.handler({"Records": found}, None)
            failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
            for record in found:
                if record["messageId"] not in failed:
                    client.delete_message(QueueUrl=queues[name], ReceiptHandle=record["receiptHandle"])
            done += len(found)
    return done


def receive(client: Any, url: str) -> list[dict[str, Any]]:
    """Messages as Lambda's event source gives them."""
    answer = client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"], WaitTimeSeconds=0
    )
    name = url.rpartition("/")[2]
    return [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:eu-west-2:000000000000:{name}",
            "awsRegion": "eu-west-2",
        }
        for message in answer.get("Messages", [])
    ]
