"""The API does what its own OpenAPI document says: Schemathesis calls every operation of it, with requests that fit the
document and with ones that do not, as several people. A new route is covered without being listed here.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import requests
import schemathesis
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from domain.permissions import ALLOWED
from infra.local import clients
from infra.local.cdn_keys import private_file
from infra.local.environment import stack_environment
from infra.local.identities import Login, UserPool, ensure_logins, ensure_pool
from tests import cluster, processes
from tests.answers import low_back_pain
from tests.api.conftest import receive
from tests.api.problems import assert_problem
from tests.conftest import CDN_URL, Database, Person, emulated_sqs, forget, fresh_database, fresh_queues, people
from workers import sqs

PASSWORD = "correct horse battery staple"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Answers that have no end: tests of their own read them.
Operation = APIOperation[Any, Any, Any, Any]
STREAM = "text/event-stream"


@dataclass
class World:
    """A running server, a member who has one of everything, and other people; all may be spent."""

    url: str
    db: Database
    pool: UserPool
    make: Callable[..., Person]
    schema: Any
    people: dict[str, Person] = field(default_factory=dict)
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)
    known: dict[str, list[str]] = field(default_factory=dict)

    def headers(self, role: str) -> dict[str, str]:
        """Of somebody of this role who gets in. An operation may have logged out the last one, or erased them."""
        if role not in self.people:
            self.people[role] = self._register(role)
            self.tokens[role] = self._sign_in(role)
        elif not self._gets_in(role):
            try:
                self.tokens[role] = self._sign_in(role)
            except ClientError:
                del self.people[role]
                return self.headers(role)
        return self.tokens[role]

    def _gets_in(self, role: str) -> bool:
        return requests.get(f"{self.url}/v1/notifications", headers=self.tokens[role], timeout=30).status_code != 401

    def _register(self, role: str) -> Person:
        person = self.make("acme", role)
        login = Login(person.email, PASSWORD, role, "", "")
        subject = ensure_logins(clients.cognito(cluster.emulator().url), self.pool, [login])[person.email]
        self.db.rows("update identity.principals set sub = %s where user_id = %s", subject, person.context.user_id)
        self.db.rows("update tenants set requests_per_minute = 100000")
        return person

    def _sign_in(self, role: str) -> dict[str, str]:
        signed_in = clients.cognito(cluster.emulator().url).admin_initiate_auth(
            UserPoolId=self.pool.pool_id,
            ClientId=self.pool.client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": self.people[role].email, "PASSWORD": PASSWORD},
        )
        return {"Authorization": f"Bearer {signed_in['AuthenticationResult']['AccessToken']}"}

    def ids(self, parameter: str) -> list[str]:
        """What is there for a path parameter: `job_id` is the id of a row of `jobs`, a template's its slug."""
        if parameter not in self.known:
            table = f"{parameter.removesuffix('_id')}s"
            column = "slug" if parameter == "template_id" else "id"
            there = self.db.value("select to_regclass('public.' || quote_ident(%s)) is not null", table)
            found = self.db.rows(f"select distinct {column}::text as id from {table} limit 4") if there else []
            self.known[parameter] = [row["id"] for row in found] + {"version": ["1.0.0"], "code": ["forbidden"]}.get(
                parameter, []
            )
        return self.known[parameter]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sign: Callable[..., str]) -> Iterator[World]:
    from api.app import create_app

    endpoint = cluster.emulator().url
    queues = fresh_queues()
    with ExitStack() as running, pytest.MonkeyPatch.context() as patch:
        db = running.enter_context(fresh_database())
        pool = ensure_pool(clients.cognito(endpoint))
        cdn = (CDN_URL, private_file(cluster.emulator().directory))
        environment = stack_environment(cluster.postgres(), endpoint, queues, pool, cdn) | {
            "FFP_DATABASE_URL": db.app_url,
            "FFP_RELAY_DATABASE_URL": db.relay_url,
            "FFP_OPS_DATABASE_URL": db.ops_url,
            "FFP_ADMIN_DATABASE_URL": db.owner_url,
            "FFP_AUTH_QUOTAS": " ".join(f"{name}=99999/99999/60" for name in _limited()),
            "FFP_EVEN_ANSWER_S": "0.001",
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        forget()
        schema = schemathesis.openapi.from_dict(create_app().openapi())
        _, client = running.enter_context(processes.api(tmp_path_factory.mktemp("conformance"), **environment))
        made = World(str(client.base_url).rstrip("/"), db, pool, people(db, sign), schema)
        author = made.headers("member")
        for template in ("low-back-pain", "knee-pain"):
            _submit(client, author, template)
        _work(queues)
        yield made
        forget()


def _limited() -> list[str]:
    from infra.declared import SETTINGS

    quotas = SETTINGS["FFP_AUTH_QUOTAS"].default if "FFP_AUTH_QUOTAS" in SETTINGS else ""
    return re.findall(r"(\w+)=", quotas or "")


def _submit(client: httpx2.Client, author: dict[str, str], template: str) -> None:
    started = client.post("/v1/assessments", json={"template_id": template}, headers=author)
    headers = author | {"If-Match": started.headers["etag"], "Idempotency-Key": str(uuid4())}
    if template == "low-back-pain":
        answers = {"answers": low_back_pain()}
        done = client.post(f"{started.headers['location']}/submit", json=answers, headers=headers)
        assert done.status_code == 202, done.text


def _work(queues: dict[str, str]) -> None:
    for name in ("scoring", "generation"):
        records = receive(emulated_sqs(), queues[name])
        assert records
        assert sqs.handler({"Records": records}, None) == {"batchItemFailures": []}


def _operations(schema: Any) -> list[Operation]:
    found = [each.ok() for each in schema.get_all_operations()]
    calls = [each for each in found if STREAM not in str(each.definition.raw["responses"])]
    return sorted(calls, key=lambda each: "erasure" in each.path)  # whoever asks for that is gone


def call_all(world: World, role: str, examples: int, subtests: pytest.Subtests) -> Counter[tuple[str, int]]:
    """Call every operation `examples` times, most of them with what is there, every fourth with what the document makes up.

    Returns how often each operation answered what.
    """
    answered: Counter[tuple[str, int]] = Counter()
    session = requests.Session()
    for operation in _operations(world.schema):
        with subtests.test(operation=operation.label):
            _call(world, session, operation, world.headers(role), examples, answered)
    return answered


def _call(
    world: World,
    session: requests.Session,
    operation: Operation,
    headers: dict[str, str],
    examples: int,
    answered: Counter[tuple[str, int]],
) -> None:
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in GenerationMode])

    numbers = count()  # a draw of Hypothesis's would be 0 most of the few times

    @given(case=cases)
    @hypothesis_settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def conforms(case: Case) -> None:
        number = next(numbers)
        if number % 4 != 3:
            _with_what_is_there(world, case, number)
        answer = case.call(base_url=world.url, session=session, headers=headers, timeout=30)
        answered[operation.label, answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400:
            _is_a_problem(answer)

    conforms()


def _with_what_is_there(world: World, case: Case, number: int) -> None:
    for name in case.path_parameters or {}:
        ids = world.ids(name)
        if ids:
            case.path_parameters[name] = ids[number % len(ids)]
    for name in list(case.headers or {}):
        replaced = {"if-match": f'"{number % 3 + 1}"', "idempotency-key": str(uuid4()), "prefer": "wait=0"}.get(
            name.lower()
        )
        if replaced:
            case.headers[name] = replaced


def _is_a_problem(answer: schemathesis.Response) -> None:
    headers = {name: ", ".join(values) for name, values in answer.headers.items()}
    response = httpx2.Response(answer.status_code, headers=headers, content=answer.content)
    assert_problem(response, answer.status_code, response.json()["code"])


@pytest.mark.parametrize("role", ["member", "business_owner"])
def test_every_operation_answers_as_documented(world: World, role: str, subtests: pytest.Subtests) -> None:
    answered = call_all(world, role, 3, subtests)
    assert not [each for each in answered if each[1] == 429]
    reached = {label for label, status in answered if status < 400}
    may = [each for each in _operations(world.schema) if role in ALLOWED.get(each.definition.raw["operationId"], ())]
    assert len(reached) > len(may) // 3, sorted(answered)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("role", ["member", "business_owner", "business_admin", "clinician", "individual"])
def test_every_operation_answers_as_documented_a_hundred_times(
    world: World, role: str, subtests: pytest.Subtests
) -> None:
    call_all(world, role, 100, subtests)
