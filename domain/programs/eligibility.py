"""Safety, equipment and level: what a person may be offered at all. Runs before any objective exists.

No later step can bring an exercise back, so nothing here is ever traded for a better score.
"""

from dataclasses import dataclass

from domain.programs.library import Exercise, Library
from domain.programs.spec import ProgramSpec
from domain.programs.vocabulary import Role, Stress

MOST_EFFORT = 10


@dataclass(frozen=True)
class Eligible:
    """The exercises that may be used, by role in library order, and the highest effort (0-10) allowed."""

    by_role: dict[Role, tuple[Exercise, ...]]
    max_effort: int


def eligible(spec: ProgramSpec, library: Library) -> Eligible:
    """Rules I03 (condition caps), I04 (level) and I05 (equipment)."""
    owned = set(spec.equipment)
    caps: dict[Stress, int] = {}
    max_effort = MOST_EFFORT
    for name in spec.conditions:
        condition = library.conditions[name]
        max_effort = min(max_effort, condition.max_rpe or MOST_EFFORT)
        for tag, cap in condition.max.items():
            caps[tag] = min(cap, caps.get(tag, cap))
    roles: dict[Role, list[Exercise]] = {"warm": [], "main": [], "cardio": [], "balance": [], "cool": []}
    for exercise in library.exercises:
        safe = all(level <= caps.get(tag, level) for tag, level in exercise.stress.items())
        if safe and exercise.level <= spec.ceiling and owned.issuperset(exercise.equipment):
            roles[exercise.role].append(exercise)
    return Eligible({role: tuple(found) for role, found in roles.items()}, max_effort)
