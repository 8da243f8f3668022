"""A decision made into doses: the sessions to come, changed so that the exact checker accepts them, or left alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from domain.programs.checking.adapted import check_adapted
from domain.programs.dosing import QUARTER_S, Amount, library_size, quarters
from domain.programs.eligibility import eligible
from domain.programs.library import Exercise, Library
from domain.programs.plan import Item, Plan, Session, Week
from domain.sessions.adaptation import Decision
from domain.sessions.alternatives import easier

Place = tuple[int, int]  # week, number of the session in it
_QUARTERS_A_MINUTE = 60 / QUARTER_S
_ADMITTED = ("I03", "I04", "I05")
_REDUCED = 80  # percent of reps or seconds
_MOST_STEPS = 400


@dataclass(frozen=True, slots=True)
class Course:
    """A plan, which of its sessions are still to come untouched, and the session that a decision is about."""

    plan: Plan
    open: frozenset[Place]
    at: Place


def changed(course: Course, exercise: str, decision: Decision, library: Library) -> tuple[Plan, str]:
    """The plan after the decision, and what was done: the first of the decision's ways that the checker accepts.

    The plan as it was, and `kept`, where none is: a program that cannot take more stays as it climbs by itself.
    """
    for action, after in _ways(course, exercise, decision, library):
        # More work for one exercise is never paid for with less of another.
        accepted = not check_adapted(course.plan, after, library)
        settled = after if accepted else None if action == "progress" else _settled(course, after, library)
        if settled is not None and settled != course.plan:
            return settled, action
    return course.plan, "kept"


def _ways(course: Course, exercise: str, decision: Decision, library: Library) -> Iterator[tuple[str, Plan]]:
    match decision.action:
        case "progress":
            yield "progress", _each(course, exercise, lambda item, week: _more(item, week, course, library))
            higher = library.by_id[exercise].progress_to
            admitted = {e.id for e in eligible(course.plan.spec, library).by_role[library.by_id[exercise].role]}
            if higher in admitted:
                yield (
                    "progress",
                    _each(
                        course, exercise, lambda item, week: _next(item, week, course, library.by_id[higher], library)
                    ),
                )
        case "hold":
            yield "hold", _each(course, exercise, lambda item, week: _later(item, week, course, library, "A02"))
        case "reduce":
            yield "reduce", _each(course, exercise, lambda item, week: _less(item, week, course, library))
        case _:
            for other in easier(exercise, course.plan.spec, library):
                yield "regress", _each(course, exercise, partial(_instead, other, library))
            yield "leave_out", _each(course, exercise, lambda _item, _week: None)


def _each(course: Course, exercise: str, change: Callable[[Item, Week], Item | None]) -> Plan:
    """The plan with every line of this exercise in an open session changed; None takes the line out."""
    weeks = []
    for week in course.plan.weeks:
        sessions = []
        for session in week.sessions:
            items = session.items
            if (week.number, session.number) in course.open:
                tried = (change(item, week) if item.exercise == exercise else item for item in items)
                items = tuple(item for item in tried if item is not None)
            sessions.append(_with(session, items))
        weeks.append(week.model_copy(update={"sessions": tuple(sessions)}))
    return course.plan.model_copy(update={"weeks": tuple(weeks)})


def _with(session: Session, items: tuple[Item, ...]) -> Session:
    return session.model_copy(update={"items": items, "minutes": sum(item.minutes for item in items)})


def _size(item: Item) -> int:
    return item.reps or item.seconds or 0


def _dosed(item: Item, sets: int, size: int, library: Library, rule: str) -> Item:
    exercise = library.by_id[item.exercise]
    if (sets, size) == (item.sets, _size(item)):
        return item
    update = {
        "sets": sets,
        "reps": size if item.reps is not None else None,
        "seconds": size if item.seconds is not None else None,
        "minutes": quarters(exercise, Amount(sets, size), item.rest_s) / _QUARTERS_A_MINUTE,
        "why": _why(item, rule),
    }
    return item.model_copy(update=update)


def _why(item: Item, rule: str) -> tuple[str, ...]:
    return (*(each for each in item.why if each != rule), rule)


def _more(item: Item, week: Week, course: Course, library: Library) -> Item:
    """One rep, or a tenth of a hold, more than was planned, from the next loading week on."""
    if week.deload or week.number <= course.at[0] or item.role == "cardio":
        return item
    size, full = _size(item), library_size(library.by_id[item.exercise])
    step = 1 if item.reps is not None else max(1, size // 10)
    return _dosed(item, item.sets, min(full, size + step), library, "A01")


def _next(item: Item, week: Week, course: Course, to: Exercise, library: Library) -> Item:
    return item if week.number <= course.at[0] else _variant(item, to, library, "A01")


def _later(item: Item, week: Week, course: Course, library: Library, rule: str) -> Item:
    """What the loading week before had: the climb waits for a week."""
    if week.deload or week.number <= course.at[0]:
        return item
    return _dosed(item, item.sets, min(_size(item), _week_before(item, week, course)), library, rule)


def _week_before(item: Item, week: Week, course: Course) -> int:
    found = _size(item)
    for earlier in course.plan.weeks:
        if earlier.number < week.number and not earlier.deload:
            sizes = [_size(i) for s in earlier.sessions for i in s.items if i.exercise == item.exercise]
            found = min(sizes, default=found)
    return found


def _less(item: Item, week: Week, course: Course, library: Library) -> Item:
    """A set less; with the fewest sets already, a fifth of the reps or seconds."""
    held = _later(item, week, course, library, "A03")
    fewest = 2 if item.role == "main" and not week.deload else 1
    if item.sets > fewest:
        return _dosed(held, item.sets - 1, _size(held), library, "A03")
    if item.role == "cardio":
        return _dosed(held, held.sets, max(120, _size(held) * _REDUCED // 100 // 60 * 60), library, "A03")
    least = -(-library_size(library.by_id[item.exercise]) // 4)
    return _dosed(held, held.sets, max(least, _size(held) * _REDUCED // 100), library, "A03")


def _instead(to: Exercise, library: Library, item: Item, _week: Week) -> Item:
    return _variant(item, to, library, "A04")


def _variant(item: Item, to: Exercise, library: Library, rule: str) -> Item:
    """Another exercise with the same share of its library's dose, as many sets and no more effort."""
    old = library.by_id[item.exercise]
    size = max(1, _size(item) * library_size(to) // library_size(old))
    size = max(-(-library_size(to) // 4), min(library_size(to), size)) if to.dose.type != "continuous" else _size(item)
    update = {
        "exercise": to.id,
        "reps": size if to.dose.type == "reps" else None,
        "seconds": None if to.dose.type == "reps" else size,
        "rest_s": to.dose.rest_s,
        "minutes": quarters(to, Amount(item.sets, size)) / _QUARTERS_A_MINUTE,
        "why": (*_ADMITTED, f"{rule}:{item.exercise}"),
    }
    return item.model_copy(update=update)


def _settled(course: Course, after: Plan, library: Library) -> Plan | None:
    """The plan with its climb eased until no week grows too fast (I17); None where another rule stands against it."""
    for _ in range(_MOST_STEPS):
        found = check_adapted(course.plan, after, library)
        if not found:
            return after
        if any(violation.rule != "I17" for violation in found):
            return None
        week = min(int(violation.where.removeprefix("week ")) for violation in found)
        eased = _step_back(course, after, week, library)
        if eased is None:
            return None
        after = eased
    return None


def _step_back(course: Course, plan: Plan, number: int, library: Library) -> Plan | None:
    """One step away from the line of the week that grows most against the loading week before."""
    loading = [week for week in plan.weeks if not week.deload and week.number <= number]
    before = {(s.number, i.exercise): _size(i) for s in loading[-2].sessions for i in s.items}
    growing = [
        (_size(item) - before.get((session.number, item.exercise), _size(item)), session.number, item.exercise)
        for session in loading[-1].sessions
        if (number, session.number) in course.open
        for item in session.items
        if item.role in ("main", "cardio")
    ]
    most, at, exercise = max(growing, default=(0, 0, ""))
    if most <= 0:
        return None

    def change(item: Item, week: Week) -> Item:
        if week.number != number:
            return item
        step = 60 if item.role == "cardio" else 1 if item.reps is not None else max(1, _size(item) // 10)
        return _dosed(item, item.sets, max(1, _size(item) - step), library, "I17")

    only = frozenset({(number, at)})
    return _each(Course(plan, only, course.at), exercise, change)
