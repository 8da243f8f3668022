"""The whole week as one small integer program: how many sessions each exercise is in, and with how many sets.

Sessions are left out on purpose. Which session an exercise is in does not change the objective, and sessions can be
exchanged for each other, so a model with sessions spends its branching on the same week under different names. Each
rule of a session is here as its sum over all sessions: a relaxation, so its bound is a bound for the full problem.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from domain.programs.problem import Candidate, Problem
from domain.programs.rules import PATTERN_PER_SESSION, SESSION_CAP_HALVES, WORTH_DISTINCT, WORTH_HALF_SET


@dataclass(frozen=True)
class Column:
    """Candidate `index` in `sessions` sessions with `sets` sets each: chosen or not."""

    index: int
    sessions: int
    sets: int


@dataclass
class Weekly:
    """Maximise `worth` over columns in [0, 1] (whole) and the coverage variables after them (continuous)."""

    columns: list[Column] = field(default_factory=list)
    worth: list[int] = field(default_factory=list)
    upper: list[int] = field(default_factory=list)
    rows: list[tuple[float, float, list[tuple[int, int]]]] = field(default_factory=list)

    def forbid(self, chosen: list[int]) -> None:
        """Cut off every week that chooses all of these columns."""
        self.rows.append((-inf, len(chosen) - 1, [(column, 1) for column in chosen]))


Weight = Callable[[Candidate, Column], int]


def weekly_model(problem: Problem, slack: int = 0) -> Weekly:
    """The relaxation of a problem. `slack` keeps that percentage away from each limit on a session's time: a week
    that fills all of its time exactly can hardly be distributed over sessions.
    """
    model = Weekly()
    for index, candidate in enumerate(problem.candidates):
        for sessions in range(1, candidate.most_sessions + 1):
            for option in candidate.options:
                model.columns.append(Column(index, sessions, option.sets))
                model.worth.append(candidate.fit * sessions * option.sets + WORTH_DISTINCT)
                model.upper.append(1)
    _one_prescription_each(model)
    _sums_of_session_rules(model, problem, slack)
    _weekly_rules(model, problem)
    return model


def _terms(model: Weekly, problem: Problem, weight: Weight) -> list[tuple[int, int]]:
    weighted = (
        (number, weight(problem.candidates[column.index], column)) for number, column in enumerate(model.columns)
    )
    return [(number, value) for number, value in weighted if value]


def _one_prescription_each(model: Weekly) -> None:
    own: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, column in enumerate(model.columns):
        own[column.index].append((number, 1))
    model.rows += [(-inf, 1, terms) for terms in own.values()]


def _sums_of_session_rules(model: Weekly, problem: Problem, slack: int) -> None:
    days, (fewest, most) = problem.sessions, problem.count

    def row(low: float, high: float, weight: Weight) -> None:
        model.rows.append((low, high, _terms(model, problem, weight)))

    row(days * fewest, days * most, lambda _, column: column.sessions)
    row(0, problem.distinct, lambda _, __: 1)
    for group in problem.groups:
        row(days, inf, lambda c, column, g=group: column.sessions * (c.group == g))  # type: ignore[misc]
    if problem.regional:
        row(days * problem.regional, inf, lambda c, column: column.sessions * c.regional)
    for pattern in sorted({c.exercise.pattern for c in problem.candidates}):
        limit = days * PATTERN_PER_SESSION
        row(-inf, limit, lambda c, column, p=pattern: column.sessions * (c.exercise.pattern == p))  # type: ignore[misc]
    for chain in sorted({c.chain for c in problem.candidates}):
        row(-inf, days, lambda c, column, p=chain: column.sessions * (c.chain == p))  # type: ignore[misc]
    longest, spread = (days * limit * (100 - slack) // 100 for limit in (problem.longest, problem.spread))
    shortest = days * problem.shortest
    row(-inf, longest, lambda c, column: column.sessions * c.option(column.sets).peak)
    row(
        shortest + max(0, shortest) * slack // 100, inf, lambda c, column: column.sessions * c.option(column.sets).start
    )
    row(-inf, spread, lambda c, column: column.sessions * _stretch(c, column))


def _stretch(candidate: Candidate, column: Column) -> int:
    option = candidate.option(column.sets)
    return option.peak - option.start


def _weekly_rules(model: Weekly, problem: Problem) -> None:
    halves: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    groups: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    total = []
    for number, column in enumerate(model.columns):
        done = column.sessions * column.sets
        candidate = problem.candidates[column.index]
        total.append((number, done))
        groups[candidate.group].append((number, done))
        for muscle, each in candidate.halves:
            halves[muscle].append((number, each * done))
    model.rows.append((*problem.sets_a_week, total))
    cap = min(problem.cap_a_week, SESSION_CAP_HALVES * problem.sessions)
    model.rows += [(-inf, cap, terms) for terms in halves.values()]

    def at_least(times: int, more: str, share: int, less: str) -> None:
        positive = [(number, times * sets) for number, sets in groups[more]]
        model.rows.append((0, inf, positive + [(number, -share * sets) for number, sets in groups[less]]))

    if "I14" not in problem.relaxed:
        at_least(1, "pull", 1, "push")
        at_least(2, "push", 1, "pull")
    if "I15" not in problem.relaxed:
        at_least(5, "knee", 3, "hip")
        at_least(5, "hip", 3, "knee")
    for muscle, target in problem.targets.items():
        model.worth.append(WORTH_HALF_SET)
        model.upper.append(target)
        covered = (len(model.worth) - 1, 1)
        # One column alone cannot cover more than the target: without the minimum the relaxation would take a
        # small part of a large column, and its bound would be a few percent too high.
        share = [(number, -min(each, target)) for number, each in halves[muscle]]
        model.rows.append((-inf, 0, [covered, *share]))
