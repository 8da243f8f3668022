"""A week without a solver: build it slot by slot, then repair what the slots could not see. Deterministic.

The fallback when there is no solver or it fails, and the solver's starting point.
"""

from collections import Counter
from collections.abc import Iterator

from domain.programs.faults import Faults
from domain.programs.problem import Problem, Week, objective
from domain.programs.rules import (
    PATTERN_PER_SESSION,
    SESSION_CAP_HALVES,
    WORTH_DISTINCT,
    WORTH_HALF_SET,
)
from domain.programs.vocabulary import Muscle

REPAIRS = 160
TABU = 7
Move = tuple[str, int, int, int]  # kind, session, old candidate (or -1), new candidate, session or sets


def greedy_week(problem: Problem) -> Week | None:
    """A week that keeps every hard rule, or None."""
    for regional in range(problem.regional + 1):  # how many of a session's required groups are for the region
        draft = _Draft(problem)
        draft.build(max(0, problem.regional - 1 + regional) % (problem.regional + 1))
        if draft.repair():
            draft.polish()
            return draft.result()
    return None


class _Draft:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.faults = Faults(problem)
        self.sessions: list[list[int]] = [[] for _ in range(problem.sessions)]
        self.sets = {index: c.options[0].sets for index, c in enumerate(problem.candidates)}
        self.counts: Counter[int] = Counter()

    # --- building -------------------------------------------------------------------------------------------
    def build(self, regional: int) -> None:
        """Regional exercises of the required groups; required groups first, the scarcest of them before the others; then the region; then what is worth most."""
        scarcity = Counter(c.group for c in self.problem.candidates)
        everyone = range(self.problem.sessions)
        for session in everyone:  # with five groups there is room for one more exercise: a group must be regional
            for _ in range(regional):
                self._fill(session, lambda c: c.regional and c.group in self.problem.groups)
        for group in sorted(self.problem.groups, key=lambda g: scarcity[g]):
            for session in everyone:
                if group not in {self.problem.candidates[i].group for i in self.sessions[session]}:
                    self._fill(session, lambda c, g=group: c.group == g)  # type: ignore[misc]
        for session in everyone:
            while self._regional(session) < self.problem.regional:
                if not self._fill(session, lambda c: c.regional):
                    break
        for session in everyone:
            while len(self.sessions[session]) < self.problem.count[0]:
                if not self._fill(session, lambda _: True):
                    break
        self._top_up()

    def _regional(self, session: int) -> int:
        return sum(self.problem.candidates[index].regional for index in self.sessions[session])

    def _fill(self, session: int, wanted) -> bool:  # type: ignore[no-untyped-def]  # noqa: ANN001
        muscles = self._muscles()
        best = max(
            (
                (self._gain(index, muscles), -index)
                for index, candidate in enumerate(self.problem.candidates)
                if wanted(candidate) and self._fits(session, index, muscles)
            ),
            default=None,
        )
        if best is None:
            return False
        self._add(session, -best[1])
        return True

    def _top_up(self) -> None:
        """More exercises, then more sets, until the week has its share of work."""
        for session in sorted(range(self.problem.sessions), key=lambda s: len(self.sessions[s])):
            while self._total() + 2 <= self.problem.sets_a_week[0]:
                if len(self.sessions[session]) >= self.problem.count[1] - 1:
                    break
                if not self._fill(session, lambda _: True):
                    break
        while self._total() < self.problem.sets_a_week[0] and self._best_sets_move(self.total_faults()):
            pass

    def _best_sets_move(self, faults: int) -> bool:
        """Do the change of sets that leaves fewer faults than `faults` and is worth most; False if there is none."""
        best: tuple[int, int, Move] | None = None
        for move in list(self._sets_moves()):
            undo = self._do(move)
            left = self.total_faults()
            if left < faults and (best is None or left <= best[0]):
                score = (left, -objective(self.problem, self._week()), move)
                best = score if best is None else min(best, score)
            self._do(undo)
        if best is not None:
            self._do(best[2])
        return best is not None

    def _fits(self, session: int, index: int, muscles: dict[Muscle, int]) -> bool:
        problem, candidate, items = self.problem, self.problem.candidates[index], self.sessions[session]
        sets = self.sets[index]
        if self.counts[index] >= candidate.most_sessions:
            return False
        others = [problem.candidates[i] for i in items]
        if any(o.chain == candidate.chain for o in others):
            return False
        if sum(o.exercise.pattern == candidate.exercise.pattern for o in others) >= PATTERN_PER_SESSION:
            return False
        peak = sum(problem.candidates[i].option(self.sets[i]).peak for i in items)
        if peak + candidate.option(sets).peak > problem.longest:
            return False
        return all(
            muscles.get(m, 0) + h * sets <= problem.cap_a_week and h * sets <= SESSION_CAP_HALVES
            for m, h in candidate.halves
        )

    def _gain(self, index: int, muscles: dict[Muscle, int]) -> int:
        candidate, sets = self.problem.candidates[index], self.sets[index]
        covered = sum(
            min(h * sets, max(0, self.problem.targets.get(m, 0) - muscles.get(m, 0)))
            for m, h in candidate.halves
        )
        new = WORTH_DISTINCT * (self.counts[index] == 0)
        return candidate.fit * sets + new + WORTH_HALF_SET * covered

    def _muscles(self) -> dict[Muscle, int]:
        muscles: dict[Muscle, int] = {}
        for index, count in self.counts.items():
            for muscle, halves in self.problem.candidates[index].halves:
                muscles[muscle] = muscles.get(muscle, 0) + halves * count * self.sets[index]
        return muscles

    def _total(self) -> int:
        return sum(count * self.sets[index] for index, count in self.counts.items())

    def _add(self, session: int, index: int) -> None:
        self.sessions[session].append(index)
        self.counts[index] += 1

    # --- repair ---------------------------------------------------------------------------------------------
    def repair(self) -> bool:
        """Best move first, with a short memory against going round in circles. True when no fault is left."""
        tabu: dict[tuple[int, int, bool], int] = {}  # session, candidate, entering: until which step
        for step in range(REPAIRS):
            if self.total_faults() == 0:
                return True
            best: tuple[int, int, Move] | None = None
            for move in self._moves():
                if any(tabu.get(part, -1) >= step for part in _parts(move)):
                    continue
                undo = self._do(move)
                faults = self.total_faults()
                if best is None or faults <= best[0]:
                    score = (faults, -objective(self.problem, self._week()), move)
                    best = score if best is None else min(best, score)
                self._do(undo)
            if best is None:
                return False
            for part in _parts(self._do(best[2])):
                tabu[part] = step + TABU
        return self.total_faults() == 0

    def total_faults(self) -> int:
        inside = sum(self.faults.session(items, self.sets) for items in self.sessions)
        return inside + self.faults.week(self._used(), self.sets)

    def _used(self) -> dict[int, int]:
        return {index: count for index, count in self.counts.items() if count}

    def _moves(self) -> Iterator[Move]:
        """Changes of the worst session; when every session is sound, of those that upset the weekly totals."""
        worst = max(
            range(self.problem.sessions),
            key=lambda s: (self.faults.session(self.sessions[s], self.sets), -s),
        )
        broken = self.faults.session(self.sessions[worst], self.sets) > 0
        culprits = self.faults.culprits(self._used(), self.sets)
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

    # --- the result -----------------------------------------------------------------------------------------
    def polish(self) -> None:
        """More sets where they are worth most, as long as no rule breaks."""
        reached = -1
        while objective(self.problem, self._week()) > reached:
            reached = objective(self.problem, self._week())
            if not self._best_sets_move(1):
                return

    def _week(self) -> Week:
        used = {index: self.sets[index] for index, count in self.counts.items() if count}
        return Week(tuple(tuple(items) for items in self.sessions), used, "greedy")

    def result(self) -> Week:
        return self._week()


def _parts(move: Move) -> list[tuple[int, int, bool]]:
    """What a move does, piece by piece: a candidate that just left a session stays out, one that came stays in."""
    kind, session, old, new = move
    if kind == "sets":
        return [(-1 - new, old, True)]
    return [(session, index, entering) for index, entering in ((old, False), (new, True)) if index >= 0]
