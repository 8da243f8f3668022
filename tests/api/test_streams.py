"""Server-sent events, against a real server process."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx2
import psutil
import pytest

from api.errors import HttpProblem
from api.streams import Streams
from api.waiting import ChangeWatch
from domain.tenancy import Context
from tests.answers import low_back_pain
from tests.api.conftest import Served
from tests.api.problems import assert_problem
from tests.api.test_waiting import PATIENCE_S, start, submit, work
from tests.conftest import Person

__all__ = ["work"]  # the fixture

Event = dict[str, Any]


def events(lines: Iterator[str]) -> Iterator[Event]:
    """Events as a browser's EventSource reads them; comments are dropped."""
    event: Event = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line and name:
            event[name] = json.loads(value) if name == "data" else value
        elif not line and "data" in event:
            yield event
            event = {}
        elif not line:
            event = {}


@contextmanager
def follow(served: Served, who: Person, path: str, **headers: str) -> Iterator[Iterator[Event]]:
    with (
        httpx2.Client(base_url=served.url, timeout=PATIENCE_S) as client,
        client.stream("GET", path, headers=who.headers | headers) as answer,
    ):
        assert answer.status_code == 200, answer.status_code
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer.iter_lines())


def submitted(served: Served, who: Person) -> str:
    location: str = submit(served, who, start(served, who)["id"], "k-1").headers["location"]
    return location


def test_a_stream_tells_each_state_once_and_ends_with_the_job(served: Served, work: Callable[[], int]) -> None:
    member = served.person(uuid4().hex)
    path = submitted(served, member)
    with ThreadPoolExecutor(1) as pool, follow(served, member, f"{path}/events") as stream:
        first = next(stream)
        assert (first["event"], first["data"]["status"]) == ("job", "queued")
        worked = pool.submit(work)
        seen = [first, *stream]  # the server ends it
        worked.result()
    revisions = [int(event["id"]) for event in seen]
    assert revisions == sorted(set(revisions))
    assert seen[-1]["data"]["status"] == "succeeded"
    assert seen[-1]["data"] == served.client.get(path, headers=member.headers).json()


def test_who_comes_again_gets_what_is_new_and_nothing_twice(served: Served, work: Callable[[], int]) -> None:
    member = served.person(uuid4().hex)
    path = submitted(served, member)
    with follow(served, member, f"{path}/events") as stream:
        known = next(stream)["id"]
    work()
    with follow(served, member, f"{path}/events", **{"Last-Event-ID": known}) as stream:
        [last] = stream
    assert last["data"]["status"] == "succeeded"
    again = served.client.get(f"{path}/events", headers=member.headers | {"Last-Event-ID": last["id"]})
    assert (again.status_code, again.content) == (204, b"")
    for nonsense in ("-1", "x" * 300, "1; drop", "9" * 30):
        with follow(served, member, f"{path}/events", **{"Last-Event-ID": nonsense}) as stream:
            assert [event["id"] for event in stream] == [last["id"]]


def test_one_stream_for_everything_of_one_person(served: Served, work: Callable[[], int]) -> None:
    tenant = uuid4().hex
    member, neighbour, foreigner = served.person(tenant), served.person(tenant), served.person(uuid4().hex)
    before = submitted(served, member)
    with (
        ThreadPoolExecutor(1) as pool,
        follow(served, member, "/v1/events") as mine,
        follow(served, neighbour, "/v1/events") as theirs,
    ):
        first = next(mine)
        assert (first["event"], first["data"]["links"]["self"]) == ("job", before)
        for other in (neighbour, foreigner):
            submitted(served, other)
        worked = pool.submit(work)
        seen = [first]
        while not (seen[-1]["event"] == "notification" and seen[-1]["data"]["kind"] == "program_ready"):
            seen.append(next(mine))
        worked.result()
        assert {event["data"]["links"]["self"] for event in seen if event["event"] == "job"} == {before}
        states = [event["data"]["status"] for event in seen if event["event"] == "job"]
        assert states[-1] == "succeeded"
        assert before not in {next(theirs)["data"]["links"]["self"] for _ in range(2)}
    known = seen[0]["id"]
    with follow(served, member, "/v1/events", **{"Last-Event-ID": known}) as again:
        missed = [next(again), next(again)]
    assert {event["event"] for event in missed} == {"job", "notification"}
    assert next(event["data"]["status"] for event in missed if event["event"] == "job") == "succeeded"


