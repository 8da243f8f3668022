"""A plan with a clinician's changes, and what stands against it: the same rules that bind the generator."""

import re
from collections.abc import Iterator, Sequence

from domain.programs.changes import Change, Refusal
from domain.programs.checker import check
from domain.programs.checking.facts import Violation
from domain.programs.dosing import QUARTER_S, Amount, library_size, quarters
from domain.programs.library import Exercise, Library
from domain.programs.plan import Item, Plan, Session, Week
from domain.programs.refusals import NO_SUCH_LINE, REFUSALS

EDITED = "clinician_edit"
ADMITTED = ("I03", "I04", "I05")
MOST_REFUSALS = 50
_PLACE = re.compile(r"week (\d+)(?: session (\d+)(?: item (\d+))?)?")
_QUARTERS_A_MINUTE = 60 / QUARTER_S


def edit(plan: Plan, changes: Sequence[Change], library: Library) -> tuple[Plan, list[Refusal]]:
    """The changed plan, and why it must not be used: an empty list means that it may.

    A changed line says so in its `why`; its minutes and its session's are those of the model. Pointers are those of
    the request: `/changes/<index>`, or `/changes` for what is not of one line's making.
    """
    unknown = list(_unknown(plan, changes, library))
    if unknown:
        return plan, unknown[:MOST_REFUSALS]
    weeks = tuple(_week(week, changes, library) for week in plan.weeks)
    edited = plan.model_copy(update={"weeks": weeks})
    found = {(_pointer(v, changes), v.rule): None for v in check(edited, edited.spec, library)}
    return edited, [Refusal(pointer, rule, REFUSALS[rule]) for pointer, rule in found][:MOST_REFUSALS]


def _unknown(plan: Plan, changes: Sequence[Change], library: Library) -> Iterator[Refusal]:
    places = [(w.number, s.number, p) for w in plan.weeks for s in w.sessions for p in range(1, len(s.items) + 1)]
    for index, change in enumerate(changes):
        if not any(change.concerns(*place) for place in places):
            yield Refusal(f"/changes/{index}", "no_such_line", NO_SUCH_LINE)
        if change.exercise is not None and change.exercise not in library.by_id:
            yield Refusal(f"/changes/{index}/exercise", "I06", REFUSALS["I06"])


def _week(week: Week, changes: Sequence[Change], library: Library) -> Week:
    return week.model_copy(
        update={"sessions": tuple(_session(week.number, s, changes, library) for s in week.sessions)}
    )


def _session(week: int, session: Session, changes: Sequence[Change], library: Library) -> Session:
    items = []
    for position, before in enumerate(session.items, 1):
        item = before
        for change in changes:
            if change.concerns(week, session.number, position):
                item = _changed(item, change, library)
        items.append(item)
    return session.model_copy(update={"items": tuple(items), "minutes": sum(item.minutes for item in items)})


def _changed(item: Item, change: Change, library: Library) -> Item:
    old = library.by_id[item.exercise]
    new = library.by_id[change.exercise or item.exercise]
    values: dict[str, int | None] = {"reps": item.reps, "seconds": item.seconds, "rest_s": item.rest_s}
    if new is not old:
        values = _carried_over(item, old, new)
    if change.reps is not None or change.seconds is not None:
        values |= {"reps": change.reps, "seconds": change.seconds}
    given = {"sets": change.sets, "rest_s": change.rest_s, "effort": change.effort}
    update = {"exercise": new.id, **values, **{name: value for name, value in given.items() if value is not None}}
    edited = item.model_copy(update=update)
    if edited == item:
        return item
    amount = Amount(edited.sets, edited.reps or edited.seconds or 0)
    minutes = quarters(new, amount, edited.rest_s) / _QUARTERS_A_MINUTE
    kept = item.why if new is old else ADMITTED  # what chose the old exercise says nothing about the new one
    why = (*(rule for rule in kept if rule != EDITED), EDITED)
    return edited.model_copy(update={"minutes": minutes, "why": why})


def _carried_over(item: Item, old: Exercise, new: Exercise) -> dict[str, int | None]:
    """The same share of the new exercise's dose, so that a program keeps its climb. Minutes of cardio stay."""
    size = item.reps or item.seconds or 0
    if new.dose.type != "continuous" or old.dose.type != "continuous":
        size = -(-size * library_size(new) // library_size(old))
    reps = size if new.dose.type == "reps" else None
    return {"reps": reps, "seconds": size if reps is None else None, "rest_s": new.dose.rest_s}


def _pointer(violation: Violation, changes: Sequence[Change]) -> str:
    place = _PLACE.fullmatch(violation.where)
    if place is None:
        return "/changes"
    week, session, position = (None if part is None else int(part) for part in place.groups())
    for index, change in enumerate(changes):
        if week is not None and change.concerns(week, session, position):
            return f"/changes/{index}"
    return "/changes"
