"""Webhooks from the change to the receiver, with real queues, and with dispatchers and senders that are killed."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.webhooks import TEST
from infra import background, http_sender, queue, settings, webhook_queue, webhook_secrets
from infra.database import unit_of_work
from infra.ids import new_id
from tests import processes
from tests.conftest import Database, Person
from tests.workers.receiver import Got, Receiver, receiving, status
from workers import webhook_sender, webhooks

SECRET = b"\1" * 32


@pytest.fixture(autouse=True)
def near(monkeypatch: pytest.MonkeyPatch, queues: dict[str, str]) -> None:
    """Receivers are on this machine, and what is on its way is not taken for lost."""
    monkeypatch.setenv("FFP_WEBHOOK_ALLOW_PRIVATE", "on")
    monkeypatch.setenv("FFP_WEBHOOK_LEASE_S", "600")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def owner(person: Callable[..., Person]) -> Person:
    return person("acme", "business_owner")


def endpoint(db: Database, who: Person, url: str, secret: bytes = SECRET) -> UUID:
    made = new_id()
    db.rows(
        "insert into webhook_endpoints (tenant_id, id, url, secret) values (%s, %s, %s, %s)",
        who.tenant_id, made, url, webhook_secrets.seal(who.tenant_id, made, secret),
    )  # fmt: skip
    return made


def asked_for(who: Person, hook: UUID) -> UUID:
    with unit_of_work(who.context) as uow:
        return uow.webhooks.add_test(hook, new_id()).id


def turn() -> int:
    """The dispatcher and the sender once each, and the dispatcher again for what the sender has told."""
    with background.connected("test") as connection:
        sent = webhooks.dispatch(connection)
        if sent:
            send()
            webhooks.take_results(connection)
    return sent


def send() -> None:
    queues = settings.webhook_queues()
    assert queues is not None
    for message in queue.receive(queues.to_send, 1):
        webhook_sender._take(queues.to_send, message)


def delivery(db: Database, delivery_id: UUID) -> dict[str, Any]:
    [row] = db.rows("select * from webhook_deliveries where id = %s", delivery_id)
    return row


def due_now(db: Database) -> None:
    db.rows("update webhook_deliveries set next_at = now() where next_at is not null")


def wait_of(db: Database, delivery_id: UUID, began: datetime) -> tuple[float, float]:
    """Seconds until the next try, at least and at most, of an attempt since `began`."""
    next_at, now = delivery(db, delivery_id)["next_at"], db.value("select clock_timestamp()")
    return (next_at - now).total_seconds(), (next_at - began).total_seconds()


def verified(got: Got, *secrets: bytes) -> None:
    """As any library of Standard Webhooks does it; every secret's signature is there."""
    assert abs(time.time() - int(got.headers["webhook-timestamp"])) < 600
    signed = f"{got.id}.{got.headers['webhook-timestamp']}.".encode() + got.body
    expected = [
        "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode() for secret in secrets
    ]
    assert got.headers["webhook-signature"].split(" ") == expected


def test_a_delivery_is_signed_thin_and_noted(db: Database, owner: Person, receiver: Receiver) -> None:
    hook = endpoint(db, owner, receiver.url())
    made = asked_for(owner, hook)
    assert turn() == 1
    [got] = receiver.got
    verified(got, SECRET)
    assert got.id == str(made)
    assert got.headers["content-type"] == "application/json"
    content = json.loads(got.body)
    assert content.pop("timestamp")
    assert content == {"type": TEST, "data": {"id": str(hook), "href": f"/v1/business/webhooks/{hook}"}}
    row = delivery(db, made)
    assert (row["status"], row["outcome"], row["response_status"], row["attempt"]) == ("delivered", "delivered", 200, 1)
    assert row["duration_ms"] >= 0
    assert row["next_at"] is None
    assert turn() == 0


def test_for_a_day_both_secrets_sign(db: Database, owner: Person, receiver: Receiver) -> None:
    hook = endpoint(db, owner, receiver.url())
    newer = b"\2" * 32
    with unit_of_work(owner.context) as uow:
        uow.webhooks.rotate(hook, webhook_secrets.seal(owner.tenant_id, hook, newer))
    asked_for(owner, hook)
    turn()
    verified(receiver.got[0], newer, SECRET)
    db.rows("update webhook_endpoints set previous_until = now()")
    asked_for(owner, hook)
    turn()
    verified(receiver.got[1], newer)


