"""The way back after two weeks or more without training: half of the volume, then 70, 80 and 90 percent.

CSCCa/NSCA 2019 gives upper limits of 50, 70, 80 and 90 percent for the weeks after a break of two to four weeks.
"""

from domain.programs.dosing import QUARTER_S, Amount, library_size, quarters
from domain.programs.library import Library
from domain.programs.plan import Item, Session

PERCENT = (50, 70, 80, 90)  # of the weeks after the break
RULE = "I38"
_QUARTERS_A_MINUTE = 60 / QUARTER_S


def percent_of(place: int, days_a_week: int) -> int | None:
    """What the session at `place` (from 0) of those that are left is reduced to; None: it is done whole."""
    week = place // days_a_week
    return PERCENT[week] if week < len(PERCENT) else None


def eased(session: Session, percent: int, library: Library) -> Session:
    """The session with at most `percent` of each line of its main work, and of its cardio.

    Fewer sets first, then fewer reps or seconds; never below one set of a quarter of the library's dose, which is
    the least that a prescription may be. Sets times size of a line is at most `percent`, that floor aside.
    """
    items = tuple(_eased(item, percent, library) for item in session.items)
    return session.model_copy(update={"items": items, "minutes": sum(item.minutes for item in items)})


def _eased(item: Item, percent: int, library: Library) -> Item:
    if item.role not in ("main", "cardio"):
        return item
    exercise = library.by_id[item.exercise]
    size = item.reps or item.seconds or 0
    if item.role == "cardio":
        step, least = 60, 120  # whole minutes, two at least
    else:
        step, least = 1, -(-library_size(exercise) // 4)
    total = item.sets * size * percent // 100
    sets = max(1, min(-(-item.sets * percent // 100), total // max(1, least)))
    new = max(least, total // sets // step * step)
    amount = Amount(sets, min(size, new))
    update = {
        "sets": amount.sets,
        "reps": amount.size if item.reps is not None else None,
        "seconds": amount.size if item.seconds is not None else None,
        "minutes": quarters(exercise, amount, item.rest_s) / _QUARTERS_A_MINUTE,
        "why": (*(rule for rule in item.why if not rule.startswith(RULE)), f"{RULE}:{percent}"),
    }
    return item.model_copy(update=update)
