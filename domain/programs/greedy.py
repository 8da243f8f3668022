"""A week without a solver: build it slot by slot, then repair what the slots could not see. Deterministic.

The fallback when there is no solver, or when the solver fails.
"""

from collections import Counter
from collections.abc import Callable

from domain.programs.draft import Draft
from domain.programs.problem import Candidate, Problem, Week
from domain.programs.rules import (
    PATTERN_PER_SESSION,
    SESSION_CAP_HALVES,
    WORTH_DISTINCT,
    WORTH_HALF_SET,
)
from domain.programs.vocabulary import Group, Muscle

Wanted = Callable[[Candidate], bool]


def greedy_week(problem: Problem) -> Week | None:
    """A week that keeps every hard rule, or None."""
    # How many of the required groups of a session are filled for the region first: usually one less than it needs.
    tries = sorted(range(problem.regional + 1), key=lambda regional: abs(regional - problem.regional + 1))
    for regional in tries:
        draft = Draft(problem)
        _build(draft, regional)
        if draft.repair():
            draft.polish()
            return draft.week()
    return None


def _build(draft: Draft, regional: int) -> None:
    """What is scarce first: regional exercises of the required groups, the groups, the region, the number due."""
    problem, everyone = draft.problem, range(draft.problem.sessions)
    for session in everyone:  # with five groups there is room for one more exercise: a group must be regional
        for _ in range(regional):
            _fill(draft, session, lambda c: c.regional and c.group in problem.groups)
    scarcity = Counter(c.group for c in problem.candidates)
    for group in sorted(problem.groups, key=lambda g: scarcity[g]):
        for session in everyone:
            if all(problem.candidates[index].group != group for index in draft.sessions[session]):
                _fill(draft, session, _of_group(group))
    for session in everyone:
        _fill_up(draft, session, lambda c: c.regional, problem.regional)
    for session in everyone:
        _fill_up(draft, session, lambda _: True, problem.count[0])
    _top_up(draft)


def _of_group(group: Group) -> Wanted:
    return lambda candidate: candidate.group == group


def _fill_up(draft: Draft, session: int, wanted: Wanted, due: int) -> None:
    """Add wanted exercises until the session has as many of them as are due, or no more fit."""
    while sum(wanted(draft.problem.candidates[index]) for index in draft.sessions[session]) < due:
        if not _fill(draft, session, wanted):
            return


def _top_up(draft: Draft) -> None:
    """More exercises, then more sets, until the week has its share of work."""
    due, most = draft.problem.sets_a_week[0], draft.problem.count[1]
    for session in sorted(range(draft.problem.sessions), key=lambda s: len(draft.sessions[s])):
        while draft.total_sets() + 2 <= due and len(draft.sessions[session]) < most - 1:
            if not _fill(draft, session, lambda _: True):
                break
    while draft.total_sets() < due and draft.better_sets(draft.total_faults()):
        pass


def _fill(draft: Draft, session: int, wanted: Wanted) -> bool:
    """Add the wanted exercise that is worth most now; False if none fits."""
    muscles = _muscles(draft)
    best = max(
        (
            (_gain(draft, index, muscles), -index)
            for index, candidate in enumerate(draft.problem.candidates)
            if wanted(candidate) and _fits(draft, session, index, muscles)
        ),
        default=None,
    )
    if best is None:
        return False
    draft.add(session, -best[1])
    return True


def _fits(draft: Draft, session: int, index: int, muscles: dict[Muscle, int]) -> bool:
    problem, candidate, sets = draft.problem, draft.problem.candidates[index], draft.sets[index]
    if draft.counts[index] >= candidate.most_sessions:
        return False
    if not draft.counts[index] and len(draft.used()) >= problem.distinct:
        return False
    others = [problem.candidates[other] for other in draft.sessions[session]]
    if any(other.chain == candidate.chain for other in others):
        return False
    if sum(other.exercise.pattern == candidate.exercise.pattern for other in others) >= PATTERN_PER_SESSION:
        return False
    peak = sum(problem.candidates[other].option(draft.sets[other]).peak for other in draft.sessions[session])
    if peak + candidate.option(sets).peak > problem.longest:
        return False
    return all(
        muscles.get(muscle, 0) + halves * sets <= problem.cap_a_week and halves * sets <= SESSION_CAP_HALVES
        for muscle, halves in candidate.halves
    )


def _gain(draft: Draft, index: int, muscles: dict[Muscle, int]) -> int:
    """What the objective gains by one more session of an exercise."""
    candidate, sets, targets = draft.problem.candidates[index], draft.sets[index], draft.problem.targets
    covered = sum(
        min(halves * sets, max(0, targets.get(muscle, 0) - muscles.get(muscle, 0)))
        for muscle, halves in candidate.halves
    )
    return candidate.fit * sets + WORTH_DISTINCT * (not draft.counts[index]) + WORTH_HALF_SET * covered


def _muscles(draft: Draft) -> dict[Muscle, int]:
    """Half-sets of each muscle in the week so far."""
    muscles: dict[Muscle, int] = {}
    for index, count in draft.counts.items():
        for muscle, halves in draft.problem.candidates[index].halves:
            muscles[muscle] = muscles.get(muscle, 0) + halves * count * draft.sets[index]
    return muscles
