"""The formulation one would write first: is exercise e in session s, and with how many sets. For comparison only."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import highspy

from domain.programs.problem import Candidate, Problem
from domain.programs.rules import PATTERN_PER_SESSION, SESSION_CAP_HALVES, WORTH_DISTINCT, WORTH_HALF_SET

Expression = highspy.highs.highs_linear_expression


@dataclass(frozen=True)
class Proven:
    objective: float
    bound: float


def solve_plain(problem: Problem, gap: float, limit: float) -> Proven | None:
    """Best objective and bound within `limit` seconds; None if no week was found.

    Binaries x[e, n, s] (exercise e with n sets in session s) and z[e, n] (e is used, with n sets in every session):
    the number of sets enters as one binary each, because the clock rounds each line up to quarter minutes.
    """
    model = highspy.Highs()
    for option, value in {"output_flag": False, "threads": 1, "mip_rel_gap": gap, "time_limit": limit}.items():
        model.setOptionValue(option, value)
    days = range(problem.sessions)
    keys = [(e, option.sets) for e, c in enumerate(problem.candidates) for option in c.options]
    x = {(e, n, s): model.addBinary() for (e, n), s in product(keys, days)}
    z = {key: model.addBinary() for key in keys}
    for e, candidate in enumerate(problem.candidates):
        model.addConstr(model.qsum(z[e, option.sets] for option in candidate.options) <= 1)
        for option in candidate.options:
            done = model.qsum(x[e, option.sets, s] for s in days)
            model.addConstr(done <= candidate.most_sessions * z[e, option.sets])
            model.addConstr(done >= z[e, option.sets])
    covered = _weekly(model, problem, x, z)
    for s in days:
        _session(model, problem, {(e, n): x[e, n, s] for e, n in keys})
    fit = model.qsum(problem.candidates[e].fit * n * variable for (e, n, _), variable in x.items())
    model.maximize(fit + WORTH_DISTINCT * model.qsum(z.values()) + WORTH_HALF_SET * model.qsum(covered))
    info = model.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    return Proven(info.objective_function_value, info.mip_dual_bound)


def _session(model: highspy.Highs, problem: Problem, chosen: dict[tuple[int, int], object]) -> None:
    def total(weight: Callable[[Candidate, int], int]) -> Expression:
        weighted = ((weight(problem.candidates[e], n), variable) for (e, n), variable in chosen.items())
        return model.qsum(value * variable for value, variable in weighted if value)

    def of(condition: Callable[[Candidate], bool]) -> Expression:
        return total(lambda c, _: int(condition(c)))

    count = of(lambda _: True)
    model.addConstr(count >= problem.count[0])
    model.addConstr(count <= problem.count[1])
    for group in problem.groups:
        model.addConstr(of(lambda c, g=group: c.group == g) >= 1)
    if problem.regional:
        model.addConstr(of(lambda c: c.regional) >= problem.regional)
    for pattern in {c.exercise.pattern for c in problem.candidates}:
        model.addConstr(of(lambda c, p=pattern: c.exercise.pattern == p) <= PATTERN_PER_SESSION)
    for chain in {c.chain for c in problem.candidates}:
        model.addConstr(of(lambda c, p=chain: c.chain == p) <= 1)
    model.addConstr(total(lambda c, n: c.option(n).peak) <= problem.longest)
    model.addConstr(total(lambda c, n: c.option(n).start) >= problem.shortest)
    model.addConstr(total(lambda c, n: c.option(n).peak - c.option(n).start) <= problem.spread)
    for muscle in {muscle for c in problem.candidates for muscle, _ in c.halves}:
        model.addConstr(total(lambda c, n, m=muscle: n * dict(c.halves).get(m, 0)) <= SESSION_CAP_HALVES)


def _weekly(model: highspy.Highs, problem: Problem, x: dict, z: dict) -> list[object]:
    def total(weight: Callable[[Candidate], int]) -> Expression:
        weighted = ((n * weight(problem.candidates[e]), variable) for (e, n, _), variable in x.items())
        return model.qsum(value * variable for value, variable in weighted if value)

    sets = total(lambda _: 1)
    model.addConstr(sets >= problem.sets_a_week[0])
    model.addConstr(sets <= problem.sets_a_week[1])
    model.addConstr(model.qsum(z.values()) <= problem.distinct)
    push, pull, knee, hip = (total(lambda c, g=g: int(c.group == g)) for g in ("push", "pull", "knee", "hip"))
    model.addConstr(push - pull <= 0)
    model.addConstr(pull - 2 * push <= 0)
    model.addConstr(3 * hip - 5 * knee <= 0)
    model.addConstr(3 * knee - 5 * hip <= 0)
    covered = []
    for muscle in sorted({muscle for c in problem.candidates for muscle, _ in c.halves}):
        halves = total(lambda c, m=muscle: dict(c.halves).get(m, 0))
        model.addConstr(halves <= problem.cap_a_week)
        if muscle in problem.targets:
            covered.append(model.addVariable(lb=0, ub=problem.targets[muscle]))
            model.addConstr(covered[-1] - halves <= 0)
    return covered
