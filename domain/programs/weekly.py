"""The whole week as one small integer program: how many sessions each exercise is in, and with how many sets.

Sessions are left out on purpose. Which session an exercise is in does not change the objective, and sessions can be
exchanged for each other, so a model with sessions spends its branching on the same week under different names. Each
rule of a session is here as its sum over all sessions: a relaxation, so its bound is a bound for the full problem.
"""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from math import inf

from domain.programs.problem import Problem
from domain.programs.rules import PATTERN_PER_SESSION, SESSION_CAP_HALVES, WORTH_DISTINCT, WORTH_HALF_SET

Terms = list[tuple[int, int]]
Row = tuple[float, float, Terms]  # low <= sum of (variable, weight) <= high


@dataclass(frozen=True)
class Column:
    """Candidate `index` in `sessions` sessions with `sets` sets each: chosen or not."""

    index: int
    sessions: int
    sets: int


@dataclass
class Weekly:
    """Maximise `worth` over columns in [0, 1] (whole) and the coverage variables after them (continuous).

    The first three rows bound the time of the sessions: longest, shortest, spread.
    """

    columns: list[Column] = field(default_factory=list)
    worth: list[int] = field(default_factory=list)
    upper: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


def weekly_model(problem: Problem) -> Weekly:
    """The relaxation of a problem."""
    model = Weekly()
    for index, candidate in enumerate(problem.candidates):
        for sessions in range(1, candidate.most_sessions + 1):
            for option in candidate.options:
                model.columns.append(Column(index, sessions, option.sets))
                model.worth.append(candidate.fit * sessions * option.sets + WORTH_DISTINCT)
                model.upper.append(1)
    _sums_of_session_rules(model, problem)
    _weekly_rules(model, problem)
    _coverage(model, problem)
    return model


def with_slack(model: Weekly, percent: int, cuts: list[list[int]]) -> Weekly:
    """The model away from each limit on time by `percent`: a week that fills all of its time exactly can hardly be
    distributed over sessions. `cuts` are choices of columns that must not come again.
    """
    (low, longest, long), (shortest, high, short), (least, spread, wide) = model.rows[:3]
    rows: list[Row] = [
        (low, longest * (100 - percent) // 100, long),
        (shortest + max(0, shortest) * percent // 100, high, short),
        (least, spread * (100 - percent) // 100, wide),
        *model.rows[3:],
        *((-inf, len(cut) - 1, [(column, 1) for column in cut]) for cut in cuts),
    ]
    return Weekly(model.columns, model.worth, model.upper, rows)


def _sums_of_session_rules(model: Weekly, problem: Problem) -> None:
    days, (fewest, most) = problem.sessions, problem.count
    peak: Terms = []
    start: Terms = []
    stretch: Terms = []
    often: defaultdict[Hashable, Terms] = defaultdict(list)
    for number, column in enumerate(model.columns):
        candidate = problem.candidates[column.index]
        option = candidate.option(column.sets)
        peak.append((number, column.sessions * option.peak))
        start.append((number, column.sessions * option.start))
        stretch.append((number, column.sessions * (option.peak - option.start)))
        for what in ("all", ("pattern", candidate.exercise.pattern), ("chain", candidate.chain), candidate.group):
            often[what].append((number, column.sessions))
        if candidate.regional:
            often["regional"].append((number, column.sessions))
    model.rows += [
        (-inf, days * problem.longest, peak),
        (days * problem.shortest, inf, start),
        (-inf, days * problem.spread, stretch),
        (days * fewest, days * most, often["all"]),
        (days * problem.regional, inf, often["regional"]),
        *((days, inf, often[group]) for group in problem.groups),
    ]
    limits = {"pattern": days * PATTERN_PER_SESSION, "chain": days}
    model.rows += [(-inf, limits[what[0]], terms) for what, terms in often.items() if isinstance(what, tuple)]


def _weekly_rules(model: Weekly, problem: Problem) -> None:
    own: defaultdict[int, Terms] = defaultdict(list)
    groups: defaultdict[str, Terms] = defaultdict(list)
    total: Terms = []
    for number, column in enumerate(model.columns):
        done = column.sessions * column.sets
        own[column.index].append((number, 1))
        total.append((number, done))
        groups[problem.candidates[column.index].group].append((number, done))
    model.rows += [(-inf, 1, terms) for terms in own.values()]  # one prescription for each exercise
    model.rows.append((*problem.sets_a_week, total))
    model.rows.append((0, problem.distinct, [(number, 1) for number in range(len(model.columns))]))

    def at_least(times: int, more: str, share: int, less: str) -> Row:
        positive = [(number, times * sets) for number, sets in groups[more]]
        return 0, inf, positive + [(number, -share * sets) for number, sets in groups[less]]

    if "I14" not in problem.relaxed:
        model.rows += [at_least(1, "pull", 1, "push"), at_least(2, "push", 1, "pull")]
    if "I15" not in problem.relaxed:
        model.rows += [at_least(5, "knee", 3, "hip"), at_least(5, "hip", 3, "knee")]


def _coverage(model: Weekly, problem: Problem) -> None:
    """Caps of each muscle, and the half-sets that count towards its target."""
    halves: defaultdict[str, Terms] = defaultdict(list)
    for number, column in enumerate(model.columns):
        for muscle, each in problem.candidates[column.index].halves:
            halves[muscle].append((number, each * column.sessions * column.sets))
    cap = min(problem.cap_a_week, SESSION_CAP_HALVES * problem.sessions)
    model.rows += [(-inf, cap, terms) for terms in halves.values()]
    for muscle, target in problem.targets.items():
        model.worth.append(WORTH_HALF_SET)
        model.upper.append(target)
        # One column alone cannot cover more than the target: without the minimum the relaxation would take a
        # small part of a large column, and its bound would be a few percent too high.
        share = [(number, -min(each, target)) for number, each in halves[muscle]]
        model.rows.append((-inf, 0, [(len(model.worth) - 1, 1), *share]))
