"""A message is a permit: whose job its worker does, and that nothing is lost, doubled or blamed on the wrong one by it."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import NotFound
from domain.failures import Failure
from domain.jobs import HeldBack, Job, LeaseLost, Message, Stage, Transient, message_for
from domain.limits import StageLimits
from domain.records import Claim
from domain.tenancy import worker_context
from infra import outbox, queue
from infra.database import unit_of_work
from infra.ids import new_id
from infra.messages import decode, encode
from infra.publishing import publish_committed
from tests import letters, processes
from tests.api.conftest import receive
from tests.conftest import Database, Person, emulated_sqs
from tests.processes import until
from tests.wire import Wire
from tests.workers.conftest import assert_done_once, settled, submitted
from tests.workers.test_fairness import STAGE, claim, export, finish, put
from tests.workers.test_messages import depth
from workers import sqs, work


def permit(job: Job) -> Message:
    """A message that was sent for the job."""
    return replace(message_for(job), id=new_id())


def fail(job: Job, pause_s: float = 0.0) -> None:
    with unit_of_work(worker_context(job.tenant_id, "test")) as uow:
        uow.jobs.end_attempt(job, "retry", Failure("unexpected_error"), pause_s)


def crowd(db: Database, of: Job, count: int) -> None:
    """So many more submissions like this one, of other people of its tenant; sent, as far as anybody can see."""
    db.rows(
        """with s as (select * from submissions where assessment_id = %s),
               n as (select gen_random_uuid() as person, gen_random_uuid() as assessment, gen_random_uuid() as submission,
                            gen_random_uuid() as job from generate_series(1, %s)),
               u as (insert into users (tenant_id, id, email, role)
                         select s.tenant_id, n.person, n.person || '@acme.example', 'member' from s, n returning 1),
               a as (insert into assessments select (jsonb_populate_record(a, jsonb_build_object(
                         'id', n.assessment, 'user_id', n.person))).* from assessments a join s on s.assessment_id = a.id, n
                     returning 1),
               b as (insert into submissions select (jsonb_populate_record(s, jsonb_build_object(
                         'id', n.submission, 'assessment_id', n.assessment, 'user_id', n.person))).* from submissions s
                         join s t on t.id = s.id, n returning 1)
           insert into jobs (tenant_id, id, user_id, kind, assessment_id, correlation_id, published_at)
               select s.tenant_id, n.job, n.person, 'assessment', n.assessment, 'crowd', now()
               from s, n, (select count(*) from u) x, (select count(*) from a) y, (select count(*) from b) z""",
        of.assessment_id,
        count,
    )


@given(data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_nobody_starves_no_worker_idles_and_each_tenant_is_served_in_order(
    db: Database, person: Callable[..., Person], data: st.DataObject
) -> None:
    """Whatever is submitted, delivered and ended in whatever order. Each message may be of any job that ever was."""
    db.rows("delete from attempts; delete from jobs")
    tenants = [person(name) for name in ("acme", "globex", "initech")]
    of = {who.tenant_id: who for who in tenants}
    waiting: dict[UUID, list[UUID]] = {tenant: [] for tenant in of}
    passed = dict.fromkeys(of, 0)  # claims of others since the tenant, with nothing at work, has waited
    working: list[Job] = []
    ever: list[Job] = []

    def step(name: str) -> None:
        if name == "end":
            finish(working.pop(data.draw(st.integers(0, len(working) - 1))))
            return
        message = permit(data.draw(st.sampled_from(ever)))
        busy = {job.tenant_id for job in working}
        if not any(waiting.values()):
            with pytest.raises(LeaseLost):
                claim(message)
            return
        job = claim(message)
        assert waiting[job.tenant_id].pop(0) == job.id
        working.append(job)
        for tenant in of:
            idle = waiting[tenant] and tenant not in busy and tenant != job.tenant_id
            passed[tenant] = passed[tenant] + 1 if idle else 0
        assert max(passed.values()) <= 2 * (len(of) - 1), passed

    for _ in range(data.draw(st.integers(5, 25))):
        what = data.draw(st.sampled_from(["submit", "submit", "claim", "claim", "end"]))
        if what == "submit" or not ever or (what == "end" and not working):
            who = tenants[data.draw(st.sampled_from([0, 0, 0, 1, 2]))]
            for _ in range(data.draw(st.integers(1, 5))):
                ever.append(export(who))
                waiting[who.tenant_id].append(ever[-1].id)
        else:
            step(what)
    while any(waiting.values()) or working:
        step("claim" if any(waiting.values()) and len(working) < 2 else "end")


@pytest.mark.usefixtures("quick")
def test_beside_a_crowd_the_next_job_is_the_quiet_tenant_s(
    tmp_path: Path, db: Database, person: Callable[..., Person], queues: dict[str, str]
) -> None:
    """Two real workers, five hundred jobs that came before, and only the crowd's messages in the queue."""
    put(window=1000)
    noisy, quiet = person("acme"), person("globex")
    first = submitted(noisy)
    crowd(db, first, 500)
    queue.publish([replace(message_for(first), id=None) for _ in range(60)])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    off = {"FFP_RELAY": "off", "FFP_LEASE_S": "60", "FFP_VISIBILITY_S": "60"}
    with processes.worker(tmp_path / "a", **off) as one, processes.worker(tmp_path / "b", **off):
        until(lambda: db.value("select count(*) from attempts") >= 2, 30, one.said)
        job = submitted(quiet, publish=False)
        with unit_of_work(quiet.context) as uow:
            uow.jobs.mark_published(job.id, job.stage)
        at = db.value("select clock_timestamp()")
        until(lambda: settled(db, job.id), 60, one.said)
        for stage in ("scoring", "generating"):
            began = db.value("select started_at from attempts where job_id = %s and stage = %s", job.id, stage)
            before = "select count(*) from attempts where tenant_id = %s and started_at between %s and %s"
            assert db.value(before, noisy.tenant_id, at, began) <= 2  # of either stage: one a worker that was at work
            at = db.value("select ended_at from attempts where job_id = %s and stage = %s", job.id, stage)
        assert db.value("select count(*) from jobs where stage = 'scoring' and tenant_id = %s", noisy.tenant_id) > 400
    assert_done_once(db, job)


