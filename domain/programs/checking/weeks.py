"""I09, I10, I14-I16, I23, P01, P04: each week as a whole."""

from collections import Counter
from collections.abc import Iterator

from domain.programs.checking.facts import Facts, Violation, half_sets
from domain.programs.plan import Session, Week

HARD = 8  # effort 8 is two repetitions in reserve
CAPS = {"beginner": 24, "intermediate": 32, "advanced": 40}  # half-sets of one muscle a week
BALANCE_DAYS = 3
# Main sets of a week, per session, least and most: from severe pain to an advanced person with little or none.
SETS = {
    20: ((6, 6), (6, 7), (7, 7), (7, 8), (8, 9)),
    30: ((10, 11), (11, 12), (12, 13), (13, 14), (14, 16)),
    45: ((12, 13), (13, 14), (14, 16), (16, 18), (18, 21)),
    60: ((15, 16), (16, 17), (17, 19), (19, 22), (22, 26)),
}
MOST_DIFFERENT = {20: 12, 30: 12, 45: 16, 60: 18}
LEVELS = {"beginner": 2, "intermediate": 3, "advanced": 4}


def weeks(facts: Facts) -> Iterator[Violation]:
    earlier: Session | None = None
    for week in facts.plan.weeks:
        where = f"week {week.number}"
        days = [session.day for session in week.sessions]
        if len(days) != facts.spec.days or sorted(set(days)) != days:
            yield Violation("I09", where, f"sessions on days {days}")
        if [session.number for session in week.sessions] != list(range(1, len(days) + 1)):
            yield Violation("I09", where, "sessions are not numbered in order")
        for session in week.sessions:
            if earlier is not None:
                yield from recovery(facts, where, earlier, session)
            earlier = session
        balance = sum(any(item.role == "balance" for item in s.items) for s in week.sessions)
        if facts.spec.needs_balance and balance < min(BALANCE_DAYS, facts.spec.days):
            yield Violation("I23", where, f"balance on {balance} days")
        if not week.deload:
            yield from _totals(facts, where, week)
    for name in facts.spec.conditions:
        rule = facts.library.conditions.get(name)
        if rule is not None and rule.require is not None and not facts.spec.needs_balance:
            yield Violation("I23", "spec", f"{name} asks for balance work")


def recovery(facts: Facts, where: str, earlier: Session, later: Session) -> Iterator[Violation]:
    gap = (later.day - earlier.day) % 7
    if gap == 1:
        worked = [
            {m for item, e in facts.main(s) if item.effort >= HARD for m in e.primary_muscles} for s in (earlier, later)
        ]
        for muscle in sorted(worked[0] & worked[1]):
            yield Violation("I10", where, f"{muscle} is worked hard on day {earlier.day} and the day after")


def _totals(facts: Facts, where: str, week: Week) -> Iterator[Violation]:
    spec, relaxed, days = facts.spec, facts.plan.relaxed, facts.strength_days
    main = [pair for session in week.sessions for pair in facts.main(session)]
    groups: Counter[str] = Counter()
    for item, exercise in main:
        groups[exercise.group] += item.sets
    if not groups["push"] <= groups["pull"] <= 2 * groups["push"] and "I14" not in relaxed:
        yield Violation("I14", where, f"push {groups['push']}, pull {groups['pull']} sets")
    knee, hip = groups["knee"], groups["hip"]
    if (5 * knee < 3 * hip or 3 * knee > 5 * hip) and "I15" not in relaxed:
        yield Violation("I15", where, f"knee {knee}, hip {hip} sets")
    for muscle, count in half_sets(main).items():
        if count > CAPS[spec.level]:
            yield Violation("I16", where, f"{muscle}: {count} half-sets in a week")
    grade = {"severe": 0, "moderate": LEVELS[spec.level] - 1, "mild": LEVELS[spec.level]}[spec.severity]
    fewest, most = SETS[spec.minutes][grade]
    total = sum(item.sets for item, _ in main)
    if total > most * days or (total < fewest * days and "I12" not in relaxed):
        yield Violation("P04", where, f"{total} main sets, {fewest * days} to {most * days} are due")
    different = len({exercise.id for _, exercise in main})
    if different > MOST_DIFFERENT[spec.minutes]:
        yield Violation("P05", where, f"{different} different main exercises")
    for name, count in Counter(exercise.id for _, exercise in main).items():
        exempt = spec.region != "general" and spec.region in facts.exercises[name].regions
        if 2 * count > days + 1 and not exempt and "P01" not in relaxed:
            yield Violation("P01", where, f"{name} is in {count} of {days} sessions")
