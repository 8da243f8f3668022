"""What may stand in an exercise's place: chosen anew from what the program's own spec and library admit.

A link of the library is no admission: of 178 `regress_to` links 29 lead to more of some stress.
"""

from collections.abc import Iterable

from domain.programs.eligibility import eligible
from domain.programs.library import Exercise, Library
from domain.programs.spec import LADDER_OF_REGION, ProgramSpec


def alternatives(exercise_id: str, in_session: Iterable[str], spec: ProgramSpec, library: Library) -> list[Exercise]:
    """Exercises of the same role and movement pattern that this person may do (I03-I05), nearest level first.

    None of a chain that another exercise of the session is of (I21).
    """
    exercise = library.by_id[exercise_id]
    others = {library.chain_of[name] for name in in_session if name != exercise_id and name in library.chain_of}
    found = [
        other
        for other in eligible(spec, library).by_role[exercise.role]
        if other.pattern == exercise.pattern and other.id != exercise_id and library.chain_of[other.id] not in others
    ]
    return sorted(found, key=lambda other: (abs(other.level - exercise.level), other.level, other.id))


def easier(exercise_id: str, spec: ProgramSpec, library: Library) -> list[Exercise]:
    """What a painful exercise may be replaced by, its own regressions first: eligible, of no higher level, and with no
    more of any stress that the pain of the region is capped for (I36).
    """
    exercise = library.by_id[exercise_id]
    stem = LADDER_OF_REGION[spec.region]
    tags = {tag for name, rule in library.conditions.items() if name.startswith(f"{stem}_") for tag in rule.max}
    admitted = {other.id for other in eligible(spec, library).by_role[exercise.role]}
    chain, at = [], exercise.regress_to
    while at is not None and at not in chain:
        chain.append(at)
        at = library.by_id[at].regress_to
    others = [other.id for other in alternatives(exercise_id, (), spec, library)]
    return [
        other
        for name in dict.fromkeys([*chain, *others])
        if name in admitted and (other := library.by_id[name]).level <= exercise.level
        and all(other.stress.get(tag, 0) <= exercise.stress.get(tag, 0) for tag in tags)
    ]  # fmt: skip
