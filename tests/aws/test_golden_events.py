"""Events as AWS sends them, through the handlers the template names, with its variables, to a real database."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from infra.local import clients
from tests.answers import low_back_pain
from tests.api.conftest import receive
from tests.aws.conftest import VIDEOS, Function, read_on_lambda
from tests.aws.stack import Stack
from tests.conftest import Database, Person

Start = Callable[..., Function]
_NO_QUEUE = "http://127.0.0.1:9/000000000000/scoring"


def golden(name: str) -> Any:
    return json.loads((Path(__file__).parent / "events" / name).read_text())


def request(
    stack: Stack, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None
) -> dict[str, Any]:
    """A REST proxy event. KeyError for what API Gateway would not route."""
    event: dict[str, Any] = golden("api_request.json")
    [(resource, found)] = [
        (route, match)
        for route in stack.paths
        if (match := re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route), path))
    ]
    assert stack.paths[resource][method.lower()]
    sent = event["headers"] | (headers or {})
    if body is not None:
        sent["Content-Type"] = "application/json"
    event |= {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "pathParameters": found.groupdict() or None,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "body": None if body is None else json.dumps(body),
    }
    event["requestContext"] |= {"resourcePath": resource, "httpMethod": method, "path": f"/prod{path}"}
    return event


def batch(url: str, *, unreadable: int = 0) -> dict[str, Any]:
    """The event Lambda makes of what is on a queue, with as many records of somebody else's before it."""
    event: dict[str, Any] = golden("sqs_batch.json")
    [record] = event["Records"]
    parts = urlsplit(url)
    waiting = receive(clients.sqs(f"{parts.scheme}://{parts.netloc}"), url)
    strange = [record | {"messageId": str(uuid4())} for _ in range(unreadable)]
    event["Records"] = strange + [record | each for each in waiting]
    return event


def headers_of(answer: dict[str, Any]) -> dict[str, str]:
    """Mangum gives one of the two fields to a header, by how many values it has."""
    several = {name: values[-1] for name, values in answer["multiValueHeaders"].items()}
    return {name.lower(): value for name, value in (answer["headers"] | several).items()}


@pytest.fixture
def submit(stack: Stack) -> Callable[..., dict[str, Any]]:
    def make(api: Function, who: Person) -> dict[str, Any]:
        started = api(request(stack, "POST", "/v1/assessments", who.headers, {"template_id": "low-back-pain"}))
        assert started["statusCode"] == 201, started
        draft = json.loads(started["body"])
        headers = who.headers | {"Idempotency-Key": str(uuid4()), "If-Match": f'"{draft["revision"]}"'}
        path = f"/v1/assessments/{draft['id']}/submit"
        answer: dict[str, Any] = api(request(stack, "POST", path, headers, {"answers": low_back_pain()}))
        assert answer["statusCode"] == 202, answer
        return answer

    return make


def test_the_main_job_through_every_function_it_passes(
    function: Start,
    stack: Stack,
    person: Callable[..., Person],
    submit: Callable[..., dict[str, Any]],
    queues: dict[str, str],
    db: Database,
    sign: Callable[..., str],
) -> None:
    member = person("acme")
    api, scoring, generation = (function(f"{name}Function") for name in ("Api", "Scoring", "Generation"))
    submitted = submit(api, member)
    assert submitted["isBase64Encoded"] is False
    location = headers_of(submitted)["location"]

    event = batch(queues["scoring"], unreadable=1)
    assert len(event["Records"]) == 2
    strange = event["Records"][0]["messageId"]
    assert scoring(event) == {"batchItemFailures": [{"itemIdentifier": strange}]}
    assert generation(batch(queues["generation"])) == {"batchItemFailures": []}

    polled = api(request(stack, "GET", location, member.headers))
    assert (polled["statusCode"], polled["isBase64Encoded"]) == (200, False)
    job = json.loads(polled["body"])
    assert (job["status"], job["result"]["type"]) == ("succeeded", "program")
    assert headers_of(polled)["content-type"] == "application/json"

    query = {"queryStringParameters": {"cursor": "AAAA"}, "multiValueQueryStringParameters": {"cursor": ["AAAA"]}}
    listed = api(request(stack, "GET", "/v1/programs", member.headers) | query)
    assert (listed["statusCode"], json.loads(listed["body"])["code"]) == (400, "invalid_cursor")

    _registers_where_there_is_no_pool(stack, api)
    _adds_a_webhook(stack, api, person("acme", "business_owner"))
    db.rows("insert into identity.principals (sub, staff_role) values ('op', 'operator')")
    assert api(request(stack, "GET", "/v1/ops/jobs", {"Authorization": f"Bearer {sign('op')}"}))["statusCode"] == 200
    _leaves_with_a_copy(stack, api, function("BulkFunction"), member, queues["bulk"])
    for name, running in (("ApiFunction", api), ("ScoringFunction", scoring), ("GenerationFunction", generation)):
        _asks_for_what_it_is_given(stack, name, running)


