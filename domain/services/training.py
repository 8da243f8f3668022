"""Do a program: what a client reports of its sessions, what may take an exercise's place, and the ways of a program."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from domain.errors import NotFound, ProgramInOtherState
from domain.jobs import Job
from domain.ports import UnitOfWork
from domain.records import Program, ProgramHead
from domain.sessions.events import Event, Setting, Taken, take
from domain.sessions.records import OpenSession, SessionDetail
from domain.sessions.state import OPEN, Status, fold

if TYPE_CHECKING:
    from domain.programs.library import Exercise

Move = Literal["archive", "restart", "end", "resume"]
CHANGES_THE_NEXT = frozenset({"exercise_done", "exercise_skipped", "exercise_swapped", "pain_after", "finished"})


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of each event, the session's status now, and the job that adapts the program, if there is one."""

    taken: Taken
    status: Status
    job: Job | None


def read(uow: UnitOfWork, session_id: UUID) -> SessionDetail:
    """A session; while its program is paused for safety, one that is still to do prescribes nothing."""
    found = uow.training.read(session_id)
    if found.program_status == "paused_safety" and found.entry.status in OPEN:
        return SessionDetail(found.entry, found.user_id, found.program_status, found.started_at, (), found.results)
    return found


def program(uow: UnitOfWork, program_id: UUID, reader: UUID | None) -> Program:
    """A whole program. To its own person one that is paused for safety prescribes nothing of what is still to do;
    who decides whether it goes on sees it all.
    """
    found = uow.programs.read(program_id)
    if found.status != "paused_safety" or found.user_id != reader:
        return found
    return replace(found, sessions=[replace(s, items=[]) if s.status in OPEN else s for s in found.sessions])


def report(uow: UnitOfWork, session_id: UUID, events: Sequence[Event], now: datetime, job_id: UUID) -> Reported:
    """Take what a client says happened. The same events, in any order and any number of reports, give the same state.

    Raises NotFound for a session that is not one's own.
    """
    session = uow.training.open(session_id)
    active_until = None if session.program_status == "active" else session.program_status_at
    setting = Setting(now, frozenset(session.exercises), active_until, _swaps(uow, session, events))
    taken = take(session.events, events, setting)
    before: Status = "missed" if session.status == "missed" else "dropped" if session.status == "dropped" else "planned"
    state = fold([*session.events, *taken.new], session.exercises, before)
    job = None
    if taken.new:
        uow.training.note(session_id, taken.new, state)
        if state.status == "done" and any(event.type in CHANGES_THE_NEXT for event in taken.new):
            job = uow.jobs.enqueue(job_id, "adaptation", _caller(uow), session_id)
    return Reported(taken, state.status, job)


def _caller(uow: UnitOfWork) -> UUID:
    if uow.context.user_id is None:
        raise NotFound
    return uow.context.user_id


def _swaps(uow: UnitOfWork, session: OpenSession, events: Sequence[Event]) -> dict[int, list[str]]:
    """What may stand at the positions where something is swapped: the exercise itself, to take a swap back, as well."""
    positions = {e.position for e in events if e.type == "exercise_swapped" and e.position in session.exercises}
    found = {}
    for position in positions:
        if position is not None:
            others = _alternatives(uow, session.spec, session.library_hash, session.exercises, position)
            found[position] = [session.exercises[position], *(other.id for other in others)]
    return found


def alternatives(uow: UnitOfWork, session_id: UUID, position: int) -> "tuple[UUID, list[Exercise]]":
    """The session's program, and what may be done in an exercise's place. Raises NotFound for a session or position
    that is not there.
    """
    session = uow.training.read(session_id)
    exercises = {item.position: item.exercise for item in session.items}
    if position not in exercises:
        raise NotFound
    program = uow.training.asked_for(session.entry.program_id)
    found = _alternatives(uow, program["spec"], program["library_hash"], exercises, position)
    return session.entry.program_id, found


def _alternatives(
    uow: UnitOfWork, spec: dict[str, object], library_hash: str, exercises: dict[int, str], position: int
) -> "list[Exercise]":
    # Few ask, and no cold start of the others should wait for the library's models.
    from domain.programs.spec import ProgramSpec  # noqa: PLC0415
    from domain.sessions.alternatives import alternatives as others_of  # noqa: PLC0415

    library = uow.libraries.get(library_hash)
    return others_of(exercises[position], exercises.values(), ProgramSpec.model_validate(spec), library)


def move(uow: UnitOfWork, program_id: UUID, revision: int, way: Move, note: str | None = None) -> ProgramHead:
    """Put a program aside, take it up again, end it for good, or let it go on after a pause for safety.

    Raises NotFound, StaleRevision, and ProgramInOtherState where that is no way from where it is.
    """
    uow.programs.head(program_id)
    if not uow.training.move(program_id, revision, way, note):
        raise ProgramInOtherState
    return uow.programs.head(program_id)
