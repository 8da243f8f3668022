"""Many clients at once, against a real server process."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from infra import pools
from tests.answers import low_back_pain
from tests.api.conftest import Served, receive
from tests.conftest import Person, emulated_sqs, forget, queue_environment
from workers import sqs

PATIENCE_S = 120.0
SOON_S = 10.0  # of a wait for 20 s: whoever was not woken is answered at its end


def start(served: Served, who: Person) -> dict[str, Any]:
    answer = served.client.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=who.headers)
    assert answer.status_code in (200, 201), answer.text
    started: dict[str, Any] = answer.json()
    return started


def submit(served: Served, who: Person, assessment_id: str, key: str, pain: int = 3, **headers: str) -> httpx2.Response:
    """With a connection of its own: a client's pool would queue the requests one after another."""
    with httpx2.Client(base_url=served.url, timeout=PATIENCE_S) as client:
        return client.post(
            f"/v1/assessments/{assessment_id}/submit",
            json={"answers": low_back_pain(nprs_now=pain)},
            headers=who.headers | {"Idempotency-Key": key, "If-Match": '"1"', **headers},
        )


def save(served: Served, who: Person, assessment_id: str, pain: int = 3) -> httpx2.Response:
    with httpx2.Client(base_url=served.url, timeout=PATIENCE_S) as client:
        return client.patch(
            f"/v1/assessments/{assessment_id}",
            json={"answers": {"nprs_now": pain}},
            headers=who.headers | {"If-Match": '"1"'},
        )


def wait_for(served: Served, who: Person, path: str, seconds: int) -> tuple[httpx2.Response, float]:
    """The answer and when it came."""
    with httpx2.Client(base_url=served.url, timeout=PATIENCE_S) as client:
        answer = client.get(path, headers=who.headers | {"Prefer": f"wait={seconds}"})
        return answer, time.monotonic()


@pytest.fixture
def work(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Does what is on the server's queues, in this process."""
    for name, value in queue_environment(served.queues).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FFP_DATABASE_URL", served.db.app_url)
    forget()

    def drain() -> int:
        client, done = emulated_sqs(), 0
        for name in ("scoring", "generation", "bulk"):
            while found := receive(client, served.queues[name]):
                assert sqs.handler({"Records": found}, None) == {"batchItemFailures": []}
                for record in found:
                    client.delete_message(QueueUrl=served.queues[name], ReceiptHandle=record["receiptHandle"])
                done += len(found)
        return done

    yield drain
    forget()


def connections(served: Served) -> int:
    count: int = served.db.value(
        "select count(*) from pg_stat_activity where datname = %s and application_name like 'ffp%%'", served.db.name
    )
    return count


def test_twenty_submits_with_one_key_make_one_job(served: Served) -> None:
    member = served.person(uuid4().hex)
    assessment = start(served, member)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: submit(served, member, assessment["id"], "one-key"), range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert sorted(answer.headers.get("idempotent-replayed", "") for answer in answers) == [""] + ["true"] * 19
    job_id = UUID(answers[0].json()["id"])
    jobs = served.db.rows("select id from jobs where tenant_id = %s", member.tenant_id)
    assert jobs == [{"id": job_id}]
    assert served.db.value("select count(*) from submissions where tenant_id = %s", member.tenant_id) == 1
    assert served.db.value("select count(*) from idempotency_keys where tenant_id = %s", member.tenant_id) == 1


def test_of_two_submits_with_two_keys_one_wins(served: Served) -> None:
    for _ in range(5):
        member = served.person(uuid4().hex)
        assessment = start(served, member)
        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(partial(submit, served, member, assessment["id"]), ("k-1", "k-2"))
        won, lost = sorted((one, other), key=lambda answer: answer.status_code)
        assert (won.status_code, lost.status_code) == (202, 409)
        assert lost.json()["code"] == "already_submitted"
        assert lost.headers["location"] == won.headers["location"]
        assert served.db.value("select count(*) from jobs where tenant_id = %s", member.tenant_id) == 1


def test_one_key_with_two_bodies_at_once_makes_one_job(served: Served) -> None:
    for _ in range(5):
        member = served.person(uuid4().hex)
        assessment = start(served, member)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(partial(submit, served, member, assessment["id"], "one-key"), (1, 2, 1, 2, 1, 2)))
        assert sorted(answer.status_code for answer in answers) == [202, 202, 202, 422, 422, 422]
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
        assert {answer.json()["code"] for answer in answers if answer.status_code == 422} == {"idempotency_key_reused"}
        assert served.db.value("select count(*) from jobs where tenant_id = %s", member.tenant_id) == 1