def test_who_has_nothing_at_work_is_next_whichever_stage_the_message_is_of(
    db: Database, person: Callable[..., Person]
) -> None:
    noisy, quiet = person("acme"), person("globex")
    first = submitted(noisy, publish=False)
    crowd(db, first, 3)
    ahead = replace(message_for(first), stage="generating")
    db.rows("update jobs set stage = 'generating' where correlation_id = 'crowd' or id = %s", first.id)
    job = submitted(quiet, publish=False)

    def take(other: Stage | None) -> Job:
        with unit_of_work(worker_context(noisy.tenant_id, "test")) as uow:
            return uow.jobs.claim(replace(ahead, id=new_id()), 60, "test", other).job

    assert take(None).tenant_id == noisy.tenant_id  # a worker that takes no other messages
    assert take("scoring").id == job.id
    assert take("scoring").tenant_id == noisy.tenant_id
    put(stages={"generating": StageLimits(paused=True)})
    held = "select count(*) from jobs where held"
    with pytest.raises(HeldBack):
        take("scoring")
    assert db.value(held) == 1
    # Somebody else is about to take what waits in the stage that is open: no reason to give the message up.
    waiting = submitted(quiet, publish=False)
    with psycopg.connect(db.superuser_url) as taking:
        taking.execute("select 1 from jobs where id = %s for update", (waiting.id,))
        with pytest.raises(Transient):
            take("scoring")
    assert db.value(held) == 1


@pytest.mark.parametrize("seed", range(3))
def test_each_message_once_does_each_job_once_whatever_its_stage(
    db: Database, person: Callable[..., Person], queues: dict[str, str], seed: int
) -> None:
    """Permits of one stage that were used for the other are made up for by those that the other has too many."""
    chance = random.Random(seed)
    jobs = [submitted(person(name)) for name in ("acme", "acme", "acme", "globex", "globex")]
    pool: list[Message] = []
    other: dict[Stage, Stage] = {"scoring": "generating", "generating": "scoring"}
    sqs_client = emulated_sqs()
    for _ in range(60):
        for name in ("scoring", "generation"):
            for received in receive(sqs_client, queues[name]):
                sqs_client.delete_message(QueueUrl=queues[name], ReceiptHandle=received["receiptHandle"])
                pool.append(decode(received["body"]))
        if not pool:
            break
        message = pool.pop(chance.randrange(len(pool)))
        work.deliver(message, other[message.stage])
    assert pool == []
    for job in jobs:
        assert_done_once(db, job)


