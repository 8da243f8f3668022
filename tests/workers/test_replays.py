"""A replay does what was ordered, once, and no more: whatever happened to its letters meanwhile."""

import contextlib
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.dead_letters import LetterFilter
from domain.errors import (
    ExpectedCountDiffers,
    IdempotencyKeyReused,
    ReplayInOtherState,
    SecondOperatorNeeded,
)
from domain.jobs import Job, Message, message_for
from domain.pages import Window
from domain.replays import Canary, Mode, Order, Replay, Selector
from domain.services import dead_letters
from domain.services import replays as orders
from domain.tenancy import Operator
from infra import background, replays
from infra.database import operations, unit_of_work
from infra.ids import new_id
from infra.messages import decode, encode
from tests import letters
from tests.api.conftest import receive
from tests.conftest import Database, Person, emulated_sqs
from tests.workers.conftest import assert_done_once, submitted
from workers import replays as replayer
from workers.work import deliver

ANNA, BEN = Operator(uuid4(), "request-anna"), Operator(uuid4(), "request-ben")


def order(
    *ids: UUID, mode: Mode = "execute", expected: int | None = None, most: int = 1000, rate: float = 500.0,
    canary: Canary | None = None, key: str | None = None, wanted: LetterFilter | None = None,
) -> Order:  # fmt: skip
    selector = Selector(ids, wanted or LetterFilter())
    return Order(selector, mode, "a test", expected, most, rate, canary, key or str(uuid4()), repr(selector), {})


def started(wanted: Order, who: Operator = ANNA) -> Replay:
    with operations(who) as work:
        replay, _ = orders.start(work, wanted, new_id())
    return replay


def now(replay: Replay) -> Replay:
    with operations(ANNA) as work:
        return orders.read(work, replay.id)


def turns(most: int = 50) -> int:
    """Let the replayer work until it has nothing to do. Returns how many steps."""
    done = 0
    with background.connected("test") as connection:
        for _ in range(most):
            steps, wait_s = replayer.turn(connection)
            done += steps
            if not steps:
                if wait_s is None or wait_s > 0.1:
                    break
                time.sleep(max(wait_s, 0.001))
    return done


def work(queues: dict[str, str]) -> int:
    """Deliver what is on the queues, once."""
    done = 0
    for name in ("scoring", "generation"):
        for record in receive(emulated_sqs(), queues[name]):
            emulated_sqs().delete_message(QueueUrl=queues[name], ReceiptHandle=record["receiptHandle"])
            with contextlib.suppress(Exception):  # the queue would bring it again
                deliver(decode(record["body"]))
            done += 1
    return done


def test_a_replayed_job_ends_once_and_its_letter_with_it(
    db: Database, person: Callable[..., Person], queues: dict[str, str]
) -> None:
    """Two tenants: both jobs go on from where they died, under their old ids, with their history."""
    made = [letters.dead(db, person(tenant)) for tenant in ("acme", "globex")]
    replay = started(order(expected=2))
    assert (replay.state, replay.total) == ("running", 2)
    assert turns() == 3  # two letters and the end
    assert now(replay).outcomes == {"replayed": 2}
    while work(queues):
        pass
    after = now(replay)
    assert (after.state, after.outcomes, after.settled) == ("done", {"succeeded": 2}, True)
    for job, letter in made:
        assert_done_once(db, job)
        [row] = db.rows("select state, resolution, replays from dead_letters where id = %s", letter)
        assert row == {"state": "resolved", "resolution": "succeeded", "replays": 1}
        numbers = db.rows(
            "select number, outcome from attempts where job_id = %s and stage = 'scoring' order by number", job.id
        )
        assert [row["number"] for row in numbers] == [1, 2, 3, 4, 5, 6]
        [audited] = db.rows("select * from audit_log where subject_id = %s", letter)
        assert (audited["tenant_id"], audited["actor_id"], audited["actor_role"]) == (
            job.tenant_id,
            ANNA.user_id,
            "operator",
        )
        assert (audited["action"], audited["request_id"]) == ("dead_letter.replayed", "request-anna")


