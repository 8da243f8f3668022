"""What a program learns from a session: made once, by the rules, whatever becomes of the worker; or proposed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.errors import NotFound, NotProposed, StaleRevision
from domain.jobs import Job, message_for
from domain.programs.checking.adapted import check_adapted
from domain.programs.plan import Plan
from domain.safety.rules import PainThresholds
from domain.services import adapting, training
from domain.services.edits import plan_of
from domain.sessions.events import Event
from domain.tenancy import worker_context
from infra import queue
from infra.content import load_library
from infra.database import unit_of_work
from infra.ids import new_id
from tests import processes
from tests.conftest import Database, Person
from tests.processes import until
from tests.wire import Side, Wire
from workers.work import deliver

START = datetime.now(UTC) - timedelta(days=28)


def plan(who: Person, program: UUID) -> Plan:
    with unit_of_work(who.context) as uow:
        return plan_of(uow.programs.read(program))


def report(who: Person, db: Database, program: UUID, nth: int, pain: dict[int, int], after: int | None = None) -> Job:
    """The `nth` session of a program, done as prescribed, with this pain at these positions. Not published."""
    [session] = db.rows(
        "select id from sessions where program_id = %s order by week, number offset %s limit 1", program, nth
    )
    at = START + timedelta(days=2 * nth)
    lines = db.rows("select * from prescribed_exercises where session_id = %s order by position", session["id"])
    events = []
    for line in lines:
        measures = {"sets": line["sets"], "effort": 3, "pain_during": pain.get(line["position"], 1)}
        measures |= {name: line[name] for name in ("reps", "seconds") if line[name] is not None}
        events.append(Event(uuid4(), at, "exercise_done", line["position"], measures))
        if after is not None:
            events.append(Event(uuid4(), at + timedelta(days=1), "pain_after", line["position"], {"pain": after}))
    events.append(Event(uuid4(), at + timedelta(minutes=30), "finished"))
    with unit_of_work(who.context) as uow:
        found = training.report(uow, session["id"], events, datetime.now(UTC), new_id())
    assert not found.taken.refused
    assert found.job is not None
    return found.job


def main_position(db: Database, program: UUID) -> tuple[int, str]:
    """A line of the main work that comes again in later sessions."""
    [row] = db.rows(
        """select i.position, i.exercise from sessions s join prescribed_exercises i on i.session_id = s.id
           where s.program_id = %s and s.week = 1 and s.number = 1 and i.role = 'main' order by i.position limit 1""",
        program,
    )
    return row["position"], row["exercise"]


def test_strong_pain_swaps_the_exercise_in_what_is_to_come(doing: Callable[..., Any], db: Database) -> None:
    who, program = doing()
    position, exercise = main_position(db, program)
    before = plan(who, program)
    job = report(who, db, program, 0, {position: 7})
    deliver(message_for(job))
    [row] = db.rows("select * from adaptations")
    assert (row["exercise"], row["rule"], row["status"]) == (exercise, "A04", "applied")
    assert row["action"] in ("regress", "leave_out")
    after = plan(who, program)
    assert check_adapted(before, after, load_library()) == []
    assert after.weeks[0].sessions[0] == before.weeks[0].sessions[0]  # what was done stays as it was done
    later = [item.exercise for week in after.weeks[1:] for session in week.sessions for item in session.items]
    assert exercise not in later
    assert db.value("select status from jobs where id = %s", job.id) == "succeeded"
    assert db.value("select count(*) from audit_log where action = 'program.adapted'") == 1


def test_two_good_sessions_progress_and_a_bad_one_reduces(doing: Callable[..., Any], db: Database) -> None:
    who, program = doing()
    days = db.value("select (spec ->> 'days')::int from programs where id = %s", program)
    for nth in range(2 * days):
        deliver(message_for(report(who, db, program, nth, {}, after=0)))
    rows = db.rows("select rule, action, status, changes from adaptations")
    assert {row["rule"] for row in rows} == {"A01"}
    assert any(row["status"] == "applied" for row in rows)
    for row in rows:
        assert (row["changes"] == []) == (row["status"] == "kept")
    line = db.rows(
        """select i.position, i.exercise from sessions s join prescribed_exercises i on i.session_id = s.id
           where s.program_id = %s and s.week = 3 and s.number = 1 and i.role = 'main' order by i.position limit 1""",
        program,
    )[0]
    before = plan(who, program)
    deliver(message_for(report(who, db, program, 2 * days, {line["position"]: 5}, after=6)))
    [row] = db.rows(
        "select rule, action from adaptations where exercise = %s order by id desc limit 1", line["exercise"]
    )
    assert (row["rule"], row["action"]) == ("A03", "reduce")
    assert check_adapted(before, plan(who, program), load_library()) == []


def test_the_same_session_again_changes_nothing(doing: Callable[..., Any], db: Database) -> None:
    who, program = doing()
    position, _ = main_position(db, program)
    job = report(who, db, program, 0, {position: 7})
    deliver(message_for(job))
    after, rows = plan(who, program), db.rows("select * from adaptations")
    with unit_of_work(who.context) as uow:
        again = uow.jobs.enqueue(new_id(), "adaptation", who.context.user_id, job.subject_id)
    deliver(message_for(again))
    assert (plan(who, program), db.rows("select * from adaptations")) == (after, rows)


def test_what_is_said_while_a_session_is_learned_from_is_not_lost(doing: Callable[..., Any], db: Database) -> None:
    """Whoever says it finds a job under way, and makes none."""
    who, program = doing()
    position, exercise = main_position(db, program)
    job = report(who, db, program, 0, {position: 5})
    assert job.subject_id is not None
    with unit_of_work(worker_context(who.tenant_id)) as uow:
        case = adapting.read(uow, job)
    assert case is not None
    late = Event(uuid4(), START + timedelta(days=1), "pain_after", position, {"pain": 9})
    with unit_of_work(who.context) as uow:
        found = training.report(uow, job.subject_id, [late], datetime.now(UTC), new_id())
    assert found.job is not None
    assert found.job.id == job.id
    made = adapting.draft(case, adapting.decisions(case, PainThresholds()), load_library(), new_id)
    with pytest.raises(StaleRevision), unit_of_work(worker_context(who.tenant_id)) as uow:
        adapting.write(uow, case, made)
    deliver(message_for(job))
    assert [row["rule"] for row in db.rows("select rule from adaptations where exercise = %s", exercise)] == ["A03"]


def test_where_programs_are_reviewed_a_change_waits_for_a_clinician(
    doing: Callable[..., Any], person: Callable[..., Person], db: Database
) -> None:
    who, program = doing(review=True)
    clinician = person("acme", "clinician", review=True)
    position, exercise = main_position(db, program)
    before = plan(who, program)
    deliver(message_for(report(who, db, program, 0, {position: 5}, after=6)))
    [row] = db.rows("select * from adaptations where exercise = %s", exercise)
    assert (row["rule"], row["status"], bool(row["changes"])) == ("A03", "proposed", True)
    assert plan(who, program) == before
    assert db.value("select count(*) from notifications where kind = 'adaptation_to_review'") == 1
    for other in (person("globex", "clinician"), person("acme")):
        with unit_of_work(other.context) as uow:
            assert uow.adaptations.waiting() == []
            with pytest.raises(NotFound):
                adapting.settle(uow, row["id"], 1, accept=True, note=None)
    with unit_of_work(clinician.context) as uow:
        assert row["id"] in [each.id for each in uow.adaptations.waiting()]
        with pytest.raises(StaleRevision):
            adapting.settle(uow, row["id"], 7, accept=True, note=None)
    with unit_of_work(clinician.context) as uow:
        made = adapting.settle(uow, row["id"], 1, accept=True, note="Fine.")
    assert (made.status, made.changes) == ("accepted", row["changes"])
    after = plan(who, program)
    assert after != before
    assert check_adapted(before, after, load_library()) == []
    with unit_of_work(clinician.context) as uow, pytest.raises(NotProposed):
        adapting.settle(uow, row["id"], 2, accept=False, note=None)


def test_strong_pain_twice_in_a_week_asks_for_a_new_assessment(
    doing: Callable[..., Any], person: Callable[..., Person], db: Database
) -> None:
    who, program = doing(review=True)
    person("acme", "clinician", review=True)
    position, exercise = main_position(db, program)
    days = db.value("select (spec ->> 'days')::int from programs where id = %s", program)
    for nth in (0, days):  # the same session of the next week: six days later
        deliver(message_for(report(who, db, program, nth, {position: 7})))
    found = db.rows("select rule, status from adaptations where exercise = %s order by id", exercise)
    assert [(row["rule"], row["status"]) for row in found] == [("A04", "superseded"), ("A05", "proposed")]
    told = db.rows("select distinct user_id from notifications where kind = 'reassessment_due'")
    assert len(told) == 2  # the person, and who cares for them
    assert db.value("select reassess_on = current_date from programs where id = %s", program)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("side", ["before", pytest.param("after", marks=pytest.mark.long)])
def test_killed_at_the_end_it_is_done_once(
    side: Side, tmp_path: Path, doing: Callable[..., Any], db: Database, database_wire: Wire, through: dict[str, str]
) -> None:
    """Before its commit nothing of it is there; after it everything is; and in the end it is there once."""
    who, program = doing()
    position, exercise = main_position(db, program)
    before = plan(who, program)
    job = report(who, db, program, 0, {position: 7})
    assert queue.publish([message_for(job)])
    hold = database_wire.hold(b"app.finish_job", side)
    with processes.worker(tmp_path, FFP_RELAY="off", **through) as victim:
        assert hold.reached.wait(200), victim.said()
        victim.kill()
    database_wire.cut()
    assert plan(who, program) == before  # the commit comes after
    with processes.worker(tmp_path) as heir:
        until(lambda: db.value("select status = 'succeeded' from jobs where id = %s", job.id), 20, heir.said)
    assert [row["exercise"] for row in db.rows("select exercise from adaptations")] == [exercise]
    assert db.value("select revision from programs where id = %s", program) == 2