@pytest.mark.usefixtures("quick")
def test_a_worker_that_did_another_ones_job_is_killed(
    tmp_path: Path, db: Database, person: Callable[..., Person], database_wire: Wire, through: dict[str, str]
) -> None:
    """Its lease brings the job back. The job that the message named has lost nothing, not even an attempt."""
    other = submitted(person("globex"), publish=False)
    with unit_of_work(worker_context(other.tenant_id, "test")) as uow:
        uow.jobs.mark_published(other.id, other.stage)  # its message is lost
    hold = database_wire.hold(b"app.finish_scoring", "before")
    named = submitted(person("acme"))
    with processes.worker(tmp_path, FFP_RELAY="off", **through) as victim:
        assert hold.reached.wait(30), victim.said()
        victim.kill()
    [attempt] = db.rows("select job_id, permit is not null as lent from attempts")
    assert attempt == {"job_id": other.id, "lent": True}
    database_wire.cut()
    with processes.worker(tmp_path) as heir:
        until(lambda: settled(db, other.id) and settled(db, named.id), 40, heir.said)
    for job in (other, named):
        assert_done_once(db, job)
    assert db.value("select count(*) from attempts where job_id = %s and stage = 'scoring'", named.id) == 1
    assert db.value("select count(*) from dead_letters") == 0


def test_a_poison_job_dies_by_its_own_attempts_and_takes_nobody_with_it(
    db: Database, person: Callable[..., Person]
) -> None:
    poison, innocent = export(person("acme")), export(person("globex"))
    message = permit(innocent)
    for _ in range(5):
        job = claim(message)
        assert job.id == poison.id
        if job.attempt < 5:
            fail(job)
            db.rows("update jobs set turn = -1 where id = %s", poison.id)  # as bad as can be: next again
    assert not letters.consume(encode(message), "bulk-dlq")  # while it is at work: later
    fail(job)
    [letter] = db.rows("select job_id, error_code from dead_letters")
    assert letter == {"job_id": poison.id, "error_code": "unexpected_error"}
    assert letters.consume(encode(message), "bulk-dlq")  # five receives, none of them its own job's fault
    [row] = db.rows("select status, attempt, published_at from jobs where id = %s", innocent.id)
    assert row == {"status": "queued", "attempt": 0, "published_at": None}
    sent: list[Message] = []

    def publish(messages: Sequence[Message]) -> list[Message]:
        sent.extend(messages)
        return list(messages)

    outbox.relay(publish, grace_s=0.0)
    assert [each.job_id for each in sent] == [innocent.id]
    assert claim(sent[0]).id == innocent.id
    assert db.value("select count(*) from dead_letters") == 1


def test_a_job_whose_message_has_died_is_sent_again_at_its_time(db: Database, person: Callable[..., Person]) -> None:
    waiting, named = export(person("acme")), export(person("globex"))
    message = permit(named)
    fail(claim(message), 3600)
    with pytest.raises(Transient) as later:
        claim(message)  # it is kept for that job, whoever else waits
    assert later.value.retry_in is not None
    assert 3590 < later.value.retry_in <= 3602
    assert letters.consume(encode(message), "bulk-dlq")
    [row] = db.rows("select published_at, hold_until > now() + interval '59 minutes' as late from jobs where id = %s", waiting.id)  # fmt: skip
    assert row == {"published_at": None, "late": True}
    assert claim(permit(named)).id == named.id


def test_a_worker_lost_at_the_last_attempt_leaves_a_letter_and_the_permit_to_the_next(
    db: Database, person: Callable[..., Person]
) -> None:
    lost, named = export(person("acme")), export(person("globex"))
    claim(permit(named))
    db.rows("update jobs set attempt = max_attempts, lease_until = now() - interval '1 second' where id = %s", lost.id)
    db.rows("update attempts set number = 5")
    assert claim(permit(named)).id == named.id
    [letter] = db.rows("select job_id, error_code from dead_letters")
    assert letter == {"job_id": lost.id, "error_code": "worker_lost"}


