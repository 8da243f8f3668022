"""Everything around the main work: warm-up, balance, cardio and cool-down, chosen by rule.

Nothing here competes with the main work (the counts are fixed and the cardio stretches to fill the session),
so there is nothing to optimise: the best fitting exercises take turns.
"""

from collections import Counter
from dataclasses import dataclass

from domain.programs.dosing import Amount, library_size, quarters
from domain.programs.eligibility import Eligible
from domain.programs.library import Exercise, Library
from domain.programs.rules import (
    BALANCE_DAYS,
    BALANCE_SETS,
    COOL_COUNT,
    COOL_SETS,
    WARM_COUNT,
    WARM_SETS,
)
from domain.programs.spec import ProgramSpec
from domain.programs.vocabulary import Role


@dataclass(frozen=True)
class Support:
    """The fixed part of one session. `cardio` has no length yet: it gets what the main work leaves."""

    warm: tuple[tuple[Exercise, Amount], ...]
    balance: tuple[tuple[Exercise, Amount], ...]
    cool: tuple[tuple[Exercise, Amount], ...]
    cardio: Exercise

    @property
    def quarters(self) -> int:
        """Quarter minutes without the cardio."""
        return sum(quarters(exercise, amount) for exercise, amount in (*self.warm, *self.balance, *self.cool))


def support_of(spec: ProgramSpec, library: Library, pool: Eligible) -> tuple[Support, ...]:
    """One Support per session of the week."""
    used: Counter[str] = Counter()
    return tuple(_session(number, spec, library, pool, used) for number in range(spec.days))


def _session(number: int, spec: ProgramSpec, library: Library, pool: Eligible, used: Counter[str]) -> Support:
    taken: set[str] = set()

    def take(role: Role, count: int, sets: int) -> tuple[tuple[Exercise, Amount], ...]:
        chosen: list[tuple[Exercise, Amount]] = []
        for _ in range(count):
            exercise = min(
                (e for e in pool.by_role[role] if library.chain_of[e.id] not in taken),
                key=lambda e: _reluctance(e, spec, used, {c.pattern for c, _ in chosen}),
            )
            taken.add(library.chain_of[exercise.id])
            used[exercise.id] += 1
            chosen.append((exercise, Amount(sets, library_size(exercise))))
        return tuple(chosen)

    return Support(
        warm=take("warm", WARM_COUNT[spec.minutes], WARM_SETS[spec.minutes]),
        balance=take("balance", int(spec.needs_balance and number < BALANCE_DAYS), BALANCE_SETS),
        cool=take("cool", COOL_COUNT[spec.minutes], COOL_SETS[spec.minutes]),
        cardio=take("cardio", 1, 1)[0][0],
    )


def _reluctance(exercise: Exercise, spec: ProgramSpec, used: Counter[str], patterns: set[str]) -> tuple[int, int, str]:
    """Lowest first: a new pattern, for the region, not used yet this week, short; the id breaks ties."""
    length = quarters(exercise, Amount(1, library_size(exercise))) if exercise.role != "cardio" else 0
    cost = 6 * (exercise.pattern in patterns) + 4 * used[exercise.id] - 5 * (spec.region in exercise.regions)
    cost += 20 * (exercise.role == "cool" and exercise.dose.sets == 1)  # a breath is not a stretch
    return cost, length + abs(spec.ceiling - exercise.level), exercise.id
