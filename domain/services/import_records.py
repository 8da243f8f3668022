"""Assessments and programs of an import: worked out between two units of work, stored in one.

Nothing is decided here that a single submission does not decide by the same functions: completion, score, screening,
spec, plan. What is saved is to solve a spec once, to check a plan once, and to ask the database once for many.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol
from uuid import UUID

from domain.assessments import ENGINE_VERSION
from domain.assessments.completion import Completed, complete
from domain.assessments.template import Template
from domain.imports.model import Import, Row, RowIssue
from domain.imports.reading import Read, completed_of
from domain.jobs import Permanent
from domain.members import Member
from domain.ports import UnitOfWork
from domain.programs.library import Library
from domain.programs.plan import Plan
from domain.programs.problem import WeekSolver
from domain.programs.spec import ProgramSpec
from domain.records import TemplateRef
from domain.safety.rules import RedFlagRules
from domain.services import assessments, programs

NewId = Callable[[], UUID]
Templates = Mapping[str, tuple[TemplateRef, Template]]
_AT_ONCE = 40  # rows of one statement


class Plans(Protocol):
    """Plans by the hash of their spec."""

    def sessions(self, spec: str) -> int | None:
        """How many sessions the plan has. None: it is not there, or nobody here has checked it."""
        ...

    def stored(self, spec: str) -> dict[str, Any] | None:
        """What the database has, as JSON, not checked."""
        ...

    def found(self, spec: str) -> dict[str, Any] | None:
        """The plan as JSON, where it had to be found. None: the database has it."""
        ...

    def add(self, plan: Plan, *, is_new: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row whose answers are complete: what is to be stored but for its program. `refused` says why there is none."""

    row: Row
    ref: TemplateRef
    completed: Completed
    score: dict[str, Any]
    referral: bool
    spec: ProgramSpec | None
    refused: str | None


@dataclass(frozen=True, slots=True)
class Ready:
    """The same with its program. `plan` makes the one behind it where that had to be found: a thousand rows may have to
    be ready before the first is stored.
    """

    row: Row
    values: dict[str, Any]
    plan: Callable[[], dict[str, Any] | None]


def answers_of(
    pairs: Sequence[tuple[Read, Row]],
    templates: Templates,
    newest: Mapping[tuple[UUID, str], dict[str, Any]],
    today: date,
) -> tuple[list[tuple[Row, str, Completed]], list[Row]]:
    """The complete answers of each row that makes a submission, with its template; and the rows that end here.

    A program is made anew from what its person has handed in last.
    """
    found, ended = [], []
    for read, row in pairs:
        if row.status != "pending":
            ended.append(row)
        elif "completed" in read.values:
            found.append((row, read.values["template"], completed_of(read)))
        elif read.values.get("action") == "regenerate" and row.user_id is not None:
            last = newest.get((row.user_id, read.values["template"] or ""))
            if last is None:
                ended.append(failed(row, "no_submission"))
            elif last["stopped"]:
                ended.append(failed(row, last["stopped"]))
            elif last["slug"] not in templates:
                ended.append(failed(row, "template_retired"))
            else:
                completed = complete(templates[last["slug"]][1], last["answers"], today)
                if completed.issues:
                    ended.append(failed(row, *dict.fromkeys(each.code for each in completed.issues)))
                else:
                    found.append((row, last["slug"], completed))
    return found, ended


def candidates(
    given: Sequence[tuple[Row, str, Completed]],
    templates: Templates,
    rules: RedFlagRules,
    library: Library,
    settings: Mapping[str, Any],
) -> list[Candidate]:
    made = []
    for row, slug, completed in given:
        ref, template = templates[slug]
        result, referral = assessments.judged(template, completed, rules, settings)
        spec = refused = None
        if not referral:
            try:
                spec = programs.specified(template, completed, result, library)
            except Permanent as error:
                refused = error.code
        made.append(Candidate(row, ref, completed, result.model_dump(mode="json"), referral, spec, refused))
    return made


def ready(candidate: Candidate, plans: Plans, library: Library, solve: WeekSolver, new_id: NewId) -> Ready:
    """With its program. May take seconds where nobody has asked for such a one before."""
    refused, spec, completed = candidate.refused, candidate.spec, candidate.completed
    program: dict[str, Any] = {}
    if spec is not None:
        try:
            sessions = plans.sessions(spec.input_hash)
            if sessions is None:
                plan, is_new = programs.solved(spec, plans.stored(spec.input_hash), library, solve)
                plans.add(plan, is_new=is_new)
                sessions = plan.session_count
            made = programs.program_of(spec.input_hash, sessions, completed.today, new_id)
            program = {
                "program_id": made.id, "start_on": made.start_on, "sessions": made.sessions,
                "input_hash": made.input_hash,
            }  # fmt: skip
        except Permanent as error:
            refused = error.code
    values = {
        "number": candidate.row.number,
        "user_id": str(candidate.row.user_id),
        "template_id": str(candidate.ref.id),
        "slug": candidate.ref.slug,
        "assessment": str(new_id()),
        "job": str(new_id()),
        "submission": str(new_id()),
        "answers": completed.answers,
        "enabled": sorted(completed.enabled),
        "computed": completed.computed,
        "answered_on": completed.today.isoformat(),
        "score": candidate.score,
        "referral": candidate.referral,
        "refused": refused,
    }
    return Ready(candidate.row, values | program, lambda: plans.found(program["input_hash"]) if program else None)


