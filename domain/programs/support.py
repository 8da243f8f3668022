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
    BALANCE_SESSIONS,
    BALANCE_SETS,
    COOL_COUNT,
    COOL_SETS,
    LONG_CARDIO_S,
    MOBILITY_COUNT,
    MOBILITY_SETS,
    STRENGTH_DAYS,
    STRETCH_COUNT,
    STRETCH_SETS,
    WARM_COUNT,
    WARM_SETS,
)
from domain.programs.spec import ProgramSpec
from domain.programs.vocabulary import Role


@dataclass(frozen=True)
class Support:
    """The fixed part of one session. `cardio` has no length yet: it gets what the main work leaves.

    `mobility` marks the day without main work: then `warm` is mobility and `cool` flexibility work, more of both.
    """

    warm: tuple[tuple[Exercise, Amount], ...]
    balance: tuple[tuple[Exercise, Amount], ...]
    cool: tuple[tuple[Exercise, Amount], ...]
    cardio: Exercise
    mobility: bool

    @property
    def quarters(self) -> int:
        """Quarter minutes without the cardio."""
        return sum(quarters(exercise, amount) for exercise, amount in (*self.warm, *self.balance, *self.cool))


def support_of(spec: ProgramSpec, library: Library, pool: Eligible) -> tuple[Support, ...]:
    """One Support per session of the week; a fifth one is the day of mobility and cardio."""
    used: Counter[str] = Counter()
    return tuple(_session(number, spec, library, pool, used) for number in range(spec.days))


def _session(number: int, spec: ProgramSpec, library: Library, pool: Eligible, used: Counter[str]) -> Support:
    taken: set[str] = set()
    minutes, mobility = spec.minutes, number >= STRENGTH_DAYS[spec.days]
    balanced = spec.needs_balance and number in BALANCE_SESSIONS[spec.days]
    warm = (MOBILITY_COUNT, MOBILITY_SETS) if mobility else (WARM_COUNT, WARM_SETS)
    cool = (STRETCH_COUNT, STRETCH_SETS) if mobility else (COOL_COUNT, COOL_SETS)

    def take(role: Role, count: int, sets: int) -> tuple[tuple[Exercise, Amount], ...]:
        often = Counter[str]() if mobility else used  # what other days did is no reason against it on this one
        chosen: list[tuple[Exercise, Amount]] = []
        for _ in range(count):
            exercise = min(
                (e for e in pool.by_role[role] if library.chain_of[e.id] not in taken),
                key=lambda e: (
                    mobility and _short_cardio(e),
                    _reluctance(e, spec, often, {c.pattern for c, _ in chosen}),
                ),
            )
            taken.add(library.chain_of[exercise.id])
            used[exercise.id] += 1
            chosen.append((exercise, Amount(sets, library_size(exercise))))
        return tuple(chosen)

    return Support(
        warm=take("warm", warm[0][minutes], warm[1][minutes]),
        balance=take("balance", int(balanced), BALANCE_SETS),
        cool=take("cool", cool[0][minutes], cool[1][minutes]),
        cardio=take("cardio", 1, 1)[0][0],
        mobility=mobility,
    )


def _short_cardio(exercise: Exercise) -> bool:
    """Whether it is cardio that nobody does for long: a march on the spot fills a gap, a walk fills a day."""
    return exercise.role == "cardio" and library_size(exercise) < LONG_CARDIO_S


def _reluctance(exercise: Exercise, spec: ProgramSpec, used: Counter[str], patterns: set[str]) -> tuple[int, int, str]:
    """Lowest first: a new pattern, for the region, not used yet this week, short; the id breaks ties."""
    length = quarters(exercise, Amount(1, library_size(exercise))) if exercise.role != "cardio" else 0
    cost = 6 * (exercise.pattern in patterns) + 4 * used[exercise.id] - 5 * (spec.region in exercise.regions)
    cost += 20 * (exercise.role == "cool" and exercise.dose.sets == 1)  # a breath is not a stretch
    return cost, length + abs(spec.ceiling - exercise.level), exercise.id