def _leaves_with_a_copy(stack: Stack, api: Function, bulk: Function, who: Person, queue: str) -> None:
    asked = api(request(stack, "POST", "/v1/me/exports", who.headers | {"Idempotency-Key": "an-export"}))
    assert asked["statusCode"] == 202
    assert bulk(batch(queue)) == {"batchItemFailures": []}
    path = f"/v1/me/exports/{json.loads(asked['body'])['id']}/download"
    assert api(request(stack, "GET", path, who.headers))["statusCode"] == 200
    erased = api(request(stack, "POST", "/v1/me/erasure", who.headers, {"confirm": "erase"}))
    assert erased["statusCode"] == 202
    assert read_on_lambda(bulk) >= {"FFP_BUCKET_EXPORTS", "FFP_DATABASE_URL"}


def _adds_a_webhook(stack: Stack, api: Function, owner: Person) -> str:
    added = api(request(stack, "POST", "/v1/business/webhooks", owner.headers, {"url": "https://hooks.invalid/"}))
    assert added["statusCode"] == 201, added
    path = f"/v1/business/webhooks/{json.loads(added['body'])['id']}"
    assert api(request(stack, "POST", f"{path}/test", owner.headers))["statusCode"] == 202
    return path


def test_of_a_batch_of_ten_only_what_failed_comes_back(
    function: Start,
    stack: Stack,
    person: Callable[..., Person],
    submit: Callable[..., dict[str, Any]],
    queues: dict[str, str],
    db: Database,
) -> None:
    """Jobs of three tenants among records that nobody understands, in any order."""
    api = function("ApiFunction")
    for who in (person("acme"), person("other"), person("third")):
        submit(api, who)
    event = batch(queues["scoring"], unreadable=7)
    strange = {each["messageId"] for each in event["Records"][:7]}
    event["Records"] = event["Records"][::3] + event["Records"][1::3] + event["Records"][2::3]
    assert len(event["Records"]) == 10
    answer = function("ScoringFunction")(event)
    assert {each["itemIdentifier"] for each in answer["batchItemFailures"]} == strange
    assert len(answer["batchItemFailures"]) == 7
    assert db.value("select count(*) from jobs where kind = 'assessment' and stage = 'generating'") == 3


def test_a_dead_letter_queue_s_batch_is_kept_and_where_it_cannot_be_it_comes_back(
    function: Start, db: Database, stack: Stack
) -> None:
    event = golden("dead_letter_batch.json")
    [record] = event["Records"]
    event["Records"] = [
        record | {"messageId": str(uuid4()), "body": f"{number} {record['body']}"} for number in range(10)
    ]
    ids = {each["messageId"] for each in event["Records"]}
    gone = function("DeadLettersFunction", FFP_RELAY_DATABASE_URL="postgresql://ffp_relay:x@127.0.0.1:9/ffp")(event)
    assert {each["itemIdentifier"] for each in gone["batchItemFailures"]} == ids
    consumer = function("DeadLettersFunction")
    for _ in range(2):  # SQS may deliver twice
        assert consumer(event) == {"batchItemFailures": []}
    kept = db.rows("select message_id, queue from dead_letter_messages")
    assert {each["message_id"] for each in kept} == ids
    assert {each["queue"] for each in kept} == {"ffp-prod-ScoringDeadLetters-4K2J9Q7N1M3P"}
    _asks_for_what_it_is_given(stack, "DeadLettersFunction", consumer)


def test_the_function_of_replays_ends_where_nothing_is_ordered(function: Start, stack: Stack) -> None:
    assert function("ReplayerFunction")(golden("schedule.json")) == {"steps": 0}


def test_the_function_that_migrates_says_where_it_is(function: Start, stack: Stack, db: Database) -> None:
    migrator = function("MigrateFunction")
    at = db.value("select version_num from alembic_version")
    for phase in ("expand", "contract"):
        assert migrator({"phase": phase}) == {"phase": phase, "before": at, "revision": at, "left": []}
    for event in ({"phase": "both"}, golden("schedule.json")):
        failed = migrator(event)
        assert (failed["errorType"], failed["errorMessage"]) == ("InvocationFailed", "ValueError")
    _asks_for_what_it_is_given(stack, "MigrateFunction", migrator)


def test_a_webhook_goes_from_the_dispatcher_to_the_sender_and_back(
    function: Start, stack: Stack, person: Callable[..., Person], queues: dict[str, str]
) -> None:
    """To a name that is nobody's: what comes back is that there is no such name."""
    owner = person("acme", "business_owner")
    api, dispatcher, sender = (function(f"{name}Function") for name in ("Api", "Webhooks", "WebhookSender"))
    path = _adds_a_webhook(stack, api, owner)
    assert dispatcher({}) == {"done": 1}
    sent = batch(queues["webhooks"])
    assert sender(sent) == {"batchItemFailures": []}
    assert dispatcher({}) == {"done": 1}
    log = json.loads(api(request(stack, "GET", f"{path}/deliveries", owner.headers))["body"])
    [tried] = log["items"]
    assert (tried["status"], tried["attempts"], tried["outcome"]) == ("pending", 1, "dns")
    for name, running in (("WebhooksFunction", dispatcher), ("WebhookSenderFunction", sender)):
        _asks_for_what_it_is_given(stack, name, running)


