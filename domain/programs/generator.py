"""One spec in, one checked program out."""

from collections.abc import Iterator
from dataclasses import replace

from domain.errors import DomainError
from domain.programs.checker import check
from domain.programs.eligibility import Eligible, eligible
from domain.programs.greedy import greedy_week
from domain.programs.library import Library
from domain.programs.peak import peak_sessions
from domain.programs.plan import Plan
from domain.programs.problem import Problem, Week, WeekSolver, objective, problem_of
from domain.programs.rules import LEAST_SHARE, REASSESS_WEEK, RELAXATION_ORDER, SHARE_STEP
from domain.programs.spec import ProgramSpec
from domain.programs.support import Support, support_of
from domain.programs.volume import milder, repetitions, volume
from domain.programs.weeks import program_weeks


class NoFeasibleProgram(DomainError):
    """No week keeps even the rules that are never given up. A person has to write this program."""

    code = "no_feasible_program"
    detail = "No program can be built for this assessment. A physiotherapist needs to write it."


def generate(spec: ProgramSpec, library: Library, solve: WeekSolver = greedy_week) -> Plan:
    """The program of a spec: the same bytes every time. Raises NoFeasibleProgram.

    `solve` finds the peak week; workers pass the exact solver, everything else takes the greedy. A solver that finds
    nothing, or whose plan the independent checker refuses, is replaced by the greedy, and the plan says so.

    More pain never means more volume; nor more reps, unless the week found cannot keep that too (a milder plan that
    is nearly all holds has next to none).
    """
    easier = milder(spec, library)
    less_pain = None if easier is None else generate(easier, library, solve)
    pool = eligible(spec, library)
    support = support_of(spec, library, pool)
    for relaxed in _attempts():
        problem = problem_of(spec, library, pool, support, frozenset(relaxed))
        if not set(problem.groups) <= {candidate.group for candidate in problem.candidates}:
            continue  # no week can hold a movement that nobody may be offered
        for week in _weeks(problem, solve):
            more_reps = []
            for plan in _plans(spec, library, problem, pool, support, week, relaxed):
                if less_pain is not None and _exceeds(volume(plan, library), volume(less_pain, library)):
                    continue
                if less_pain is not None and _exceeds(repetitions(plan), repetitions(less_pain)):
                    more_reps.append(plan)
                elif not check(plan, spec, library):
                    return plan
            for plan in more_reps:
                if not check(plan, spec, library):
                    return plan
    raise NoFeasibleProgram


def _exceeds(values: tuple[int, ...], limits: tuple[int, ...]) -> bool:
    return any(value > limit for value, limit in zip(values, limits, strict=True))


def _attempts() -> Iterator[tuple[str, ...]]:
    """All rules, then one rule fewer at a time."""
    return (RELAXATION_ORDER[:given_up] for given_up in range(len(RELAXATION_ORDER) + 1))


def _weeks(problem: Problem, solve: WeekSolver) -> Iterator[Week]:
    for solver in dict.fromkeys((solve, greedy_week)):
        week = solver(problem)
        if week is not None:
            yield week


def _plans(
    spec: ProgramSpec,
    library: Library,
    problem: Problem,
    pool: Eligible,
    support: tuple[Support, ...],
    week: Week,
    relaxed: tuple[str, ...],
) -> Iterator[Plan]:
    """The week as a program, with its usual reps first and then with fewer and fewer."""
    reached = objective(problem, week)
    gap = None if week.bound is None else round(max(0, week.bound - reached) / max(1, week.bound), 6)
    for share in range(problem.share, LEAST_SHARE - 1, -SHARE_STEP):
        sessions = peak_sessions(spec, replace(problem, share=share), pool, support, week)
        yield Plan(
            spec=spec,
            weeks=program_weeks(sessions),
            reassess_week=REASSESS_WEEK,
            solver=week.solver,
            objective=reached,
            bound=week.bound,
            gap=gap,
            relaxed=relaxed,
            input_hash=spec.input_hash,
            library_hash=library.content_hash,
            engine_version=spec.engine_version,
        )
