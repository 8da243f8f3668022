"""Generate programs."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from domain.assessments.completion import Completed, complete
from domain.assessments.results import ProfileIncomplete, Result, profile_of
from domain.assessments.template import Template
from domain.jobs import Permanent
from domain.ports import UnitOfWork
from domain.programs.generator import NoFeasibleProgram
from domain.programs.generator import generate as plan_for
from domain.programs.invariants import of_plan
from domain.programs.library import Library
from domain.programs.plan import Plan
from domain.programs.problem import WeekSolver
from domain.programs.spec import ProgramSpec, UnknownCondition, spec_for
from domain.records import NewProgram, SubmissionClaim


def generate(
    uow: UnitOfWork, claim: SubmissionClaim, library: Library, solve: WeekSolver, new_id: Callable[[], UUID]
) -> float | None:
    """Make the program of a scored submission and end its job, in one commit. A spec that was ever solved is not
    solved again, whoever asked: it holds nothing of a person. Returns the proven gap of a plan that had to be solved
    (0 is optimal), None of one that was known.

    Raises Permanent when no program can be made for these answers. A plan that the independent checker refuses never
    leaves the generator.
    """
    template = uow.templates.get(claim.template_id, claim.submission.template_hash)
    completed = complete(template, claim.submission.answers, claim.submission.answered_on)
    spec = specified(template, completed, Result.model_validate(claim.score), library)
    plan, is_new = solved(spec, uow.programs.solved(spec.input_hash), library, solve)
    program = program_of(plan.input_hash, plan.session_count, claim.submission.answered_on, new_id)
    uow.jobs.finish_generation(claim.job, program, plan.model_dump(mode="json") if is_new else None)
    return plan.gap if is_new else None


def specified(template: Template, completed: Completed, result: Result, library: Library) -> ProgramSpec:
    """Raises Permanent for answers that no program can be made for."""
    try:
        return spec_for(profile_of(template, completed, result), library)
    except ProfileIncomplete as error:
        raise Permanent(error.code) from None
    except UnknownCondition:
        raise Permanent("unknown_condition") from None


def solved(
    spec: ProgramSpec, stored: Mapping[str, Any] | None, library: Library, solve: WeekSolver
) -> tuple[Plan, bool]:
    """The plan, and whether it had to be found. A stored one is checked again: nothing unsafe comes from a cache.

    Raises Permanent where there is none.
    """
    if stored is not None:
        plan = Plan.model_validate(stored)
        if plan.input_hash == spec.input_hash and not of_plan(plan, spec, library):
            return plan, False
    try:
        return plan_for(spec, library, solve), True
    except NoFeasibleProgram as error:
        raise Permanent(error.code) from None


def program_of(input_hash: str, sessions: int, answered_on: date, new_id: Callable[[], UUID]) -> NewProgram:
    """A program by the plan of this hash, which has so many sessions. It begins on the first Monday after the answers:
    a week of the plan starts there.
    """
    start_on = answered_on + timedelta(days=7 - answered_on.weekday())
    return NewProgram(new_id(), start_on, [new_id() for _ in range(sessions)], input_hash)