def test_a_job_that_dies_again_opens_its_letter_again(db: Database, member: Person, queues: dict[str, str]) -> None:
    job, letter = letters.dead(db, member)
    replay = started(order(letter))
    turns()
    [record] = receive(emulated_sqs(), queues["scoring"])
    with letters.poisoned(db):
        for _ in range(5):
            letters.due()
            assert letters.sqs.handler({"Records": [letters.record(record["body"])]}, None)["batchItemFailures"]
    assert letters.consume(record["body"])
    [row] = db.rows("select state, times_seen, replays from dead_letters")
    assert row == {"state": "open", "times_seen": 2, "replays": 1}
    assert now(replay).outcomes == {"died": 1}
    assert db.value("select attempt from jobs") == 10
    with unit_of_work(member.context) as uow:
        assert uow.jobs.read(job.id).status == "dead"


def test_nothing_is_replayed_twice(db: Database, member: Person, queues: dict[str, str]) -> None:
    """While it is under way, after it ended, after it was canceled: each letter says why it was left alone."""
    running, first = letters.dead(db, member)
    ended, second = letters.dead(db, member)
    canceled, third = letters.dead(db, member)
    discarded, fourth = letters.dead(db, member)
    with unit_of_work(member.context) as uow:
        uow.jobs.cancel(canceled.id, "r")
    started(order(first))
    turns()
    db.rows("update jobs set status = 'retrying' where id = %s", ended.id)
    db.rows("update jobs set status = 'running' where id = %s", ended.id)
    db.rows("update jobs set status = 'succeeded' where id = %s", ended.id)
    with operations(ANNA) as ops:
        dead_letters.discard(ops, fourth, "known, harmless")
    before = db.rows("select id, status, revision, attempt, max_attempts from jobs order by id")
    replay = started(order(first, second, third, fourth))
    turns()
    after = now(replay)
    assert after.outcomes == {"skipped": 4}
    assert after.skipped == {"already_running": 1, "already_succeeded": 1, "job_canceled": 1, "discarded": 1}
    assert db.rows("select id, status, revision, attempt, max_attempts from jobs order by id") == before
    assert len(receive(emulated_sqs(), queues["scoring"])) == 1  # the first replay's
    assert running.id != discarded.id


def test_what_names_no_job_is_skipped(db: Database, member: Person) -> None:
    assert letters.consume("nonsense")
    letter = db.value("select id from dead_letters")
    replay = started(order(letter))
    turns()
    assert now(replay).skipped == {"unreadable_message": 1}


def test_two_replays_of_one_letter_put_it_back_once(db: Database, member: Person, queues: dict[str, str]) -> None:
    job, letter = letters.dead(db, member)
    both = [started(order(letter)), started(order(letter), BEN)]
    turns()
    assert sorted(str(now(each).outcomes) for each in both) == ["{'replayed': 1}", "{'skipped': 1}"]
    assert db.value("select replays from jobs where id = %s", job.id) == 1


def test_the_count_has_to_be_the_expected_one(db: Database, member: Person) -> None:
    letters.dead(db, member)
    with pytest.raises(ExpectedCountDiffers):
        started(order(expected=2))
    assert db.rows("select * from replays") == []


def test_a_dry_run_counts_and_changes_nothing(
    db: Database, person: Callable[..., Person], queues: dict[str, str]
) -> None:
    letters.dead(db, person("acme"))
    letters.dead(db, person("acme"))
    letters.dead(db, person("globex"))
    with operations(ANNA) as ops:
        found = orders.look(ops, order(mode="dry_run", most=2))
        narrowed = orders.look(ops, order(wanted=LetterFilter(tenant_id=found.shares[0].tenant_id)))
    assert (found.count, found.taken, found.over_limit) == (3, 2, 0)
    assert [(share.kind, share.tenant, share.count) for share in found.shares] == [
        ("assessment", "acme", 2), ("assessment", "globex", 1),
    ]  # fmt: skip
    assert len(found.sample) == 3
    assert narrowed.count == 2
    assert db.rows("select * from replays") == []