@dataclass(frozen=True, slots=True)
class Source:
    """What orders these submissions: an import or a bulk action. `again`: also of who has handed in such answers
    before; otherwise `skips` says whether theirs is a row that is skipped, or one that fails.
    """

    id: UUID
    correlation_id: str
    again: bool
    skips: bool


def source_of(found: Import) -> Source:
    again = found.kind == "programs" or found.on_duplicate == "update"
    return Source(found.id, found.correlation_id, again, found.on_duplicate == "skip")


def store(uow: UnitOfWork, source: Source, actor: Member, rows: Sequence[Ready], worker: str) -> list[Row]:
    """Hand in, score and make programs of them all. Each row as it ended."""
    before = uow.import_effects.active_programs([each.row.user_id for each in rows if each.row.user_id])
    codes: dict[int, str | None] = {}
    for start in range(0, len(rows), _AT_ONCE):
        part = [
            each.values
            | {"plan": each.plan(), "correlation": source.correlation_id, "key": f"{source.id}:{each.row.number}"}
            for each in rows[start : start + _AT_ONCE]
        ]
        codes |= uow.import_effects.submit(part, actor.id, actor.role, ENGINE_VERSION, worker, again=source.again)
    return [_ended(source, each, codes[each.row.number], before) for each in rows]


def _ended(source: Source, ready: Ready, code: str | None, before: Mapping[UUID, UUID]) -> Row:
    if code == "already_there" and source.skips:
        return replace(ready.row, status="skipped", action=None)
    if code is not None:
        return failed(ready.row, code)
    active = before.get(ready.row.user_id) if ready.row.user_id else None
    return replace(
        ready.row,
        status="done",
        issues=[RowIssue(None, "program_refused")] if ready.values["refused"] else [],
        result_type="assessment",
        result_id=UUID(ready.values["assessment"]),
        before={"active": None if active is None else str(active)},
    )


def order(uow: UnitOfWork, found: Import, actor: Member, pairs: Sequence[tuple[Read, Row]]) -> list[Row]:
    """Assign and archive programs. Each row as it ended."""
    who = (actor.id, actor.role, found.correlation_id)
    pending = [(read, row) for read, row in pairs if row.status == "pending" and row.user_id is not None]
    ended = []
    shelved = [row for read, row in pending if read.values["action"] == "archive"]
    archived = uow.import_effects.archive([row.user_id for row in shelved if row.user_id], *who) if shelved else {}
    for row in shelved:
        program = archived.get(row.user_id) if row.user_id else None
        ended.append(
            replace(row, status="skipped", action=None)
            if program is None
            else replace(
                row, status="done", result_type="program", result_id=program, before={"archived": str(program)}
            )
        )
    for read, row in pending:
        if read.values["action"] == "assign" and row.user_id is not None:
            ended.append(_assign(uow, row, row.user_id, read.values["template"], who))
    return ended


def _assign(uow: UnitOfWork, row: Row, person: UUID, slug: str, who: tuple[UUID, str, str]) -> Row:
    last = uow.import_effects.newest([person], slug).get(person)
    if last is None or last["stopped"]:
        return failed(row, last["stopped"] if last else "no_submission")
    match last["program_status"]:
        case "active":
            return replace(row, status="skipped", action=None)
        case "pending_review":
            return failed(row, "program_waits")
        case "archived":
            active = uow.import_effects.active_programs([person]).get(person)
            if not uow.import_effects.activate(last["program_id"], person, *who):
                return failed(row, "conflict")
            before = {"assigned": str(last["program_id"]), "active": None if active is None else str(active)}
            return replace(row, status="done", result_type="program", result_id=last["program_id"], before=before)
        case _:
            return failed(row, "no_program")


def undo(uow: UnitOfWork, row: Row, actor: Member, correlation: str) -> bool:
    """False where it has been used since."""
    before, effects = row.before or {}, uow.import_effects
    if row.user_id is None or row.result_id is None:
        return False
    back = before.get("active")
    if row.result_type == "assessment":
        gone, person = effects.withdraw_program(row.result_id)
        if not gone:
            return False
        back = back if person is not None else None
    elif "archived" in before:
        if effects.active_programs([row.user_id]):
            return False
        back = before["archived"]
    elif not effects.archive_one(row.result_id):
        return False
    if back is not None and not effects.active_programs([row.user_id]):
        effects.activate(UUID(back), row.user_id, actor.id, actor.role, correlation, tell=False)
    return True


def failed(row: Row, *codes: str) -> Row:
    return replace(row, status="failed", issues=[RowIssue(None, code) for code in codes])
