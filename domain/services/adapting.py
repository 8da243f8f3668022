"""What a program learns from a finished session. It brings the checker and the library's models along."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain.errors import NotProposed, StaleRevision
from domain.jobs import Job
from domain.ports import UnitOfWork
from domain.programs.library import Library
from domain.programs.plan import Item, Plan
from domain.records import Program
from domain.safety.rules import PainThresholds
from domain.services.edits import plan_of
from domain.sessions.adaptation import ACTIONS, Asked, Decision, Done, decide
from domain.sessions.changes import Course, Place, changed
from domain.sessions.records import Adaptation
from domain.sessions.state import Result

_PROGRESSES = ("main", "cardio")  # what only prepares or calms is never made harder
_KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Case:
    """A finished session and everything that the decisions after it depend on. `told`: by so many events."""

    session_id: UUID
    told: int
    at: Place
    program: Program
    review: bool
    history: list[dict[str, Any]]
    decided: dict[str, list[str]]


@dataclass(slots=True)
class Draft:
    """A program in the making: its plan, and the positions of the lines of each session, in their order."""

    plan: Plan
    positions: dict[Place, list[int]]
    made: list[dict[str, Any]] = field(default_factory=list)


def read(uow: UnitOfWork, job: Job) -> Case | None:
    """None where there is nothing to learn: the session is not done, or its program is not being done any more."""
    session = uow.adaptations.session(job.subject_id)
    program = uow.programs.work_on(session["program_id"])
    if session["status"] != "done" or program.status != "active" or job.subject_id is None:
        return None
    told = uow.adaptations.told(job.subject_id)  # before the history: what comes between is new
    history = uow.adaptations.history(program.id)
    decided = uow.adaptations.decided(job.subject_id)
    place = (session["week"], session["number"])
    return Case(job.subject_id, told, place, program, session["review"], history, decided)


def decisions(case: Case, thresholds: PainThresholds) -> dict[str, Decision]:
    """Exercise -> what the session asks of it. One that was decided before is decided again only for more care."""
    found: dict[str, Decision] = {}
    baseline = int(case.program.spec["pain"])
    for row in case.history:
        name = row["prescribed"]
        if row["session_id"] != case.session_id or row["exercise"] != name:  # a swap says nothing of what it replaced
            continue
        decision = decide(_history(case, name, row), thresholds, baseline)
        if decision is None or (decision.action == "progress" and row["role"] not in _PROGRESSES):
            continue
        before = [ACTIONS.index(each) for each in case.decided.get(name, ()) if each in ACTIONS]
        if "leave_out" in case.decided.get(name, ()) or ACTIONS.index(decision.action) <= max(before, default=-1):
            continue
        found[name] = decision
    return found


def _history(case: Case, exercise: str, last: Mapping[str, Any]) -> list[Done]:
    """Of this exercise, up to the session; oldest first."""
    rows = [row for row in case.history if row["exercise"] == row["prescribed"] == exercise]
    return [_done(row) for row in rows if row["finished_at"] <= last["finished_at"]]


def _done(row: Mapping[str, Any]) -> Done:
    asked = Asked(row["asked_sets"], row["asked_reps"], row["asked_seconds"], row["asked_effort"])
    names = ("position", "exercise", "status", "sets", "reps", "seconds", "pain_during", "pain_after_24h", "effort")
    return Done(row["finished_at"], asked, Result(**{name: row[name] for name in names}, reason=row["reason"]))


def draft(case: Case, wanted: Mapping[str, Decision], library: Library, new_id: Callable[[], UUID]) -> Draft:
    """The decisions made into doses, one after the other, each accepted by the exact checker or left out."""
    made = Draft(plan_of(case.program), _positions(case.program))
    for exercise, decision in wanted.items():
        before = made.plan
        action, lines = _apply(made, case.program, case.at, exercise, decision, library)
        status = (
            _KEPT if action == _KEPT and decision.action != "reassess" else "proposed" if case.review else "applied"
        )
        if case.review:
            made.plan, made.positions = before, _positions(case.program)
        made.made.append(
            {
                "id": str(new_id()),
                "program_id": str(case.program.id),
                "session_id": str(case.session_id),
                "user_id": str(case.program.user_id),
                "exercise": exercise,
                "rule": decision.rule,
                "action": decision.action if decision.action == "reassess" or action == _KEPT else action,
                "status": status,
                "changes": lines,
            }
        )
    return made


def _apply(
    made: Draft, program: Program, at: Place, exercise: str, decision: Decision, library: Library
) -> tuple[str, list[dict[str, Any]]]:
    """Change the draft. What was done, and the lines that are not as they were."""
    coming = _open(program)
    before = made.plan
    made.plan, action = changed(Course(before, coming, at), exercise, decision, library)
    lines = []
    for place, old, new in _sessions(before, made.plan):
        gone = [i for i, item in enumerate(old) if len(new) < len(old) and item.exercise == exercise]
        made.positions[place] = [p for i, p in enumerate(made.positions[place]) if i not in gone]
        lines += [_line(place, old[i], None) for i in gone]
        left = [item for i, item in enumerate(old) if i not in gone]
        lines += [_line(place, was, item) for was, item in zip(left, new, strict=True) if was != item]
    return action, lines


def _line(place: Place, old: Item, new: Item | None) -> dict[str, Any]:
    names = {"exercise", "sets", "reps", "seconds", "effort"}
    after = None if new is None else new.model_dump(include=names)
    return {"week": place[0], "session": place[1], "before": old.model_dump(include=names), "after": after}


def _sessions(before: Plan, after: Plan) -> Iterable[tuple[Place, list[Item], list[Item]]]:
    for old, new in zip(before.weeks, after.weeks, strict=True):
        for was, now in zip(old.sessions, new.sessions, strict=True):
            yield (old.number, was.number), list(was.items), list(now.items)


def _open(program: Program) -> frozenset[Place]:
    """Sessions that nobody has begun."""
    return frozenset((s.week, s.number) for s in program.sessions if s.status in ("planned", "missed"))


def _positions(program: Program) -> dict[Place, list[int]]:
    return {(s.week, s.number): [item.position for item in s.items] for s in program.sessions}


def write(uow: UnitOfWork, case: Case, made: Draft) -> None:
    """Store what was decided, in the unit that ends the job.

    Raises StaleRevision where the program has changed since it was read, or more was said of the session (who says it
    finds this job under way, and makes none): then everything is decided anew.
    """
    uow.adaptations.hold_session(case.session_id)
    if uow.adaptations.told(case.session_id) != case.told:
        raise StaleRevision
    program = case.program
    if made.plan != plan_of(program):
        _store(uow, program, made)
    if not made.made:
        return
    uow.adaptations.add(made.made)
    if any(row["action"] == "reassess" for row in made.made):
        uow.adaptations.reassess(program.id, program.user_id)
    if any(row["status"] == "proposed" for row in made.made):
        uow.adaptations.tell_staff("adaptation_to_review", program.id, program.user_id)
    uow.adaptations.record("program.adapted", program.id, program.user_id)


def _store(uow: UnitOfWork, program: Program, made: Draft) -> None:
    stored = {(s.week, s.number): s for s in program.sessions}
    lines, gone, minutes = [], [], []
    for week in made.plan.weeks:
        for session in week.sessions:
            was, places = stored[(week.number, session.number)], made.positions[(week.number, session.number)]
            old = {item.position: item for item in was.items}
            if session.minutes != was.minutes:
                minutes.append({"id": str(was.id), "minutes": session.minutes})
            gone += [{"session_id": str(was.id), "position": p} for p in old.keys() - set(places)]
            for position, item in zip(places, session.items, strict=True):
                if _dose(item) != _dose(old[position]):
                    line = {"session_id": str(was.id), "position": position, "base": None}
                    lines.append(item.model_dump(mode="json") | line)
    # The sessions before the program, as a report locks them.
    touched = {UUID(row["session_id"]) for row in (*lines, *gone)}
    if not uow.adaptations.untouched(list(touched)) or not uow.adaptations.hold(program.id, program.revision):
        raise StaleRevision
    uow.adaptations.write_lines(lines, gone, minutes)


def _dose(item: Any) -> tuple[Any, ...]:
    return item.exercise, item.sets, item.reps, item.seconds, item.rest_s, item.effort, tuple(item.why)


def settle(uow: UnitOfWork, adaptation_id: UUID, revision: int, *, accept: bool, note: str | None) -> Adaptation:
    """A clinician's decision on a proposed change. An accepted one is made into doses from where the program is now.

    Raises NotFound, NotProposed, and StaleRevision, also where the program changes at the same time.
    """
    found = uow.adaptations.get(adaptation_id)
    if found.status != "proposed":
        raise NotProposed
    if found.revision != revision:
        raise StaleRevision
    if not accept:
        return uow.adaptations.settle(found, "declined", note, found.changes)
    program = uow.programs.read(found.program_id)
    session = uow.adaptations.session(found.session_id)
    made = Draft(plan_of(program), _positions(program))
    action = "regress" if found.action in ("leave_out", "reassess") else found.action
    decision = Decision(found.rule, action)  # type: ignore[arg-type]  # the table's check and ACTIONS are one list
    library = uow.libraries.get(program.library_hash)
    _, lines = _apply(made, program, (session["week"], session["number"]), found.exercise, decision, library)
    if lines:
        _store(uow, program, made)
    return uow.adaptations.settle(found, "accepted", note, lines)