def test_one_key_orders_once(db: Database, member: Person) -> None:
    _, letter = letters.dead(db, member)
    first = started(order(letter, key="k"))
    assert started(order(letter, key="k")).id == first.id
    with pytest.raises(IdempotencyKeyReused):
        started(order(key="k"))
    assert started(order(letter, key="k"), BEN).id != first.id


@pytest.mark.parametrize(
    ("wanted", "finds"),
    [
        (LetterFilter(queue="scoring"), 1),
        (LetterFilter(queue="generation"), 0),
        (LetterFilter(kind="assessment", stage="scoring"), 1),
        (LetterFilter(code="unexpected_error"), 1),
        (LetterFilter(code="other"), 0),
        (LetterFilter(replays=0), 1),
        (LetterFilter(replays=1), 0),
        (LetterFilter(release="0.0.0-never"), 0),
        (LetterFilter(tenant_id=UUID(int=1)), 0),
    ],
)
def test_a_filter_finds_what_it_says(db: Database, member: Person, wanted: LetterFilter, finds: int) -> None:
    letters.dead(db, member)
    with operations(ANNA) as ops:
        assert orders.look(ops, order(wanted=wanted)).count == finds


def test_beyond_three_replays_a_second_operator_confirms(db: Database, member: Person, queues: dict[str, str]) -> None:
    _, letter = letters.dead(db, member)
    db.rows("update dead_letters set replays = 3")
    replay = started(order(letter))
    assert replay.state == "waiting"
    assert turns() == 0
    with operations(ANNA) as ops, pytest.raises(SecondOperatorNeeded):
        orders.move(ops, replay.id, "confirm")
    with operations(BEN) as ops:
        assert orders.move(ops, replay.id, "confirm").confirmed_by == BEN.user_id
    turns()
    assert now(replay).outcomes == {"replayed": 1}


def test_a_limit_that_is_reached_meanwhile_holds(db: Database, member: Person) -> None:
    _, letter = letters.dead(db, member)
    replay = started(order(letter))
    db.rows("update dead_letters set replays = 3")
    turns()
    assert now(replay).skipped == {"needs_second_operator": 1}


def test_pause_resume_cancel(db: Database, member: Person) -> None:
    for _ in range(3):
        letters.dead(db, member)
    replay = started(order(rate=0.01))
    assert turns() == 1
    with operations(BEN) as ops:
        assert orders.move(ops, replay.id, "pause").state == "paused"
        with pytest.raises(ReplayInOtherState):
            orders.move(ops, replay.id, "pause")
    db.rows("update replays set next_at = now() - interval '1 minute'")
    assert turns() == 0
    with operations(BEN) as ops:
        orders.move(ops, replay.id, "resume")
    assert turns() == 1
    with operations(BEN) as ops:
        assert orders.move(ops, replay.id, "cancel").state == "canceled"
        with pytest.raises(ReplayInOtherState):
            orders.move(ops, replay.id, "resume")
    assert now(replay).outcomes == {"replayed": 2, "pending": 1}
    actions = [
        row["action"] for row in db.rows("select action from audit_log where subject_type = 'replay' order by id")
    ]
    assert actions == ["replay.ordered", "replay.paused", "replay.resumed", "replay.canceled"]


def test_the_rate_holds_over_restarts(db: Database, member: Person) -> None:
    """Each turn is a new replayer, which knows nothing of the one before."""
    for _ in range(4):
        letters.dead(db, member)
    replay = started(order(rate=4.0))
    time.sleep(1)  # nobody was there: no reason to be faster now
    while now(replay).state != "done":
        turns()
        time.sleep(0.01)
    at = [row["at"] for row in db.rows("select replayed_at as at from replay_letters order by replayed_at")]
    assert all((each - at[0]).total_seconds() >= number / 4.0 for number, each in enumerate(at)), at


def test_the_schedule_works_as_long_as_letters_are_left(db: Database, member: Person) -> None:
    """A slow rate is no reason to leave the rest to the next minute."""
    for _ in range(3):
        letters.dead(db, member)
    replay = started(order(rate=0.8))
    assert replayer.handler({}, None) == {"steps": 4}
    assert now(replay).state == "done"
    assert replayer.handler({}, None) == {"steps": 0}