def test_a_message_that_comes_twice_does_no_second_job(db: Database, person: Callable[..., Person]) -> None:
    first, second, third = (export(person(name)) for name in ("acme", "globex", "initech"))
    message = permit(second)
    job = claim(message)
    with pytest.raises(Transient) as later:
        claim(message)
    assert later.value.retry_in is not None
    assert 59 <= later.value.retry_in <= 62
    assert (job.id, claim(permit(first)).id) == (first.id, second.id)
    finish(job)
    assert claim(message).id == third.id  # late, out of order: nothing needs it any more but whoever waits
    for twice in (permit(first), permit(second), permit(third)):
        with pytest.raises(LeaseLost):
            claim(twice)


@pytest.mark.parametrize("wrong", ["tenant", "job", "stage"])
def test_a_message_that_is_not_true_is_no_permit(db: Database, person: Callable[..., Person], wrong: str) -> None:
    job, other = export(person("acme")), person("globex")
    message = permit(job)
    if wrong == "tenant":
        message = replace(message, tenant_id=other.tenant_id)
    elif wrong == "job":
        message = replace(message, job_id=uuid4())
    else:
        submitted(other, publish=False)
        message = replace(message, stage="scoring")
    with pytest.raises(NotFound):
        claim(message)
    assert db.value("select count(*) from attempts") == 0


def test_nobody_but_a_worker_has_a_permit(db: Database, person: Callable[..., Person]) -> None:
    who = person("acme", "business_owner")
    job = export(who)
    with pytest.raises(Exception, match="not a worker"), unit_of_work(who.context) as uow:
        uow.jobs.claim(permit(job), 60, "test")


def test_the_lines_of_a_log_are_of_the_job_that_is_done(
    db: Database, person: Callable[..., Person], queues: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    from infra import telemetry

    done, named = submitted(person("globex"), publish=False), submitted(person("acme"), publish=False)
    message = permit(named)
    telemetry.begin("sqs")
    capsys.readouterr()
    assert sqs.handler({"Records": [letters.record(encode(message))]}, None) == {"batchItemFailures": []}
    [said] = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "stage_done" in line]
    assert (said["tenant_id"], said["job_id"]) == (str(done.tenant_id), str(done.id))
    assert said["message_id"] == str(message.id)
    assert db.value("select tenant_id from scores") == done.tenant_id


def test_a_pause_keeps_as_many_jobs_in_the_outbox_as_it_takes_messages(
    db: Database, person: Callable[..., Person]
) -> None:
    """Also where a message's own job is done: another one would wait for a message that nobody has."""
    first, second = export(person("acme")), export(person("globex"))
    finish(claim(permit(second)))
    put(stages={STAGE: StageLimits(paused=True)})
    with pytest.raises(LeaseLost):
        claim(permit(first))
    assert db.value("select held from jobs where id = %s", second.id)


def test_choosing_among_a_hundred_thousand_looks_at_few(db: Database, person: Callable[..., Person]) -> None:
    noisy, quiet = person("acme"), person("globex")
    db.rows(
        """set session_replication_role = replica;
           create function pg_temp.fill(tenant uuid, person uuid) returns void language sql as $$
               insert into jobs (tenant_id, id, user_id, kind, stage, subject_id, correlation_id, published_at, turn)
                   select tenant, gen_random_uuid(), person, 'export', 'exporting', gen_random_uuid(), 'c', now(), n
                   from generate_series(1, 100000) n $$"""
    )
    db.rows("select pg_temp.fill(%s, %s)", noisy.tenant_id, noisy.context.user_id)
    db.rows("set session_replication_role = origin")
    db.rows("analyze jobs")
    job = export(quiet)
    db.rows("begin")
    read = "select seq_scan + seq_tup_read + idx_tup_fetch as n from pg_stat_xact_user_tables where relname = 'jobs'"
    before = db.value(read)
    chosen = db.value("select (app.choose_job('exporting')).turn")
    assert db.value(read) - before < 200
    db.rows("rollback")
    assert chosen == 1
    assert job.id in {claim(permit(job)).id for _ in range(2)}


