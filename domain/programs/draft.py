"""A week in the making: exercises come and go, sets change, and the faults that are left say where to go next."""

from collections import Counter
from collections.abc import Iterator

from domain.programs.faults import Faults
from domain.programs.problem import Problem, Week, objective

REPAIRS = 160
TABU = 7
Move = tuple[str, int, int, int]  # ("swap", session, old or -1, new or -1) or ("sets", old, candidate, new)


class Draft:
    """Starts empty; `sets` holds the sets of every candidate, used or not."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.faults = Faults(problem)
        self.sessions: list[list[int]] = [[] for _ in range(problem.sessions)]
        self.sets = {index: c.options[0].sets for index, c in enumerate(problem.candidates)}
        self.counts: Counter[int] = Counter()

    def add(self, session: int, index: int) -> None:
        self.sessions[session].append(index)
        self.counts[index] += 1

    def load(self, sessions: list[list[int]], sets: dict[int, int]) -> None:
        """Start from this week instead."""
        self.sessions = sessions
        self.sets.update(sets)
        self.counts = Counter(index for items in sessions for index in items)

    def used(self) -> dict[int, int]:
        """Sessions of each candidate that is in the week."""
        return {index: count for index, count in self.counts.items() if count}

    def total_sets(self) -> int:
        return sum(count * self.sets[index] for index, count in self.counts.items())

    def week(self) -> Week:
        used = {index: self.sets[index] for index in self.used()}
        return Week(tuple(tuple(items) for items in self.sessions), used, "greedy")

    def repair(self, steps: int = REPAIRS) -> bool:
        """Best move first, with a short memory against going round in circles. True when no fault is left."""
        tabu: dict[tuple[int, int, bool], int] = {}  # session, candidate, entering: until which step
        for step in range(steps):
            if self.total_faults() == 0:
                return True
            best: tuple[int, int, Move] | None = None
            for move in self._moves():
                if any(tabu.get(part, -1) >= step for part in _parts(move)):
                    continue
                undo = self._do(move)
                faults = self.total_faults()
                if best is None or faults <= best[0]:
                    score = (faults, -objective(self.problem, self.week()), move)
                    best = score if best is None else min(best, score)
                self._do(undo)
            if best is None:
                return False
            for part in _parts(self._do(best[2])):
                tabu[part] = step + TABU
        return self.total_faults() == 0

    def total_faults(self) -> int:
        inside = sum(self.faults.session(items, self.sets) for items in self.sessions)
        return inside + self.faults.week(self.used(), self.sets)

    def _moves(self) -> Iterator[Move]:
        """Changes of the worst session; when every session is sound, of those that upset the weekly totals."""
        worst = max(
            range(self.problem.sessions),
            key=lambda s: (self.faults.session(self.sessions[s], self.sets), -s),
        )
        broken = self.faults.session(self.sessions[worst], self.sets) > 0
        culprits = self.faults.culprits(self.used(), self.sets)
        for session in [worst] if broken else range(self.problem.sessions):
            items = self.sessions[session]
            leaving = items if broken or not culprits else [old for old in items if old in culprits]
            for index in range(len(self.problem.candidates)):
                if index not in items:
                    if len(items) < self.problem.count[1]:
                        yield ("swap", session, -1, index)
                    for old in leaving:
                        yield ("swap", session, old, index)
            for old in leaving:
                yield ("swap", session, old, -1)
        yield from self._sets_moves()

    def _sets_moves(self) -> Iterator[Move]:
        for index, count in self.counts.items():
            if count:
                for option in self.problem.candidates[index].options:
                    if abs(option.sets - self.sets[index]) == 1:
                        yield ("sets", self.sets[index], index, option.sets)

    def _do(self, move: Move) -> Move:
        """Apply a move and return the one that takes it back."""
        kind, session, old, new = move
        if kind == "sets":
            self.sets[old] = new
            return ("sets", new, old, session)
        items = self.sessions[session]
        if old >= 0:
            items.remove(old)
            self.counts[old] -= 1
        if new >= 0:
            items.append(new)
            self.counts[new] += 1
        return ("swap", session, new, old)

    def polish(self) -> None:
        """More sets where they are worth most, as long as no rule breaks."""
        reached = -1
        while objective(self.problem, self.week()) > reached:
            reached = objective(self.problem, self.week())
            if not self.better_sets(1):
                return

    def better_sets(self, faults: int) -> bool:
        """Do the change of sets that leaves fewer faults than `faults` and is worth most; False if there is none."""
        best: tuple[int, int, Move] | None = None
        for move in list(self._sets_moves()):
            undo = self._do(move)
            left = self.total_faults()
            if left < faults and (best is None or left <= best[0]):
                score = (left, -objective(self.problem, self.week()), move)
                best = score if best is None else min(best, score)
            self._do(undo)
        if best is not None:
            self._do(best[2])
        return best is not None


def _parts(move: Move) -> list[tuple[int, int, bool]]:
    """What a move does, piece by piece: a candidate that just left a session stays out, one that came stays in."""
    kind, session, old, new = move
    if kind == "sets":
        return [(-1 - new, old, True)]
    return [(session, index, entering) for index, entering in ((old, False), (new, True)) if index >= 0]