def test_a_canary_that_fails_stops_the_rest(db: Database, member: Person, queues: dict[str, str]) -> None:
    made = [letters.dead(db, member) for _ in range(4)]
    replay = started(order(canary=Canary(2, 0.5)))
    assert turns() == 2
    assert now(replay).outcomes == {"replayed": 2, "pending": 2}
    for job, _ in made[:2]:
        message = Message(job.tenant_id, job.id, "scoring", "c", replay=1)
        with letters.poisoned(db):
            letters.exhaust(job, message)
        assert letters.consume(encode(message))
    db.rows("update replays set next_at = now()")
    turns()
    after = now(replay)
    assert (after.state, after.outcomes) == ("stopped", {"died": 2, "pending": 2})


def test_a_canary_that_lives_lets_the_rest_go(db: Database, member: Person, queues: dict[str, str]) -> None:
    for _ in range(3):
        letters.dead(db, member)
    replay = started(order(canary=Canary(1, 0.0)))
    assert turns() == 1
    while work(queues):
        pass
    db.rows("update replays set next_at = now()")
    turns()
    assert (now(replay).state, now(replay).canary_passed) == ("done", True)


def shadow(letter: UUID) -> dict[str, Any]:
    replay = started(order(letter, mode="shadow"))
    turns()
    assert now(replay).state == "done"
    with operations(ANNA) as ops:
        [item] = orders.letters(ops, replay.id, Window(5), None).items
    return {"outcome": item.outcome, "reason": item.reason, "report": item.report}


def everything(db: Database) -> dict[str, list[dict[str, Any]]]:
    tables = ("jobs", "attempts", "scores", "programs", "sessions", "dead_letters", "solved_specs", "notifications")
    return {table: db.rows(f"select t::text from {table} t order by 1") for table in tables}


def test_a_shadow_tells_what_would_be_and_leaves_nothing(db: Database, member: Person, queues: dict[str, str]) -> None:
    _, letter = letters.dead(db, member)
    before = everything(db)
    found = shadow(letter)
    assert found["outcome"] == "would_succeed"
    assert found["report"]["rows"]["scores"] == {"inserted": 1}
    assert set(found["report"]["rows"]) >= {"attempts", "audit_log", "jobs", "scores"}
    with letters.poisoned(db):
        assert shadow(letter)["outcome"] == "same_error"
    db.rows("update submissions set template_hash = 'yet another'")
    db.rows("update templates set document = '5', content_hash = 'x' where slug = 'low-back-pain'")
    found = shadow(letter)
    assert found["outcome"] == "same_error"
    assert everything(db) == before
    assert db.value("select status from jobs") == "dead"
    assert receive(emulated_sqs(), queues["scoring"]) == []


def test_a_shadow_of_the_second_stage_makes_no_program(db: Database, member: Person, queues: dict[str, str]) -> None:
    job = submitted(member, publish=False)
    deliver(message_for(job))
    message = Message(job.tenant_id, job.id, "generating", "c")
    die_in_generation(db, job, message)
    found = shadow(db.value("select id from dead_letters"))
    assert found["outcome"] == "would_succeed"
    assert found["report"]["rows"]["programs"] == {"inserted": 1}
    assert db.value("select count(*) from programs") == 0


def die_in_generation(db: Database, job: Job, message: Message) -> None:
    good = db.value("select result::text from scores")
    db.rows("update scores set result = '{}'")
    letters.exhaust(job, message)
    assert letters.consume(encode(message), "generation-dlq")
    db.rows("update scores set result = %s", good)


def test_a_shadow_of_a_stage_with_effects_elsewhere_is_refused(
    db: Database, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = Message(member.tenant_id, uuid4(), "sending", "c")
    found = replayer.shadowed(replays.ShadowLetter(uuid4(), uuid4(), "s", message))
    assert found == ("skipped", "not_shadowable", None)
