"""I07, I08, I11-I13, I16, I21, I22, I25, I26, P06: each session on its own."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from domain.programs.checking.facts import QUARTERS, Facts, Violation, half_sets, work_seconds
from domain.programs.library import Exercise
from domain.programs.plan import Item, Session
from domain.programs.vocabulary import COMPOUND_PATTERNS

ROLES = ("warm", "balance", "main", "cardio", "cool")
MAIN = {20: (3, 4), 30: (5, 6), 45: (6, 8), 60: (6, 9)}
WARM = (2, 3)
COOL = (1, 2)
# The fifth day: its mobility exercises, its stretches, and the least minutes of its cardio.
MOBILITY = {20: (3, 4), 30: (4, 5), 45: (5, 7), 60: (6, 8)}
STRETCHES = {20: (2, 3), 30: (2, 3), 45: (3, 4), 60: (4, 6)}
MOBILITY_CARDIO_S = {20: 300, 30: 600, 45: 900, 60: 1200}
FULL_FROM = 30  # minutes from which a session has cardio and all movements
REGIONAL = {20: 1, 30: 2, 45: 2, 60: 2}
CARDIO_S = (120, 2160)
MOVEMENTS = ("knee", "hip", "push", "pull", "core")
SAME_PATTERN = 2
HALF_SETS = 20
SETS = (1, 5)
LONGEST_REST_S = 240
EDITED = "clinician_edit"  # the rule id on a line that a clinician has changed


def sessions(facts: Facts) -> Iterator[Violation]:
    chain_of = chains(facts)
    for where, week, session in facts.sessions():
        yield from time(facts, where, session, shorter=week.deload)
        yield from order(facts, where, session)
        if facts.mobility_day(session):
            yield from _mobility_day(facts, where, session, week.deload)
        else:
            yield from _counts(facts, where, session)
        main = facts.main(session)
        patterns = Counter(exercise.pattern for _, exercise in main)
        for pattern, count in patterns.items():
            if count > SAME_PATTERN:
                yield Violation("I13", where, f"{count} exercises of the pattern {pattern}")
        for chain, count in Counter(chain_of[item.exercise] for item in session.items).items():
            if count > 1:
                yield Violation("I21", where, f"{count} exercises of the chain of {chain}")
        for muscle, count in half_sets(main).items():
            if count > HALF_SETS:
                yield Violation("I16", where, f"{muscle}: {count} half-sets in one session")
    for where, week, _, item, exercise in facts.lines():
        yield from dose(where, item, exercise, fewer=week.deload)


def chains(facts: Facts) -> dict[str, str]:
    """Exercise -> the lowest id of everything joined to it by progress_to, in either direction."""
    neighbours: dict[str, set[str]] = {name: set() for name in facts.exercises}
    for exercise in facts.library.exercises:
        if exercise.progress_to is not None:
            neighbours[exercise.id].add(exercise.progress_to)
            neighbours[exercise.progress_to].add(exercise.id)
    chain: dict[str, str] = {}
    for name in sorted(neighbours):
        todo = [name]
        while todo:
            at = todo.pop()
            if at not in chain:
                chain[at] = name
                todo.extend(neighbours[at])
    return chain


def time(facts: Facts, where: str, session: Session, *, shorter: bool) -> Iterator[Violation]:
    total = 0
    for item in session.items:
        exercise = facts.exercises[item.exercise]
        seconds = work_seconds(item, exercise) + (item.sets - 1) * item.rest_s + 20
        whole, rest = divmod(seconds, 15)
        quarters = whole + (rest > 0)
        total += quarters
        if item.minutes * QUARTERS != quarters:
            yield Violation("I07", where, f"{item.exercise}: {item.minutes} min, its dose takes {quarters / QUARTERS}")
            if exercise.laterality == "unilateral" and item.minutes * QUARTERS < quarters:
                yield Violation("I26", where, f"{item.exercise}: one side after the other takes twice as long")
    if session.minutes * QUARTERS != total:
        yield Violation("I07", where, f"{session.minutes} min, its items take {total / QUARTERS}")
    tenths = (8, 12) if "I08" in facts.plan.relaxed else (9, 11)
    nominal = facts.spec.minutes * QUARTERS
    if 10 * total > tenths[1] * nominal or (10 * total < tenths[0] * nominal and not shorter):
        yield Violation("I08", where, f"{total / QUARTERS} min for a session of {facts.spec.minutes}")


def _place(item: Item, exercise: Exercise) -> tuple[int, int]:
    """Where a line belongs: role first; inside the main work power, compound, single joint, core."""
    kind = 0
    if item.role == "main" and exercise.kind != "power":
        core = exercise.group == "core"
        kind = 3 if core else 1 if exercise.pattern in COMPOUND_PATTERNS else 2
    return ROLES.index(item.role), kind


def order(facts: Facts, where: str, session: Session) -> Iterator[Violation]:
    places = [_place(item, facts.exercises[item.exercise]) for item in session.items]
    if any(first > second for first, second in pairwise(places)):
        yield Violation("I11", where, "the items are not in order")
    for item in session.items:
        if facts.exercises[item.exercise].role != item.role:
            yield Violation("I12", where, f"{item.exercise} does not belong into the role {item.role}")


def _counts(facts: Facts, where: str, session: Session) -> Iterator[Violation]:
    spec, relaxed = facts.spec, facts.plan.relaxed
    roles = Counter(item.role for item in session.items)
    fewest, most = MAIN[spec.minutes]
    if not fewest - ("I12" in relaxed) <= roles["main"] <= most:
        yield Violation("I12", where, f"{roles['main']} main exercises")
    if not WARM[0] <= roles["warm"] <= WARM[1]:
        yield Violation("I12", where, f"{roles['warm']} warm-up exercises")
    if not COOL[0] <= roles["cool"] <= COOL[1]:
        yield Violation("I12", where, f"{roles['cool']} cool-down exercises")
    if spec.minutes >= FULL_FROM and not roles["cardio"]:
        yield Violation("I12", where, "no cardio")
    groups = {exercise.group for _, exercise in facts.main(session)}
    if spec.minutes >= FULL_FROM and "I13" not in relaxed:
        for movement in MOVEMENTS:
            if movement not in groups:
                yield Violation("I13", where, f"no {movement} exercise")
    regional = sum(spec.region in exercise.regions for _, exercise in facts.main(session))
    if regional < REGIONAL[spec.minutes] and "I22" not in relaxed:
        yield Violation("I22", where, f"{regional} exercises for the region")


def _mobility_day(facts: Facts, where: str, session: Session, deload: bool) -> Iterator[Violation]:
    """Without main work: so the counts of the other days, and their movement groups, do not hold here."""
    spec, roles = facts.spec, Counter(item.role for item in session.items)
    for item in session.items:
        if item.role == "main" or facts.exercises[item.exercise].role == "main":
            yield Violation("P06", where, f"{item.exercise} is main work on the day of mobility and cardio")
    if not MOBILITY[spec.minutes][0] <= roles["warm"] <= MOBILITY[spec.minutes][1]:
        yield Violation("P06", where, f"{roles['warm']} mobility exercises")
    if not STRETCHES[spec.minutes][0] <= roles["cool"] <= STRETCHES[spec.minutes][1]:
        yield Violation("P06", where, f"{roles['cool']} stretches")
    cardio = sum(item.seconds or 0 for item in session.items if item.role == "cardio")
    if cardio < (1 if deload else MOBILITY_CARDIO_S[spec.minutes]):
        yield Violation("P06", where, f"{cardio} s of cardio on the day of mobility and cardio")
    regional = sum(spec.region in facts.exercises[item.exercise].regions for item in session.items)
    if regional < REGIONAL[spec.minutes] and "I22" not in facts.plan.relaxed:
        yield Violation("I22", where, f"{regional} exercises for the region")


def dose(where: str, item: Item, exercise: Exercise, *, fewer: bool) -> Iterator[Violation]:
    """I25: the library's dose is the most; a quarter of it the least. Cardio takes 2-36 whole minutes."""
    full_dose = exercise.dose
    if (item.reps is None) == (item.seconds is None) or (item.reps is None) != (full_dose.reps is None):
        yield Violation("I25", where, f"{exercise.id}: exactly one of reps and seconds, as in the library")
        return
    size, full = (item.reps, full_dose.reps) if item.reps is not None else (item.seconds, full_dose.seconds)
    if size is None or full is None:
        return
    if item.role == "cardio":
        if not CARDIO_S[0] <= size <= CARDIO_S[1] or size % 60:
            yield Violation("I25", where, f"{exercise.id}: {size} s of cardio")
    elif not full <= 4 * size <= 4 * full:
        yield Violation("I25", where, f"{exercise.id}: {size} outside a quarter to all of {full}")
    fewest = 1 if fewer or item.role != "main" else 2
    if not fewest <= item.sets <= SETS[1]:
        yield Violation("I25", where, f"{exercise.id}: {item.sets} sets")
    # A clinician may give more.
    longest = max(full_dose.rest_s, LONGEST_REST_S) if EDITED in item.why else full_dose.rest_s
    if not full_dose.rest_s <= item.rest_s <= longest:
        yield Violation("I25", where, f"{exercise.id}: {item.rest_s} s rest, the library says {full_dose.rest_s}")
