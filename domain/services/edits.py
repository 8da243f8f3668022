"""A clinician's changes to a program that waits for review. A module of its own: it brings the checker along."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from domain.errors import NotPendingReview, StaleRevision, UnsafeEdit
from domain.ports import UnitOfWork
from domain.programs.changes import Change
from domain.programs.editing import edit as edited
from domain.programs.plan import Plan
from domain.records import Program, Session


def edit(uow: UnitOfWork, program_id: UUID, revision: int, changes: Sequence[Change]) -> Program:
    """Make all changes or none. The whole program must keep the rules of its own library, checked as at its making.

    Its proof stays that of the generated plan, and says `edited`. Raises NotFound, StaleRevision,
    NotPendingReview, and UnsafeEdit with every rule that the changes would break.
    """
    program = uow.programs.read(program_id)
    if program.revision != revision:
        raise StaleRevision
    if program.status != "pending_review":
        raise NotPendingReview
    before = plan_of(program)
    after, refusals = edited(before, changes, uow.libraries.get(program.library_hash))
    if refusals:
        raise UnsafeEdit(refusals)
    if after == before:
        return program
    return uow.programs.rewrite(
        program_id, revision, _rewritten(program, before, after), program.proof | {"edited": True}
    )


def plan_of(program: Program) -> Plan:
    """The plan whose rows these are."""
    weeks = [
        {
            "number": number,
            "deload": sessions[0].deload,
            "sessions": [
                {
                    "number": session.number,
                    "day": (_made_for(session) - program.start_on - timedelta(weeks=index)).days,
                    "minutes": session.minutes,
                    "items": [
                        {
                            "exercise": item.exercise, "role": item.role, "sets": item.sets, "reps": item.reps,
                            "seconds": item.seconds, "rest_s": item.rest_s, "minutes": item.minutes,
                            "effort": item.effort, "why": item.why,
                        }
                        for item in session.items
                    ],
                }
                for session in sessions
            ],
        }
        for index, (number, sessions) in enumerate(
            (number, list(of_week)) for number, of_week in groupby(program.sessions, lambda session: session.week)
        )
    ]  # fmt: skip
    proof = {name: value for name, value in program.proof.items() if name != "edited"}
    return Plan.model_validate(
        {
            "spec": program.spec,
            "weeks": weeks,
            "input_hash": program.input_hash,
            "library_hash": program.library_hash,
            "engine_version": program.engine_version,
            **proof,
        }
    )


def _made_for(session: Session) -> date:
    """The day that the plan has: a missed session may be on another one by now."""
    return session.planned_on or session.scheduled_on


def _rewritten(program: Program, before: Plan, after: Plan) -> list[dict[str, Any]]:
    """The sessions that differ, as the database takes them: their minutes, and the lines of theirs that differ."""
    rows = []
    sessions = [[session for week in plan.weeks for session in week.sessions] for plan in (before, after)]
    for stored, old, new in zip(program.sessions, *sessions, strict=True):
        items = [
            item.model_dump(mode="json") | {"position": position}
            for position, (was, item) in enumerate(zip(old.items, new.items, strict=True), 1)
            if item != was
        ]
        if items:
            rows.append({"id": str(stored.id), "minutes": new.minutes, "items": items})
    return rows