def test_a_secret_that_cannot_be_read_keeps_nobody_waiting(db: Database, owner: Person, receiver: Receiver) -> None:
    broken, whole = endpoint(db, owner, receiver.url("/broken")), endpoint(db, owner, receiver.url())
    db.rows("update webhook_endpoints set secret = (select secret from webhook_endpoints where id = %s)", whole)
    lost, arrives = asked_for(owner, broken), asked_for(owner, whole)
    turn()
    assert [got.id for got in receiver.got] == [str(arrives)]
    assert delivery(db, lost)["status"] == "sending"


def test_what_fails_comes_again_under_the_same_id(db: Database, owner: Person) -> None:
    with receiving(status(500), status(302, Location="http://127.0.0.1/"), status(200)) as receiver:
        made = asked_for(owner, endpoint(db, owner, receiver.url()))
        for waits, code in ((5, 500), (300, 302)):
            began = db.value("select clock_timestamp()")
            turn()
            row = delivery(db, made)
            assert (row["status"], row["outcome"], row["response_status"]) == ("pending", "status", code)
            least, most = wait_of(db, made, began)
            assert least <= 1.2 * waits
            assert most >= 0.8 * waits
            assert waits < 60 or turn() == 0
            due_now(db)
        assert db.value("select failing_since is not null from webhook_endpoints")
        turn()
        assert delivery(db, made)["status"] == "delivered"
        assert db.value("select failing_since is null from webhook_endpoints")
    assert {got.id for got in receiver.got} == {str(made)}
    assert len(receiver.got) == 3


def test_after_the_last_retry_it_has_failed_and_resent_it_has_them_all_again(db: Database, owner: Person) -> None:
    with receiving(status(500)) as receiver:
        hook = endpoint(db, owner, receiver.url())
        made = asked_for(owner, hook)
        for _ in range(10):
            turn()
            due_now(db)
        assert turn() == 0
        row = delivery(db, made)
        assert (row["status"], row["attempt"], row["next_at"]) == ("failed", 10, None)
        with unit_of_work(owner.context) as uow:
            uow.webhooks.resend(hook, made)
        began = db.value("select clock_timestamp()")
        turn()
        least, most = wait_of(db, made, began)
        assert least <= 6
        assert most >= 4
        receiver.answers = [status(200)]
        due_now(db)
        turn()
    assert (delivery(db, made)["status"], delivery(db, made)["attempt"]) == ("delivered", 12)


def test_a_receiver_that_does_not_answer_holds_up_nobody_else(
    db: Database, person: Callable[..., Person], owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_sender, "post", partial(http_sender.post, total_s=60))
    answers, stop = threading.Event(), threading.Event()

    def keeping_quiet(handler: Any) -> None:
        answers.wait(60)
        status(200)(handler)

    sender = threading.Thread(target=webhook_sender.run, args=(stop,), daemon=True)
    with (
        receiving(keeping_quiet) as silent,
        receiving() as prompt,
        background.connected("test") as connection,
    ):
        try:
            asked_for(owner, endpoint(db, owner, silent.url()))
            webhooks.dispatch(connection)
            sender.start()
            processes.until(lambda: silent.got, 20)
            other = person("globex", "business_owner")
            asked_for(other, endpoint(db, other, prompt.url()))
            webhooks.dispatch(connection)
            processes.until(lambda: prompt.got, 30)
        finally:
            stop.set()
            answers.set()
            sender.join(20)


def told(db: Database, who: Person) -> list[str]:
    rows = db.rows("select kind from notifications where user_id = %s", who.context.user_id)
    return [row["kind"] for row in rows]


