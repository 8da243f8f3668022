"""I16-I19, I23-I26, I36-I38 and safety, on a program that has changed since it was approved.

What a program must hold at least (I08's lower end, I12-I15, I22) was decided when it was approved, and pain may take
some of it away; what it may hold at most binds every change as it bound the making. Findings that the approved program
already had are not a change's fault, unless they are of safety.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from domain.programs.checking.facts import Facts, Violation, half_sets
from domain.programs.checking.progress import volumes
from domain.programs.checking.safety import STEMS, safety
from domain.programs.checking.sessions import HALF_SETS, SAME_PATTERN, chains, dose, order, time
from domain.programs.checking.weeks import BALANCE_DAYS, CAPS, recovery
from domain.programs.library import Library
from domain.programs.plan import Item, Plan, Session, Week

ALWAYS = frozenset({"I03", "I04", "I05", "I06", "I24", "I31", "I36"})
PROGRESS, REGRESS, EASED = "A01", "A04", "I38"
PERCENT = (50, 70, 80, 90)


def check_adapted(before: Plan, after: Plan, library: Library) -> list[Violation]:
    """Every rule that the changes break; an empty list means that they may be stored."""
    facts = Facts(after, after.spec, library)
    found = list(safety(facts))
    if any(violation.rule == "I06" for violation in found):
        return found
    known = {(v.rule, v.where) for v in _upper(Facts(before, before.spec, library))}
    found += [v for v in _upper(facts) if v.rule in ALWAYS or (v.rule, v.where) not in known]
    return [*found, *_compared(before, after, facts)]


def _upper(facts: Facts) -> Iterator[Violation]:
    chain_of = chains(facts)
    earlier: Session | None = None
    for where, week, session in facts.sessions():
        yield from time(facts, where, session, shorter=True)
        yield from order(facts, where, session)
        yield from _session(facts, where, session, chain_of)
        if earlier is not None:
            yield from recovery(facts, f"week {week.number}", earlier, session)
        earlier = session
    for where, week, _, item, exercise in facts.lines():
        yield from dose(where, item, exercise, fewer=week.deload or _eased(item) is not None)
    for week in facts.plan.weeks:
        yield from _week(facts, week)
    for first, second in pairwise(facts.loading()):
        yield from _growth(facts, first, second)


def _session(facts: Facts, where: str, session: Session, chain_of: dict[str, str]) -> Iterator[Violation]:
    main = facts.main(session)
    for muscle, count in half_sets(main).items():
        if count > HALF_SETS:
            yield Violation("I16", where, f"{muscle}: {count} half-sets in one session")
    for pattern, count in Counter(exercise.pattern for _, exercise in main).items():
        if count > SAME_PATTERN:
            yield Violation("I13", where, f"{count} exercises of the pattern {pattern}")
    for chain, count in Counter(chain_of[item.exercise] for item in session.items).items():
        if count > 1:
            yield Violation("I21", where, f"{count} exercises of the chain of {chain}")


def _week(facts: Facts, week: Week) -> Iterator[Violation]:
    where = f"week {week.number}"
    main = [pair for session in week.sessions for pair in facts.main(session)]
    for muscle, count in half_sets(main).items():
        if count > CAPS[facts.spec.level]:
            yield Violation("I16", where, f"{muscle}: {count} half-sets in a week")
    balance = sum(any(item.role == "balance" for item in session.items) for session in week.sessions)
    if facts.spec.needs_balance and balance < min(BALANCE_DAYS, facts.spec.days):
        yield Violation("I23", where, f"balance on {balance} days")


def _growth(facts: Facts, first: Week, second: Week) -> Iterator[Violation]:
    """I17, where both weeks have the same exercises: a week that begins with an easier one is another week. What was
    made smaller for a way back (I38) grows back by its own steps.
    """
    if any(_eased(item) is not None for week in (first, second) for s in week.sessions for item in s.items):
        return
    same = _names(first) & _names(second)
    before, after = (volumes(facts, _only(week, same)) for week in (first, second))
    for name, volume in after.items():
        if 10 * volume > 11 * before.get(name, 0):
            yield Violation("I17", f"week {second.number}", f"{name} grows from {before.get(name, 0)} to {volume}")


def _names(week: Week) -> set[tuple[int, str]]:
    return {(session.number, item.exercise) for session in week.sessions for item in session.items}


def _only(week: Week, names: set[tuple[int, str]]) -> Week:
    sessions = [
        s.model_copy(update={"items": tuple(item for item in s.items if (s.number, item.exercise) in names)})
        for s in week.sessions
    ]
    return week.model_copy(update={"sessions": tuple(sessions)})


def _compared(before: Plan, after: Plan, facts: Facts) -> Iterator[Violation]:
    old = {(w.number, s.number): s for w in before.weeks for s in w.sessions}
    new = {(w.number, s.number): s for w in after.weeks for s in w.sessions}
    days = [{place: s.day for place, s in of.items()} for of in (old, new)]
    if days[0] != days[1]:
        yield Violation("I37", "plan", "a change of doses moves no session")
        return
    for place, session in new.items():
        where = f"week {place[0]} session {place[1]}"
        was = {item.exercise: item for item in old[place].items}
        for item in session.items:
            source = _source(item, was)
            if source is None:
                yield Violation("I18", where, f"{item.exercise} was not there, and stands for nothing that was")
            else:
                yield from _line(facts, where, source, item)


def _source(item: Item, was: dict[str, Item]) -> Item | None:
    """The line as it was; for a variant, the line that it names."""
    if item.exercise in was:
        return was[item.exercise]
    named = [rule.partition(":")[2] for rule in item.why if rule.startswith((f"{PROGRESS}:", f"{REGRESS}:"))]
    return next((was[name] for name in reversed(named) if name in was), None)


def _line(facts: Facts, where: str, old: Item, new: Item) -> Iterator[Violation]:
    size, was = new.reps or new.seconds or 0, old.reps or old.seconds or 0
    variant = new.exercise != old.exercise
    more = [new.sets > old.sets, not variant and size > was, new.effort > old.effort]
    if variant and any(rule.startswith(f"{REGRESS}:") for rule in new.why):
        yield from _easier(facts, where, old, new)
        if any(more):
            yield Violation("I36", where, f"{new.exercise} is easier, and more of it")
    elif sum(more) + variant > 1:
        yield Violation("I18", where, f"{new.exercise}: more than one thing grows")
    percent = None if variant or _eased(new) == _eased(old) else _eased(new)
    if percent is not None and 100 * new.sets * size > percent * old.sets * was and not _least(facts, new, size):
        yield Violation("I38", where, f"{new.exercise}: more than {percent} percent")
    if percent is None and not variant and size > was and size - was > max(1, was // 10):
        yield Violation("I19", where, f"{new.exercise}: a step of {size - was} from {was}")


def _easier(facts: Facts, where: str, old: Item, new: Item) -> Iterator[Violation]:
    """I36: no higher level, and no more of any stress that the pain of the region is capped for."""
    hard, easy = facts.exercises[old.exercise], facts.exercises[new.exercise]
    stem = STEMS[facts.spec.region]
    tags = {tag for name, rule in facts.library.conditions.items() if name.startswith(f"{stem}_") for tag in rule.max}
    if easy.level > hard.level:
        yield Violation("I36", where, f"{easy.id} is harder than {hard.id}")
    for tag in tags:
        if easy.stress.get(tag, 0) > hard.stress.get(tag, 0):
            yield Violation("I36", where, f"{easy.id} asks for more {tag} than {hard.id}")


def _eased(item: Item) -> int | None:
    named = [rule.partition(":")[2] for rule in item.why if rule.startswith(f"{EASED}:")]
    return int(named[-1]) if named and int(named[-1]) in PERCENT else None


def _least(facts: Facts, item: Item, size: int) -> bool:
    """One set of the smallest dose there is."""
    full = facts.exercises[item.exercise].dose
    least = 120 if item.role == "cardio" else -(-(full.reps or full.seconds or 0) // 4)
    return item.sets == 1 and size <= least