@pytest.mark.parametrize("known", [False, True])
def test_a_queue_is_not_read_as_a_whole_whatever_postgresql_knows_of_it(
    known: bool, db: Database, person: Callable[..., Person]
) -> None:
    """Of 5,000 jobs either nothing, as it looked when there were none; or how many, and then it takes those that it
    looks for to be anywhere in the table.
    """
    noisy, quiet = person("acme"), person("globex")
    db.rows(
        """set session_replication_role = replica;
           create function pg_temp.fill(tenant uuid, person uuid, at timestamptz) returns void language sql as $$
               insert into jobs (tenant_id, id, user_id, kind, stage, subject_id, correlation_id, published_at, turn,
                       status, finished_at, held)
                   select tenant, gen_random_uuid(), person, 'export', 'exporting', gen_random_uuid(), 'c', now(), n,
                       case when at is null then 'queued' else 'succeeded' end, at, at is null and n > 100
                   from generate_series(1, 5000) n $$"""
    )
    db.rows("select pg_temp.fill(%s, %s, now())", noisy.tenant_id, noisy.context.user_id)
    db.rows("analyze jobs")
    db.rows("select pg_temp.fill(%s, %s, null)", noisy.tenant_id, noisy.context.user_id)
    db.rows("set session_replication_role = origin")
    if known:
        db.rows("analyze jobs")
    first, second = export(quiet), export(quiet)
    for job, other in ((first, None), (second, "sending")):
        db.rows("begin")
        done, before = [], _read(db)
        for _ in range(2):
            [taken] = db.rows(
                """select (job).tenant_id, (job).id, (job).attempt
                   from app.claim_next(%s, null, 'worker', %s, 'exporting', %s, 60, 'w', %s, 10)""",
                job.tenant_id, job.id, other, new_id(),
            )  # fmt: skip
            db.rows(
                """select t.* from (select app.finish_job(%s, null, 'worker', %s, 'exporting', %s, null, null) as held) e
                   left join lateral app.turns_after(e.held, %s, %s, 'exporting', 10) t on true""",
                taken["tenant_id"], taken["id"], taken["attempt"], taken["tenant_id"], taken["id"],
            )  # fmt: skip
            done.append(taken["tenant_id"])
        assert set(done) == {noisy.tenant_id, quiet.tenant_id}
        assert _read(db) - before < 500
        db.rows("commit")


def _read(db: Database) -> int:
    """Rows of jobs that the transaction has read, by whichever way."""
    found: int = db.value(
        "select seq_tup_read + idx_tup_fetch as n from pg_stat_xact_user_tables where relname = 'jobs'"
    )
    return found


def test_a_job_that_came_as_the_last_one_ended_does_not_wait_for_the_relay(
    db: Database, person: Callable[..., Person], queues: dict[str, str]
) -> None:
    put(window=1)
    who = person("acme")
    first = export(who)
    job = claim(message_for(first))
    second = export(who)
    assert second.held
    db.rows("update jobs set status = 'succeeded', lease_until = null where id = %s", job.id)  # and nobody was told
    publish_committed(who.context, message_for(second))
    assert depth(queues, "bulk") == 1
    assert not db.value("select held from jobs where id = %s", second.id)


def test_what_a_workers_unit_orders_is_sent_when_it_has_committed(
    db: Database, member: Person, queues: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:

    def collect(begin: work.Open, claim: Claim) -> bool:
        with begin() as uow:
            uow.emails.queue("account_exists", claim.job.user_id, member.email, {})
            uow.jobs.finish(claim.job)
        assert depth(queues, "notifications") == 0
        return False

    monkeypatch.setitem(work.STAGES, STAGE, collect)
    work.deliver(permit(export(member)))
    assert depth(queues, "notifications") == 1
    assert db.value("select published_at is not null from jobs where kind = 'email'")


def test_the_release_before_works_on_beside_this_one(db: Database, person: Callable[..., Person]) -> None:
    """Its claim takes the job that its message names, and its end of an attempt knows no pause."""
    who = person("acme")
    jobs = [export(who) for _ in range(3)]
    random.Random(1).shuffle(jobs)
    call = "select outcome from app.claim_job_in_turn(%s, null, 'worker', %s, %s, 60, 'old')"
    assert [row["outcome"] for job in jobs for row in db.rows(call, who.tenant_id, job.id, STAGE)] == ["claimed"] * 3
    old = "select app.end_attempt(%s, null, 'worker', %s, %s, 1, 'retry', 'x', null, null, null) as held"
    assert db.value(old, who.tenant_id, jobs[0].id, STAGE)
    assert claim(permit(jobs[0])).id == jobs[0].id
    with pytest.raises(Transient):
        claim(permit(jobs[2]))  # begun by its own message, as far as anybody knows