def _registers_where_there_is_no_pool(stack: Stack, api: Function) -> None:
    """Only keys are served here."""
    config = json.loads(api(request(stack, "GET", "/v1/auth/config"))["body"])
    assert config["authorize_url"].endswith("/oauth2/authorize")
    person = {"email": "a@b.example", "password": "a good long passphrase", "name": "A", "kind": "individual"}
    event = request(stack, "POST", "/v1/auth/register", {"Idempotency-Key": "one"}, person)
    assert json.loads(api(event)["body"])["code"] == "unavailable"


def test_the_relay_publishes_what_the_api_could_not(
    function: Start,
    stack: Stack,
    person: Callable[..., Person],
    submit: Callable[..., dict[str, Any]],
    db: Database,
    queues: dict[str, str],
) -> None:
    submit(
        function("ApiFunction", FFP_QUEUE_SCORING_URL=_NO_QUEUE, AWS_ENDPOINT_URL="http://127.0.0.1:9"), person("acme")
    )
    assert batch(queues["scoring"])["Records"] == []
    db.rows("update jobs set updated_at = now() - interval '1 minute'")
    relay = function("RelayFunction")
    assert relay(golden("schedule.json")) == {"relayed": 1}
    assert relay(golden("schedule.json")) == {"relayed": 0}
    [record] = batch(queues["scoring"])["Records"]
    assert db.value("select published_at is not null as published from jobs where kind = 'assessment'")
    assert str(db.value("select id from jobs where kind = 'assessment'")) in record["body"]
    _asks_for_what_it_is_given(stack, "RelayFunction", relay)


def test_the_sweeper_puts_a_lost_message_back(
    function: Start,
    stack: Stack,
    person: Callable[..., Person],
    submit: Callable[..., dict[str, Any]],
    db: Database,
) -> None:
    submit(function("ApiFunction"), person("acme"))
    sweeper = function("SweeperFunction")
    assert sweeper(golden("schedule.json"))["republished"] == 0
    db.rows("update jobs set published_at = now() - interval '1 hour', updated_at = now() - interval '1 hour'")
    _begin_a_registration(db)
    assert sweeper(golden("schedule.json"))["republished"] == 1
    assert db.value("select published_at from jobs where kind = 'assessment'") is None
    _asks_for_what_it_is_given(stack, "SweeperFunction", sweeper)


def _begin_a_registration(db: Database) -> None:
    """An hour ago, so that the sweeper asks the user pool about it."""
    db.rows(
        """insert into identity.registrations (email, attempt_id, key, body_hash, kind, display_name, tenant_name, tenant_id,
               user_id, updated_at)
           select 'a@b.example', id, '', '', 'individual', '', '', id, id, now() - interval '1 hour'
           from gen_random_uuid() id"""
    )


def test_errors_arrive_as_text(function: Start, stack: Stack, person: Callable[..., Person]) -> None:
    api = function("ApiFunction")
    for status, event in (
        (404, request(stack, "GET", f"/v1/jobs/{uuid4()}", person("acme").headers)),
        (401, request(stack, "GET", f"/v1/jobs/{uuid4()}")),
        (422, request(stack, "POST", "/v1/assessments", person("acme").headers, {})),
    ):
        answer = api(event)
        assert (answer["statusCode"], answer["isBase64Encoded"]) == (status, False)
        assert headers_of(answer)["content-type"] == "application/problem+json"
        assert json.loads(answer["body"])["status"] == status


def test_fhir_goes_out_as_text(function: Start, stack: Stack, person: Callable[..., Person]) -> None:
    path = "/v1/templates/knee-pain/versions/1.0.0/fhir"
    answer = function("ApiFunction")(request(stack, "GET", path, person("acme").headers))
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert headers_of(answer)["content-type"] == "application/fhir+json"
    assert json.loads(answer["body"])["resourceType"] == "Questionnaire"


def test_a_body_may_come_in_base64(function: Start, stack: Stack, person: Callable[..., Person]) -> None:
    event = request(stack, "POST", "/v1/assessments", person("acme").headers, {"template_id": "low-back-pain"})
    event |= {"isBase64Encoded": True, "body": base64.b64encode(event["body"].encode()).decode()}
    assert function("ApiFunction")(event)["statusCode"] == 201


def _asks_for_what_it_is_given(stack: Stack, name: str, running: Function) -> None:
    """A function asked for every variable it is given, and for none that it is not: of queues it lists all names."""

    def without_queues(names: set[str]) -> set[str]:
        return {each for each in names if not each.startswith("FFP_QUEUE_")}

    # Logs are not written in every run, and the sender of webhooks has no attempt to name: set for all functions. The
    # last one is for botocore.
    asked = without_queues(read_on_lambda(running)) | {"FFP_LOG_LEVEL", "FFP_RELEASE", "AWS_USE_DUALSTACK_ENDPOINT"}
    asked |= set(VIDEOS) & set(stack.variables(name))
    assert asked == without_queues(set(stack.variables(name)))