def test_410_disables_and_tells_who_runs_the_business(
    db: Database, owner: Person, person: Callable[..., Person]
) -> None:
    admin, member, other = person("acme", "business_admin"), person("acme"), person("globex", "business_owner")
    with receiving(status(410)) as receiver:
        hook = endpoint(db, owner, receiver.url())
        gone, waiting = asked_for(owner, hook), asked_for(owner, hook)
        db.rows("update webhook_deliveries set next_at = now() + interval '1 minute' where id = %s", waiting)
        turn()
        [row] = db.rows("select enabled, disabled_reason, revision from webhook_endpoints")
        assert row == {"enabled": False, "disabled_reason": "gone", "revision": 2}
        assert delivery(db, gone)["status"] == "failed"
        due_now(db)
        assert turn() == 0
        assert delivery(db, waiting)["status"] == "skipped"
    assert len(receiver.got) == 1
    assert (told(db, owner), told(db, admin)) == (["webhook_disabled"], ["webhook_disabled"])
    assert (told(db, member), told(db, other)) == ([], [])
    mails = db.rows("select address, params from emails where kind = 'webhook_disabled' order by address")
    assert [(row["address"], row["params"]) for row in mails] == [
        (who.email, {"subject": str(hook)}) for who in sorted((owner, admin), key=lambda each: each.email)
    ]
    assert db.value("select count(*) from jobs where kind = 'email' and published_at is null") == 2
    assert db.value("select count(*) from audit_log where action = 'webhook.disabled'") == 1


def test_five_days_of_failures_disable(db: Database, owner: Person) -> None:
    with receiving(status(503)) as receiver:
        hook = endpoint(db, owner, receiver.url())
        for days, enabled in ((4, True), (5, False)):
            asked_for(owner, hook)
            turn()
            db.rows("update webhook_endpoints set failing_since = now() - make_interval(days => %s, mins => 1)", days)
            asked_for(owner, hook)
            turn()
            [row] = db.rows("select enabled, disabled_reason from webhook_endpoints")
            assert row == {"enabled": enabled, "disabled_reason": None if enabled else "failing"}
    assert told(db, owner) == ["webhook_disabled"]


def test_one_tenants_backlog_leaves_room_for_the_other(
    db: Database, owner: Person, person: Callable[..., Person]
) -> None:
    other = person("globex", "business_owner")
    with receiving() as receiver:
        noisy, quiet = endpoint(db, owner, receiver.url("/noisy")), endpoint(db, other, receiver.url("/quiet"))
        for _ in range(60):
            asked_for(owner, noisy)
        asked_for(other, quiet)
        with background.connected("test") as connection:
            assert webhooks.dispatch(connection) == 21  # 20 of the noisy one, which are its window
            assert webhooks.dispatch(connection) == 0
    assert {
        row["tenant_id"] for row in db.rows("select tenant_id from webhook_deliveries where status = 'sending'")
    } == {
        owner.tenant_id,
        other.tenant_id,
    }


def test_a_dispatcher_that_dies_before_it_hands_over(db: Database, owner: Person, receiver: Receiver) -> None:
    made = asked_for(owner, endpoint(db, owner, receiver.url()))
    with background.connected("test") as connection:
        from infra import webhook_outbox

        assert len(webhook_outbox.claim(connection, 10, 600)) == 1
        assert webhook_outbox.claim(connection, 10, 600) == []
    assert turn() == 0
    due_now(db)
    assert turn() == 1
    assert (delivery(db, made)["status"], delivery(db, made)["attempt"]) == ("delivered", 2)
    assert [got.id for got in receiver.got] == [str(made)]


