"""Which session gets which exercise, once the week knows how often each is done.

A constructive assignment with repair: sessions of a week are interchangeable, so leaving this to branch and bound
would mostly explore the same week under other names.
"""

from itertools import product

from domain.programs.faults import Faults
from domain.programs.problem import Problem

Sessions = list[list[int]]
STEPS = 80
TABU = 6


def distribute(problem: Problem, counts: dict[int, int], sets: dict[int, int]) -> Sessions:
    """Sessions that hold every candidate `counts` times. They keep the rules of a session if that was possible; the
    caller has to look, and can repair what is left.
    """
    faults = Faults(problem)
    sessions = _first_guess(problem, counts, sets, faults)
    tabu: dict[tuple[int, int], int] = {}  # (session, candidate) that may not be moved before a step
    for step in range(STEPS):
        before = [faults.session(items, sets) for items in sessions]
        if not any(before):
            break
        best = _best_exchange(sessions, before, sets, faults, {k for k, until in tabu.items() if until >= step})
        if best is None:
            break
        _, here, there, out, back = best
        _exchange(sessions, here, there, out, back)
        tabu[there, out] = step + TABU
        if back >= 0:
            tabu[here, back] = step + TABU
    return sessions


def _first_guess(problem: Problem, counts: dict[int, int], sets: dict[int, int], faults: Faults) -> Sessions:
    """The most frequent and longest exercises first, each into the sessions it harms least."""
    sessions: Sessions = [[] for _ in range(problem.sessions)]
    order = sorted(counts, key=lambda i: (-counts[i], -problem.candidates[i].option(sets[i]).peak, i))
    for index in order:
        harm = [
            (faults.session([*items, index], sets) - faults.session(items, sets), len(items), number)
            for number, items in enumerate(sessions)
        ]
        for _, _, number in sorted(harm)[: counts[index]]:
            sessions[number].append(index)
    return sessions


def _best_exchange(
    sessions: Sessions, before: list[int], sets: dict[int, int], faults: Faults, tabu: set[tuple[int, int]]
) -> tuple[int, int, int, int, int] | None:
    """The exchange with the worst session that leaves least faults: (faults, here, there, out, back or -1)."""
    here = max(range(len(sessions)), key=lambda s: (before[s], -s))
    best: tuple[int, int, int, int, int] | None = None
    for there in range(len(sessions)):
        if there == here:
            continue
        mine, theirs = sessions[here], sessions[there]
        for out, back in product([*mine, -1], [*theirs, -1]):
            if out == back or (out >= 0 and out in theirs) or (back >= 0 and back in mine):
                continue
            if (here, out) in tabu or (there, back) in tabu:
                continue
            left = [i for i in mine if i != out] + [back] * (back >= 0)
            right = [i for i in theirs if i != back] + [out] * (out >= 0)
            after = faults.session(left, sets) + faults.session(right, sets) - before[here] - before[there]
            if best is None or (after, here, there, out, back) < best:
                best = (after, here, there, out, back)
    return best


def _exchange(sessions: Sessions, here: int, there: int, out: int, back: int) -> None:
    if out >= 0:
        sessions[here].remove(out)
        sessions[there].append(out)
    if back >= 0:
        sessions[there].remove(back)
        sessions[here].append(back)