def test_of_two_changes_to_one_version_one_wins(served: Served) -> None:
    for _ in range(5):
        member = served.person(uuid4().hex)
        assessment = start(served, member)
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(partial(save, served, member, assessment["id"]), (1, 2)))
        assert sorted(answer.status_code for answer in answers) == [200, 412]
        won = next(answer for answer in answers if answer.status_code == 200)
        assert served.client.get(f"/v1/assessments/{assessment['id']}", headers=member.headers).json() == won.json()


def test_of_a_save_and_a_submit_one_wins(served: Served) -> None:
    for _ in range(5):
        member = served.person(uuid4().hex)
        assessment = start(served, member)
        with ThreadPoolExecutor(2) as pool:
            saved = pool.submit(save, served, member, assessment["id"], 9)
            submitted = pool.submit(submit, served, member, assessment["id"], "k-1")
        outcome = (saved.result().status_code, submitted.result().status_code)
        assert outcome in {(200, 412), (409, 202), (412, 202)}
        stored = served.db.rows(
            "select answers ->> 'nprs_now' as pain from submissions where tenant_id = %s", member.tenant_id
        )
        assert stored == ([] if outcome[0] == 200 else [{"pain": "3"}])


def test_one_person_starting_ten_times_at_once_has_one_draft(served: Served) -> None:
    member = served.person(uuid4().hex)

    def one(_: int) -> httpx2.Response:
        with httpx2.Client(base_url=served.url, timeout=PATIENCE_S) as client:
            return client.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=member.headers)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(one, range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_waiting_client_is_answered_when_the_job_ends(served: Served, work: Callable[[], int]) -> None:
    member = served.person(uuid4().hex)
    path = submit(served, member, start(served, member)["id"], "k-1").headers["location"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for, served, member, path, 20)
        time.sleep(0.3)
        assert not waiting.done()
        work()
        ended = time.monotonic()
        answer, answered = waiting.result()
    assert answer.json()["status"] == "succeeded"
    assert answer.headers["preference-applied"] == "wait=20"
    assert answered - ended < SOON_S


def test_a_submit_that_waits_gives_the_end(served: Served, work: Callable[[], int]) -> None:
    member = served.person(uuid4().hex)
    assessment = start(served, member)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(submit, served, member, assessment["id"], "k-1", Prefer="wait=20")
        deadline = time.monotonic() + PATIENCE_S
        while not waiting.done() and time.monotonic() < deadline:
            work()
        answer = waiting.result()
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"


def test_a_job_that_does_not_end_is_answered_after_the_wait(served: Served) -> None:
    member = served.person(uuid4().hex)
    path = submit(served, member, start(served, member)["id"], "k-1").headers["location"]
    began = time.monotonic()
    answer, answered = wait_for(served, member, path, 1)
    assert 0.9 < answered - began < SOON_S
    assert (answer.status_code, answer.json()["status"], answer.headers["retry-after"]) == (200, "queued", "1")


def test_sixty_waiting_clients_hold_no_connections_and_delay_nobody(served: Served, work: Callable[[], int]) -> None:
    members = [served.person(uuid4().hex) for _ in range(3)]
    paths = [submit(served, who, start(served, who)["id"], "k-1").headers["location"] for who in members]
    with ThreadPoolExecutor(60) as pool:
        waiting = [pool.submit(wait_for, served, members[n % 3], paths[n % 3], 20) for n in range(60)]
        time.sleep(1)
        assert not any(each.done() for each in waiting)
        assert connections(served) <= 10  # the pool's 8, the listener, and this process's own
        assert (
            served.db.value(
                "select count(*) from pg_stat_activity where datname = %s and state like '%%transaction%%'",
                served.db.name,
            )
            == 0
        )
        took = []
        for _ in range(5):
            began = time.monotonic()
            assert served.client.get(paths[0], headers=members[0].headers).status_code == 200
            took.append(time.monotonic() - began)
        assert min(took) < SOON_S / 10
        work()
        ended = time.monotonic()
        answers = [each.result() for each in waiting]
    assert {answer.json()["status"] for answer, _ in answers} == {"succeeded"}
    assert max(answered for _, answered in answers) - ended < SOON_S


def test_a_wait_survives_the_loss_of_the_listener(served: Served, work: Callable[[], int]) -> None:
    """The listener connects again and wakes everybody, since it cannot know what was said meanwhile."""
    member = served.person(uuid4().hex)
    path = submit(served, member, start(served, member)["id"], "k-1").headers["location"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for, served, member, path, 20)
        time.sleep(0.3)
        served.db.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = %s and application_name = 'ffp-listener'",
            served.db.name,
        )
        work()
        ended = time.monotonic()
        answer, answered = waiting.result()
    assert answer.json()["status"] == "succeeded"
    assert answered - ended < SOON_S
    pools.close()
