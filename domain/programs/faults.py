"""How far a week is from keeping the hard rules, as one integer (0 = keeps them). Steers the greedy and its repair.

Not the checker: that one is separate on purpose and works on the finished plan.
"""

from collections import Counter
from collections.abc import Iterable

from domain.programs.problem import Problem
from domain.programs.rules import PATTERN_PER_SESSION, SESSION_CAP_HALVES
from domain.programs.vocabulary import Muscle

SLOT = 10  # one exercise too many, too few or in the wrong place


class Faults:
    """Fault counter of one problem. Remembers sessions it has seen: a search meets the same ones again and again."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._seen: dict[tuple[tuple[int, int], ...], int] = {}

    def session(self, items: Iterable[int], sets: dict[int, int]) -> int:
        """Faults inside one session of these candidates."""
        key = tuple(sorted((index, sets[index]) for index in items))
        if key not in self._seen:
            self._seen[key] = self._session(key)
        return self._seen[key]

    def _session(self, chosen: tuple[tuple[int, int], ...]) -> int:
        problem = self._problem
        patterns: Counter[str] = Counter()
        chains: Counter[str] = Counter()
        groups: set[str] = set()
        muscles: dict[Muscle, int] = {}
        regional = peak = start = 0
        for index, sets in chosen:
            candidate = problem.candidates[index]
            option = candidate.option(sets)
            patterns[candidate.exercise.pattern] += 1
            chains[candidate.chain] += 1
            groups.add(candidate.group)
            regional += candidate.regional
            peak += option.peak
            start += option.start
            for muscle, halves in candidate.halves:
                muscles[muscle] = muscles.get(muscle, 0) + halves * sets
        fewest, most = problem.count
        faults = SLOT * (max(0, fewest - len(chosen)) + max(0, len(chosen) - most))
        faults += SLOT * sum(1 for group in problem.groups if group not in groups)
        faults += SLOT * sum(n - PATTERN_PER_SESSION for n in patterns.values() if n > PATTERN_PER_SESSION)
        faults += SLOT * sum(n - 1 for n in chains.values() if n > 1)
        faults += SLOT * max(0, problem.regional - regional)
        faults += max(0, peak - problem.longest) + max(0, problem.shortest - start)
        faults += max(0, peak - start - problem.spread)
        return faults + sum(n - SESSION_CAP_HALVES for n in muscles.values() if n > SESSION_CAP_HALVES)

    def culprits(self, counts: dict[int, int], sets: dict[int, int]) -> set[int]:
        """Candidates that work a muscle beyond its weekly cap or belong to the fuller side of an upset ratio."""
        muscles, groups, _ = self._totals(counts, sets)
        full = {muscle for muscle, halves in muscles.items() if halves > self._problem.cap_a_week}
        if self._ratios(groups):
            heavy = {"push" if groups["push"] > groups["pull"] else "pull"}
            heavy.add("knee" if groups["knee"] > groups["hip"] else "hip")
        else:
            heavy = set()
        return {
            index
            for index in counts
            if self._problem.candidates[index].group in heavy
            or any(muscle in full for muscle, _ in self._problem.candidates[index].halves)
        }

    def _totals(self, counts: dict[int, int], sets: dict[int, int]) -> tuple[dict[Muscle, int], dict[str, int], int]:
        """Half-sets per muscle, sets per group, all sets."""
        muscles: dict[Muscle, int] = {}
        groups: dict[str, int] = {"push": 0, "pull": 0, "knee": 0, "hip": 0}
        total = 0
        for index, count in counts.items():
            candidate = self._problem.candidates[index]
            done = count * sets[index]
            total += done
            groups[candidate.group] = groups.get(candidate.group, 0) + done
            for muscle, halves in candidate.halves:
                muscles[muscle] = muscles.get(muscle, 0) + halves * done
        return muscles, groups, total

    def week(self, counts: dict[int, int], sets: dict[int, int]) -> int:
        """Faults of the weekly totals; `counts` are sessions per candidate."""
        problem = self._problem
        muscles, groups, total = self._totals(counts, sets)
        faults = SLOT * sum(max(0, n - problem.candidates[i].most_sessions) for i, n in counts.items())
        faults += SLOT * max(0, len(counts) - problem.distinct)
        fewest, most = problem.sets_a_week
        faults += 3 * (max(0, fewest - total) + max(0, total - most))
        faults += sum(n - problem.cap_a_week for n in muscles.values() if n > problem.cap_a_week)
        return faults + self._ratios(groups)

    def _ratios(self, groups: dict[str, int]) -> int:
        """Push <= pull <= 2 push, and 0.6 <= knee/hip <= 1.67, in sets."""
        push, pull, knee, hip = groups["push"], groups["pull"], groups["knee"], groups["hip"]
        faults = 0
        if "I14" not in self._problem.relaxed:
            faults += max(0, push - pull) + max(0, pull - 2 * push)
        if "I15" not in self._problem.relaxed:
            faults += -(-max(0, 3 * hip - 5 * knee) // 5) + -(-max(0, 3 * knee - 5 * hip) // 5)
        return faults
