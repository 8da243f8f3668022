"""Windows, shares, caps and pauses: what they hold back is done all the same, once, and nothing waits for ever."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from domain.errors import StaleRevision
from domain.failures import Failure
from domain.jobs import Job, LeaseLost, Message, Stage, Transient, message_for
from domain.limits import Limits, StageLimits, TenantLimits, stages_of_kind, stages_of_queue
from domain.services import limits as service
from domain.tenancy import Operator, worker_context
from infra import outbox
from infra.database import operations, unit_of_work
from infra.ids import new_id
from infra.publishing import publish_committed
from tests import letters, processes
from tests.conftest import Database, Person
from tests.processes import until
from tests.wire import Side
from tests.workers.conftest import assert_done_once, settled, submitted
from tests.workers.test_dead_letter_crashes import killed_at, wires
from tests.workers.test_messages import depth
from tests.workers.test_replays import now, order, started, turns, work
from workers import relay

__all__ = ["wires"]

OPERATOR = Operator(uuid4(), "request-fairness")
STAGE: Stage = "exporting"


def put(**changes: Any) -> None:
    """Put limits in force: what is given, else what is shipped."""
    with operations(OPERATOR) as of:
        service.change(of, service.read(of).version, Limits(**changes), "a test", new_id())


@dataclass
class Queue:
    """A queue that brings what it is asked to bring, in any order and more than once."""

    messages: list[Message] = field(default_factory=list)

    def publish(self, messages: Sequence[Message]) -> list[Message]:
        self.messages += messages
        return list(messages)

    def relay(self) -> None:
        outbox.relay(self.publish, grace_s=0.0)
        outbox.release(self.publish, grace_s=0.0)


def export(who: Person) -> Job:
    """Any job of one stage will do; committed, and not yet published."""
    assert who.context.user_id is not None
    with unit_of_work(who.context) as uow:
        return uow.jobs.enqueue(new_id(), "export", who.context.user_id, new_id())


def claim(message: Message, lease_s: float = 60) -> Job:
    with unit_of_work(worker_context(message.tenant_id, "test")) as uow:
        return uow.jobs.claim(message, lease_s, "test").job


def finish(job: Job) -> list[Message]:
    """End it; returns whose turn it is then."""
    with unit_of_work(worker_context(job.tenant_id, "test")) as uow:
        uow.jobs.finish(job)
        return uow.jobs.turns


def held(db: Database) -> int:
    return int(db.value("select count(*) from jobs where held"))


def running_now(db: Database) -> int:
    return int(db.value("select count(*) from jobs where lease_until > clock_timestamp()"))


def test_a_tenant_s_window_is_a_pipeline_that_needs_no_relay(db: Database, member: Person, queues: dict[str, str]) -> None:  # fmt: skip
    put(window=2)
    jobs = [submitted(member, publish=False) for _ in range(5)]
    for job in jobs:
        publish_committed(member.context, message_for(job))
    assert [job.held for job in jobs] == [False, False, True, True, True]
    assert depth(queues, "scoring") == 2
    most = 0
    while work(queues):
        in_flight = db.rows(
            """select stage, count(*) as n from jobs where not held and status in ('queued', 'running')
               group by tenant_id, stage"""
        )
        most = max([most, *(row["n"] for row in in_flight)])
    assert most == 2
    for job in jobs:
        assert_done_once(db, job)
    order_of = db.rows("select job_id from attempts where stage = 'scoring' order by started_at")
    assert [row["job_id"] for row in order_of] == [job.id for job in jobs]
    assert db.value("select count(*) from attempts") == 2 * len(jobs)


def test_paused_work_waits_and_nothing_of_it_is_lost_or_counted(
    db: Database, member: Person, queues: dict[str, str]
) -> None:
    sent, unsent = submitted(member), submitted(member, publish=False)
    put(stages={"scoring": StageLimits(paused=True)})
    later = submitted(member, publish=False)
    assert later.held
    publish_committed(member.context, message_for(later))
    assert depth(queues, "scoring") == 1
    assert work(queues) == 1  # its message is done with, no attempt is counted
    db.rows("update jobs set updated_at = now() - interval '1 hour'")
    assert relay.relay() == 0
    assert (held(db), depth(queues, "scoring"), db.value("select count(*) from attempts")) == (3, 0, 0)
    put()
    assert relay.relay() == 3
    while work(queues):
        pass
    for job in (sent, unsent, later):
        assert_done_once(db, job)


def test_whatever_is_delivered_the_tenant_with_the_least_at_work_is_next(
    db: Database, person: Callable[..., Person]
) -> None:
    """Its messages in whatever order: a noisy tenant has all the workers alone, and its share while others wait."""
    noisy, quiet = person("acme"), person("globex")
    db.rows("insert into stage_pace (stage, waiting, workers) values ('generating', 0, 2)")
    crowd = [export(noisy) for _ in range(8)]
    messages = [message_for(job) for job in reversed(crowd)]
    first, second = claim(messages[0]), claim(messages[1])
    assert [first.id, second.id] == [crowd[0].id, crowd[1].id]  # alone it has both, oldest first
    others = [export(quiet) for _ in range(3)]
    finish(first)
    third = claim(messages[2])
    assert (third.tenant_id, third.id) == (quiet.tenant_id, others[0].id)  # not one more of the crowd before it
    finish(second)
    assert claim(messages[3]).id == crowd[2].id  # and now the crowd's, not the quiet one's second
    finish(third)
    assert claim(messages[4]).id == others[1].id
    put(tenants={noisy.tenant_id: TenantLimits(share=1.0)})
    assert claim(message_for(others[0])).id == crowd[3].id  # a done job's message is a permit all the same


def test_a_cap_holds_under_four_workers_and_gives_its_places_to_all_tenants(
    db: Database, person: Callable[..., Person]
) -> None:
    put(stages={STAGE: StageLimits(concurrency=2)})
    tenants = [person(name) for name in ("acme", "globex", "initech")]
    jobs = [export(tenants[number % 3]) for number in range(12)]
    assert sum(not job.held for job in jobs) == 2
    lock, seen, done = threading.Lock(), [0], set[UUID]()
    waiting = Queue([message_for(job) for job in jobs])  # all of them at once, held or not: somebody sent too much

    def worker() -> None:
        for _ in range(2000):
            with lock:
                if len(done) == len(jobs):
                    return
                message = waiting.messages.pop(0) if waiting.messages else None
            if message is None:
                waiting.relay()
                continue
            try:
                job = claim(message)
            except LeaseLost:
                continue
            except Transient:  # others were taking whoever is next: it stays on the queue
                with lock:
                    waiting.messages.append(message)
                continue
            with lock:
                seen.append(running_now(db))
            waiting.publish(finish(job))
            with lock:
                done.add(job.id)

    workers = [threading.Thread(target=worker) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(60)
    assert done == {job.id for job in jobs}
    assert max(seen) == 2
    assert db.value("select count(*) from attempts") == len(jobs)


def test_a_dead_worker_s_place_is_free_when_its_lease_ends(db: Database, member: Person) -> None:
    put(stages={STAGE: StageLimits(concurrency=1)})
    first, second = export(member), export(member)
    claim(message_for(first))
    with pytest.raises(LeaseLost):
        claim(message_for(second))
    db.rows("update jobs set lease_until = now() - interval '1 second' where id = %s", first.id)
    finish(claim(message_for(second)))


def test_a_failed_attempt_makes_room_too(db: Database, member: Person) -> None:
    put(window=1)
    first, second = export(member), export(member)
    job = claim(message_for(first))
    with unit_of_work(worker_context(job.tenant_id, "test")) as uow:
        uow.jobs.end_attempt(job, "retry", Failure("unexpected_error"))
        assert [turn.job_id for turn in uow.jobs.turns] == [second.id]


def test_who_lost_the_lease_gives_nobody_a_turn(db: Database, member: Person) -> None:
    put(window=1)
    first, second = export(member), export(member)
    job = claim(message_for(first))
    db.rows("update jobs set attempt = 2 where id = %s", first.id)
    with pytest.raises(LeaseLost):
        finish(job)
    assert db.value("select held from jobs where id = %s", second.id)


def test_a_replay_and_its_shadow_are_not_in_the_way_of_a_pause(
    db: Database, member: Person, queues: dict[str, str]
) -> None:
    job, _ = letters.dead(db, member)
    put(stages={"scoring": StageLimits(paused=True)})
    shadow = started(order(expected=1, mode="shadow"))
    turns()
    assert now(shadow).outcomes == {"would_succeed": 1}
    replay = started(order(expected=1))
    turns()
    work(queues)
    assert held(db) == 1
    assert now(replay).outcomes == {"replayed": 1}
    put()
    relay.relay()
    while work(queues):
        pass
    assert_done_once(db, job)
    assert now(replay).outcomes == {"succeeded": 1}


RELAYING = ["app.take_turns", "AmazonSQS.SendMessageBatch", "update jobs set published_at"]
SAMPLE = {("app.take_turns", "after"), ("AmazonSQS.SendMessageBatch", "after")}
POINTS = [
    pytest.param(what, side, id=f"{what}-{side}", marks=() if (what, side) in SAMPLE else pytest.mark.long)
    for what in RELAYING
    for side in ("before", "after")
]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("what", "side"), POINTS)
def test_the_relay_is_killed(
    what: str, side: Side, tmp_path: Path, db: Database, member: Person, queues: dict[str, str], wires: Any
) -> None:  # fmt: skip
    environment, hold, *both = wires
    put(stages={"scoring": StageLimits(paused=True)})
    jobs = [submitted(member, publish=False) for _ in range(3)]
    put()
    killed_at(hold(what, side), environment, ["-c", "from workers import relay; relay.relay()"], tmp_path)
    for wire in both:
        wire.cut()
    with processes.worker(tmp_path) as heir:
        until(lambda: all(settled(db, job.id) for job in jobs), 30, heir.said)
    for job in jobs:
        assert_done_once(db, job)
    assert db.value("select count(*) from attempts where outcome = 'succeeded' and stage <> 'sending'") == 2 * len(jobs)


class Fairness(RuleBasedStateMachine):
    """Any order of submissions, deliveries, ends, deaths of workers and changes of limits."""

    db: Database
    tenants: list[Person]

    def __init__(self) -> None:
        super().__init__()
        self.db.rows("delete from attempts; delete from jobs")
        put()
        self.limits = Limits()
        self.queue = Queue()
        self.working: list[Job] = []
        self.made: set[UUID] = set()
        self.done: list[UUID] = []
        self.claimed = 0

    @rule(who=st.integers(0, 2), count=st.integers(1, 4), published=st.booleans())
    def submit(self, who: int, count: int, published: bool) -> None:
        for _ in range(count):
            job = export(self.tenants[who])
            self.made.add(job.id)
            if published and not job.held:
                self.queue.publish([message_for(job)])

    @precondition(lambda self: self.queue.messages)
    @rule(data=st.data(), twice=st.booleans())
    def deliver(self, data: st.DataObject, twice: bool) -> None:
        place = data.draw(st.integers(0, len(self.queue.messages) - 1))
        message = self.queue.messages[place] if twice else self.queue.messages.pop(place)
        before = running_now(self.db)
        try:
            self.working.append(claim(message))
        except (LeaseLost, Transient):
            return
        self.claimed += 1
        mine = self.limits.stages.get(STAGE, StageLimits())
        assert not mine.paused
        assert mine.concurrency is None or before < mine.concurrency

    @precondition(lambda self: self.working)
    @rule(data=st.data(), sent=st.booleans())
    def end(self, data: st.DataObject, sent: bool) -> None:
        """`sent`: else the worker dies before it has sent what is to be sent."""
        job = self.working.pop(data.draw(st.integers(0, len(self.working) - 1)))
        turns = finish(job)
        self.done.append(job.id)
        if sent:
            self.queue.publish(turns)

    @precondition(lambda self: self.working)
    @rule()
    def die(self) -> None:
        job = self.working.pop()
        self.db.rows("update jobs set lease_until = now() - interval '1 second' where id = %s", job.id)
        self.queue.publish([message_for(job)])  # as SQS does

    @rule()
    def relay(self) -> None:
        self.queue.relay()

    @rule(
        window=st.integers(1, 4),
        cap=st.sampled_from([None, 1, 3]),
        paused=st.booleans(),
        share=st.sampled_from([0.5, 1]),
    )
    def change(self, window: int, cap: int | None, paused: bool, share: float) -> None:
        self.limits = Limits(window=window, share=share, stages={STAGE: StageLimits(concurrency=cap, paused=paused)})
        with operations(OPERATOR) as of:
            service.change(of, service.read(of).version, self.limits, "a test", new_id())

    @invariant()
    def what_is_held_is_not_sent_and_not_worked_on(self) -> None:
        wrong = "held and (published_at is not null or lease_until is not null or status <> 'queued' and attempt = 0)"
        assert self.db.value(f"select count(*) from jobs where {wrong}") == 0

    def teardown(self) -> None:
        put(window=3)
        for _ in range(100):
            self.queue.relay()
            while self.queue.messages:
                message = self.queue.messages.pop()
                try:
                    self.working.append(claim(message))
                    self.claimed += 1
                except (LeaseLost, Transient):
                    pass
                for job in self.working:
                    self.queue.publish(finish(job))
                    self.done.append(job.id)
                self.working = []
            if not self.db.value("select count(*) from jobs where status <> 'succeeded'"):
                break
        assert sorted(self.done) == sorted(self.made)
        assert self.db.value("select count(*) from attempts") == self.claimed


def test_whatever_happens_each_job_ends_once(
    db: Database, person: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FFP_RELAY_GRACE_S", "0.001")
    Fairness.db, Fairness.tenants = db, [person(name) for name in ("acme", "globex", "initech")]
    run_state_machine_as_test(
        Fairness,
        settings=settings(
            max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_limits_that_make_no_sense_are_refused() -> None:
    found: list[dict[str, Any]] = [
        {"share": 0}, {"share": 1.1}, {"window": 0}, {"stages": {"nonsense": {}}}, {"windows": 3}
    ]  # fmt: skip
    for wrong in found:
        with pytest.raises(ValueError, match="validation error"):
            Limits.model_validate(wrong)


def test_a_pause_is_of_all_stages_of_a_queue_or_a_kind_and_keeps_their_caps() -> None:
    limits = Limits(stages={"generating": StageLimits(concurrency=3)})
    paused = limits.with_paused(stages_of_kind("assessment"), True)
    assert paused.stages == {
        "scoring": StageLimits(paused=True), "generating": StageLimits(concurrency=3, paused=True)
    }  # fmt: skip
    assert paused.with_paused(stages_of_queue("generation"), False).stages["generating"] == StageLimits(concurrency=3)
    assert stages_of_queue("nonsense") == stages_of_kind("nonsense") == []


def test_who_changes_what_somebody_else_has_changed_changes_nothing(db: Database) -> None:
    with operations(OPERATOR) as of:
        version = service.read(of).version
    put(window=3)
    with pytest.raises(StaleRevision), operations(OPERATOR) as of:
        service.change(of, version, Limits(window=9), "too late", new_id())
    with operations(OPERATOR) as of:
        assert service.read(of).limits.window == 3
    assert db.value("select count(*) from audit_log where action = 'limits.changed'") == 1