def test_a_sender_that_dies_before_it_tells(
    db: Database, owner: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = asked_for(owner, endpoint(db, owner, receiver.url()))
    with background.connected("test") as connection:
        webhooks.dispatch(connection)
    queues = settings.webhook_queues()
    assert queues is not None
    [message] = queue.receive(queues.to_send, 1)
    letter = webhook_queue.letter(message.body)
    assert letter is not None
    from infra import http_sender

    http_sender.post(letter.url, letter.headers, letter.body.encode(), allow_private=True)  # and then it is gone
    with monkeypatch.context() as later:
        later.setattr(webhook_queue, "time", SimpleNamespace(time=lambda: time.time() + 600))
        assert webhook_queue.letter(message.body) is None, "whoever gets it now leaves it to the attempt that follows"
    due_now(db)
    assert turn() == 1
    assert delivery(db, made)["status"] == "delivered"
    assert [got.id for got in receiver.got] == [str(made)] * 2


def test_what_is_told_twice_or_late_or_is_nonsense_changes_nothing(
    db: Database, owner: Person, receiver: Receiver
) -> None:
    made = asked_for(owner, endpoint(db, owner, receiver.url()))
    queues = settings.webhook_queues()
    assert queues is not None
    turn()
    before = delivery(db, made)
    for outcome, attempt in (("delivered", 1), ("timeout", 1), ("gone", 1), ("delivered", 99)):
        webhook_queue.tell(webhook_queue.Result(owner.tenant_id, made, attempt, 1, outcome, 200, 5))
    webhook_queue.tell(webhook_queue.Result(uuid4(), made, 1, 1, "gone", 410, 5))
    for nonsense in ("{", "[" * 5000, "{}", '"x"', json.dumps({"tenant_id": "x"})):
        queue.client().send_message(QueueUrl=queues.results, MessageBody=nonsense)
        queue.client().send_message(QueueUrl=queues.to_send, MessageBody=nonsense)
    with background.connected("test") as connection:
        while webhooks.take_results(connection):
            send()
    assert delivery(db, made) == before
    assert db.value("select enabled from webhook_endpoints")
    for url in (queues.results, queues.to_send):
        assert queue.receive(url, 0) == []


def test_an_event_commits_with_its_change_or_not_at_all(db: Database, owner: Person) -> None:
    endpoint(db, owner, "https://hooks.example.com/")
    with pytest.raises(RuntimeError), unit_of_work(owner.context) as uow:
        uow.webhooks.add_test(db.value("select id from webhook_endpoints"), new_id())
        raise RuntimeError
    assert db.value("select count(*) from webhook_deliveries") == 0


def test_the_log_is_kept_for_thirty_days(db: Database, owner: Person, receiver: Receiver) -> None:
    from infra import webhook_outbox

    hook = endpoint(db, owner, receiver.url())
    old, older = asked_for(owner, hook), asked_for(owner, hook)
    turn()
    waiting = asked_for(owner, hook)
    for made, days in ((old, 29), (older, 31), (waiting, 31)):
        db.rows(
            "update webhook_deliveries set created_at = now() - make_interval(days => %s) where id = %s", days, made
        )
    with background.connected("test") as connection:
        assert webhook_outbox.prune(connection) == 1
    assert {row["id"] for row in db.rows("select id from webhook_deliveries")} == {old, waiting}


def test_workers_that_are_killed_lose_nothing(
    db: Database, owner: Person, person: Callable[..., Person], receiver: Receiver, tmp_path: Path
) -> None:
    """Real processes, SIGKILL at any moment: every delivery arrives, a second time under the same id at the most."""
    other = person("globex", "business_owner")
    hooks = {owner: endpoint(db, owner, receiver.url("/acme")), other: endpoint(db, other, receiver.url("/globex"))}
    made = {str(asked_for(who, hook)): hook for who, hook in hooks.items() for _ in range(15)}
    stop = threading.Event()

    def arrived() -> bool:
        return bool(db.value("select bool_and(status = 'delivered') from webhook_deliveries"))

    queues = settings.webhook_queues()
    assert queues is not None
    for url in (queues.to_send, queues.results):
        queue.client().set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    for pause_s in (0.05, 0.3, 0.1, 0.6):
        with processes.worker(tmp_path, FFP_WEBHOOK_LEASE_S="2") as worker:
            processes.until(lambda: "webhook" in worker.said() or receiver.got or arrived(), 30, worker.said)
            stop.wait(pause_s)
            worker.kill()
        for hook, who in ((hooks[owner], owner), (hooks[other], other)):
            made |= {str(asked_for(who, hook)): hook for _ in range(3)}
    with processes.worker(tmp_path, FFP_WEBHOOK_LEASE_S="2") as worker:
        processes.until(arrived, 60, worker.said)
        said = worker.said()
    assert {got.id for got in receiver.got} == made.keys()
    by_id = {got.id: got for got in receiver.got}
    for delivery_id, got in by_id.items():
        assert json.loads(got.body)["data"]["id"] == str(made[delivery_id])
        verified(got, SECRET)
    assert "whsec_" not in said
    assert base64.b64encode(SECRET).decode() not in said
    assert receiver.url() not in said
