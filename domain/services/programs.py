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
from domain.records import SubmissionClaim


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
    rows = rows_of(plan, start_on=next_monday(claim.submission.answered_on), new_id=new_id)
    uow.jobs.finish_generation(claim.job, rows, plan.model_dump(mode="json") if is_new else None)
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


def next_monday(day: date) -> date:
    """The first Monday after `day`: a week of the plan starts there."""
    return day + timedelta(days=7 - day.weekday())


def rows_of(plan: Plan, *, start_on: date, new_id: Callable[[], UUID]) -> dict[str, Any]:
    """The plan as the database takes it: weeks laid on the calendar from `start_on`, a Monday."""
    return laid_out(plan.model_dump(mode="json"), start_on=start_on, new_id=new_id)


def laid_out(content: Mapping[str, Any], *, start_on: date, new_id: Callable[[], UUID]) -> dict[str, Any]:
    """The same of a plan that is JSON already."""
    sessions = [
        {
            "id": str(new_id()),
            "week": week["number"],
            "number": session["number"],
            "deload": week["deload"],
            "scheduled_on": (start_on + timedelta(weeks=index, days=session["day"])).isoformat(),
            "minutes": session["minutes"],
            "items": session["items"],
        }
        for index, week in enumerate(content["weeks"])
        for session in week["sessions"]
    ]
    proof = {name: content[name] for name in ("solver", "objective", "bound", "gap", "relaxed", "reassess_week")}
    return {
        "id": str(new_id()),
        "weeks": len(content["weeks"]),
        "start_on": start_on.isoformat(),
        "spec": content["spec"],
        "proof": proof,
        "input_hash": content["input_hash"],
        "library_hash": content["library_hash"],
        "engine_version": content["engine_version"],
        "sessions": sessions,
    }
