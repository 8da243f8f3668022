"""What each request costs at the database: statements, and round trips (BEGIN and COMMIT are round trips too)."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from infra import pools
from tests.answers import low_back_pain
from tests.conftest import Database, Person, forget
from tests.statements import Asked, Recorder

Ask = Callable[[], Any]


@pytest.fixture
def recorder(db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with Recorder(db.app_url) as found:
        monkeypatch.setenv("FFP_DATABASE_URL", found.url)
        forget()
        yield found
        forget()


@pytest.fixture
def cost(recorder: Recorder) -> Callable[[Ask], Asked]:
    def measure(ask: Ask) -> Asked:
        pools.is_ready()  # a connection is there
        with recorder.count() as asked:
            answer = ask()
        assert answer.is_success or answer.status_code == 304, answer.text
        return asked

    return measure


def test_the_cost_of_the_main_job(
    recorder: Recorder,
    api: TestClient,
    person: Callable[..., Person],
    cost: Callable[[Ask], Asked],
    work: Callable[[], int],
) -> None:
    who = person("acme")

    def get(path: str, **headers: str) -> Ask:
        return lambda: api.get(path, headers=who.headers | headers)

    def start() -> Any:
        return api.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=who.headers)

    first = start()  # the template is parsed once a process
    path, body = first.headers["location"], {"answers": low_back_pain()}
    api.patch(path, json=body, headers=who.headers | {"If-Match": '"1"'})

    def save() -> Any:
        return api.patch(path, json={"answers": {"nprs_now": 4}}, headers=who.headers | {"If-Match": '"2"'})

    def submit(key: str) -> Ask:
        headers = who.headers | {"If-Match": '"3"', "Idempotency-Key": key}
        return lambda: api.post(f"{path}/submit", json=body, headers=headers)

    key = str(uuid4())
    costs = {"resume": cost(start), "read": cost(get(path)), "save": cost(save), "submit": cost(submit(key))}
    costs["replay"] = cost(submit(key))
    work()
    job = api.get(path, headers=who.headers).json()["links"]["job"]
    done = api.get(job, headers=who.headers)
    costs["poll"] = cost(get(job))
    costs["poll, unchanged"] = cost(get(job, **{"If-None-Match": done.headers["etag"]}))
    costs["result"] = cost(get(f"{path}/result"))
    costs["program"] = cost(get(done.json()["result"]["href"]))
    costs["start"] = cost(start)
    get("/v1/templates")()
    costs["templates"] = cost(get("/v1/templates"))
    # name: statements, round trips. The first of each asks who it is; a BEGIN brings its context along.
    assert {name: (asked.statements, asked.round_trips) for name, asked in costs.items()} == {
        "start": (7, 6),
        "resume": (6, 5),
        "read": (5, 4),
        "save": (7, 6),
        "submit": (4, 4),
        "replay": (2, 2),
        "poll": (2, 2),
        "poll, unchanged": (3, 3),  # it gives its token back
        "result": (5, 4),
        "program": (6, 5),
        "templates": (5, 4),
    }, "\n".join(f"{name}: {asked}" for name, asked in costs.items())
    assert costs["templates"].answered < 10_000  # none of the documents, which the process has parsed already


def test_the_cost_of_a_review(
    recorder: Recorder,
    api: TestClient,
    person: Callable[..., Person],
    submit: Callable[..., Any],
    work: Callable[[], int],
    cost: Callable[[Ask], Asked],
) -> None:
    clinician, member = person("acme", "clinician", review=True), person("acme")
    for _ in range(3):
        submit(member)
        work()
    first, second, _ = api.get("/v1/reviews", headers=clinician.headers).json()["items"]

    def get(who: Person, path: str) -> Ask:
        return lambda: api.get(path, headers=who.headers)

    def decide(program: str, how: str, tag: str, **body: Any) -> Ask:
        headers = clinician.headers | {"If-Match": tag}
        return lambda: api.post(f"/v1/programs/{program}/{how}", json=body, headers=headers)

    def edit(effort: int, tag: str) -> Ask:
        body = {"changes": [{"session": 1, "position": 1, "effort": effort}]}
        headers = clinician.headers | {"If-Match": tag}
        return lambda: api.patch(f"/v1/programs/{first['program_id']}", json=body, headers=headers)

    edit(1, '"1"')()  # the library is parsed once a process
    costs = {
        "queue": cost(get(clinician, "/v1/reviews")),
        "queue, first of many": cost(get(clinician, "/v1/reviews?limit=1")),
        "programs": cost(get(member, "/v1/programs")),
        "edit": cost(edit(2, '"2"')),
        "approve": cost(decide(first["program_id"], "approve", '"3"')),
        "reject": cost(decide(second["program_id"], "reject", '"1"', reason="Not for this person")),
        "notifications": cost(get(member, "/v1/notifications")),
    }
    [told, _] = api.get("/v1/notifications", headers=member.headers).json()["items"]
    costs["read"] = cost(lambda: api.post(f"/v1/notifications/{told['id']}/read", headers=member.headers))
    assert {name: (asked.statements, asked.round_trips) for name, asked in costs.items()} == {
        "queue": (6, 5),
        "queue, first of many": (6, 5),
        "programs": (5, 4),
        "edit": (13, 12),
        "approve": (7, 6),
        "reject": (7, 6),
        "notifications": (5, 4),
        "read": (5, 4),
    }, "\n".join(f"{name}: {asked}" for name, asked in costs.items())
