"""I17-I20, I28, I36, I39, I40, I42: the program over its weeks, and what it says about itself."""

from collections.abc import Iterator
from itertools import pairwise

from domain.programs.checking.facts import Facts, Violation, work_seconds
from domain.programs.plan import Item, Week

GIVES_UP = ("P01", "I15", "I14", "I22", "I13", "I12", "I08")
ALWAYS_SAID = {"I03", "I04", "I05"}
WEEKS = (4, 12)
REASSESS = (4, 6)
LOADING_IN_A_ROW = 6


def progress(facts: Facts) -> Iterator[Violation]:
    plan = facts.plan
    for earlier, later in pairwise(facts.loading()):
        yield from _growth(facts, earlier, later)
    for earlier, later in pairwise(plan.weeks):
        if later.deload and not earlier.deload:
            yield from _deload(facts, earlier, later)
    yield from _calendar(facts)
    yield from _proof(facts)
    for where, _, _, item, exercise in facts.lines():
        if not set(item.why) > ALWAYS_SAID:
            yield Violation("I42", where, f"{item.exercise} does not say what admitted and chose it")
        if exercise.regress_to is not None and facts.exercises[exercise.regress_to].level > exercise.level:
            yield Violation("I36", where, f"{item.exercise} regresses to a harder exercise")


def _calendar(facts: Facts) -> Iterator[Violation]:
    plan, in_a_row = facts.plan, 0
    for number, week in enumerate(plan.weeks, start=1):
        if week.number != number:
            yield Violation("I39", f"week {week.number}", "weeks are not numbered in order")
        in_a_row = 0 if week.deload else in_a_row + 1
        if in_a_row > LOADING_IN_A_ROW:
            yield Violation("I20", f"week {number}", f"{in_a_row} loading weeks in a row")
    if not WEEKS[0] <= len(plan.weeks) <= WEEKS[1]:
        yield Violation("I39", "plan", f"{len(plan.weeks)} weeks")
    if not REASSESS[0] <= plan.reassess_week <= min(REASSESS[1], len(plan.weeks)):
        yield Violation("I39", "plan", f"re-assessment in week {plan.reassess_week}")


def volumes(facts: Facts, week: Week) -> dict[str, int]:
    """Seconds under work of the main exercises: all of them, and those of each region; reps and holds apart.

    And the cardio of the day that has no main work.
    """
    found: dict[str, int] = {}
    for session in week.sessions:
        if facts.mobility_day(session):
            found["cardio"] = sum(item.seconds or 0 for item in session.items if item.role == "cardio")
        for item, exercise in facts.main(session):
            work = work_seconds(item, exercise)
            found["work"] = found.get("work", 0) + work
            for region in exercise.regions:
                found[region] = found.get(region, 0) + work
            kind, size = ("reps", item.reps) if item.reps is not None else ("seconds", item.seconds)
            found[kind] = found.get(kind, 0) + item.sets * (size or 0)
    return found


def _growth(facts: Facts, earlier: Week, later: Week) -> Iterator[Violation]:
    where = f"week {later.number}"
    before, after = volumes(facts, earlier), volumes(facts, later)
    for name, volume in after.items():
        if 10 * volume > 11 * before.get(name, 0):
            yield Violation("I17", where, f"{name} grows from {before.get(name, 0)} to {volume}")
    old, new = _doses(earlier), _doses(later)
    if old.keys() != new.keys():
        yield Violation("I18", where, "the exercises change between loading weeks")
    for key in old.keys() & new.keys():
        if sum(a != b for a, b in zip(old[key], new[key], strict=True)) > 1:
            yield Violation("I18", where, f"{key[1]}: more than one thing changes")


def _doses(week: Week) -> dict[tuple[int, str], tuple[int, int | None, int | None, int, int]]:
    def dose(item: Item) -> tuple[int, int | None, int | None, int, int]:
        return item.sets, item.reps, item.seconds, item.rest_s, item.effort

    return {(s.number, item.exercise): dose(item) for s in week.sessions for item in s.items}


def _deload(facts: Facts, earlier: Week, later: Week) -> Iterator[Violation]:
    before, after = volumes(facts, earlier)["work"], volumes(facts, later).get("work", 0)
    if not 5 * before <= 10 * after <= 7 * before:
        yield Violation("I20", f"week {later.number}", f"deload from {before} to {after} seconds of work")
    old, new = _doses(earlier), _doses(later)
    for key in old.keys() | new.keys():
        if key not in old or key not in new:
            yield Violation("I20", f"week {later.number}", f"{key[1]} is not in both weeks")
        elif new[key][0] > old[key][0] or new[key][-1] > old[key][-1]:
            yield Violation("I20", f"week {later.number}", f"{key[1]} becomes more work")


def _proof(facts: Facts) -> Iterator[Violation]:
    plan, spec, library = facts.plan, facts.spec, facts.library
    if plan.spec != spec or plan.input_hash != spec.input_hash:
        yield Violation("I28", "plan", "answers another spec")
    if not plan.library_hash == spec.library_hash == library.content_hash:
        yield Violation("I28", "plan", "was made from another library")
    if plan.engine_version != spec.engine_version:
        yield Violation("I28", "plan", "was made by another engine")
    if plan.relaxed != GIVES_UP[: len(plan.relaxed)]:
        yield Violation("I03", "plan", "gives up rules outside the agreed order")
    if plan.solver == "highs":
        if plan.bound is None or plan.gap is None:
            yield Violation("I40", "plan", "has no proof")
        elif plan.objective < (1 - plan.gap) * plan.bound - 1 or plan.objective > plan.bound:
            yield Violation("I40", "plan", f"objective {plan.objective} against the bound {plan.bound}")