def test_who_follows_hears_what_an_import_makes_for_them(served: Served, work: Callable[[], int]) -> None:
    tenant = uuid4().hex
    owner, member = served.person(tenant, "business_owner"), served.person(tenant)
    order = {"kind": "assessments", "template_id": "low-back-pain", "on_duplicate": "update"}
    headers = owner.headers | {"Idempotency-Key": "k-1"}
    found = "/v1/imports/" + served.client.post("/v1/imports", json=order, headers=headers).json()["id"]
    served.client.put(
        f"{found}/content",
        content=json.dumps({"email": member.email} | low_back_pain()),
        headers=owner.headers | {"Content-Type": "application/x-ndjson"},
    )
    work()
    ready = served.client.get(found, headers=owner.headers)
    foreigner = served.person(uuid4().hex)
    submitted(served, member)
    own = submitted(served, foreigner)
    with (
        ThreadPoolExecutor(1) as pool,
        follow(served, member, "/v1/events") as mine,
        follow(served, foreigner, "/v1/events") as theirs,
    ):
        assert next(mine)["data"]["status"] == "queued"
        confirmed = served.client.post(f"{found}/confirm", headers=owner.headers | {"If-Match": ready.headers["ETag"]})
        assert confirmed.status_code == 200, confirmed.text
        worked = pool.submit(work)
        made: set[str] = set()
        while len(made) < 2:
            event = next(mine)
            if event["event"] == "job" and event["data"]["status"] == "succeeded":
                made.add(event["data"]["id"])
        worked.result()
        told: list[Event] = []
        while not (told and told[-1]["event"] == "notification"):
            told.append(next(theirs))
        assert {event["data"]["links"]["self"] for event in told if event["event"] == "job"} == {own}


def test_another_tenants_job_has_no_stream(served: Served) -> None:
    member, foreigner = served.person(uuid4().hex), served.person(uuid4().hex)
    path = submitted(served, member)
    same = {"X-Request-ID": "the-same-request"}
    foreign = served.client.get(f"{path}/events", headers=foreigner.headers | same)
    unknown = served.client.get(f"/v1/jobs/{uuid4()}/events", headers=foreigner.headers | same)
    assert_problem(foreign, 404, "not_found")
    assert foreign.content == unknown.content
    assert_problem(served.client.get(f"{path}/events"), 401, "unauthenticated")


def test_one_person_and_all_together_have_a_bounded_number_of_streams() -> None:
    ada, bo, cy = (Context(uuid4(), uuid4(), "member") for _ in range(3))

    async def nothing(_: object) -> list[Event]:
        return []

    async def scenario() -> None:
        streams = Streams(ChangeWatch(), most=3, most_of_one=2)

        async def opened(who: Context) -> Any:
            body = streams.respond(uuid4(), who, nothing).body_iterator
            await anext(aiter(body))
            return body

        first, second, third = [await opened(who) for who in (ada, ada, bo)]
        for who in (ada, cy):
            with pytest.raises(HttpProblem) as refused:
                streams.respond(uuid4(), who, nothing)
            assert (refused.value.code, refused.value.headers) == ("too_many_streams", {"Retry-After": "5"})
        await second.aclose()
        await opened(cy)
        for each in (first, third):
            await each.aclose()
        await opened(ada)

    asyncio.run(scenario())


def test_a_stream_that_its_client_has_left_ends(served: Served) -> None:
    """Or its subscription would be kept until the stream is old."""
    member = served.person(uuid4().hex)
    path = submitted(served, member)
    for _ in range(30):
        with follow(served, member, f"{path}/events") as stream:
            next(stream)
    deadline = time.monotonic() + PATIENCE_S
    # The server's own count of its sockets: those it has accepted and not closed.
    while len(psutil.Process(served.process.popen.pid).net_connections("tcp")) > 15:
        assert time.monotonic() < deadline
        time.sleep(0.2)
