"""Sessions that were not done on their day: a plan of dates in, a plan of dates out (clinical rules, section 5).

`reschedule`  everything that is left moves by as many days as the oldest missed session is late; the end moves too.
`accumulate`  dates stay; what was missed waits in a queue, oldest first, one extra a day, and is dropped after 14 days.
`flexible`    the oldest that is not done comes next, a day after the last one; for each whole week that the program is
              late its last loading week is left out, so that nothing is caught up twice and the end stays.

Each keeps the order and the number of sessions (what is dropped stays on record), and puts no two of the plan, and no
more than one extra, on one day (I37). Running it again on the same day changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal, get_args
from uuid import UUID

from domain.sessions.state import Status

Strategy = Literal["reschedule", "accumulate", "flexible"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
DEFAULT: Strategy = "reschedule"

KEPT_DAYS = 14  # a missed session waits so long
GAP_DAYS = 14  # from here on the way back is gradual: CSCCa/NSCA 2019
REASSESS_DAYS = 28
ADHERENCE_DAYS = 14
FEWEST_DAYS = 2  # a week; fewer are not offered
WEEK = 7
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Place:
    """An open session. `on` is its day now, `planned_on` the one it was made for."""

    id: UUID
    week: int
    deload: bool
    on: date
    planned_on: date
    status: Status = "planned"


@dataclass(frozen=True, slots=True)
class Course:
    """Where somebody is with a program, on their own calendar. `places` are the open sessions in the program's order.

    `since` is the day from which adherence and gaps count; `done` the sessions done in the last 14 days; `left_out`
    the weeks that have been dropped already, of which nothing is open.
    """

    today: date
    days_a_week: int
    since: date
    last_done: date | None
    done: int
    places: tuple[Place, ...]
    left_out: frozenset[int] = frozenset()
    gap_from: date | None = None
    fewer_days_on: date | None = None
    reassess_on: date | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`changed` are the places that are not as they were, `newly_missed` those whose day has passed since the last run.

    `reentry_from`: the last day of training before a gap that the next four weeks have to be made smaller for.
    """

    changed: tuple[Place, ...] = ()
    newly_missed: frozenset[UUID] = frozenset()
    next_due: date | None = None
    reentry_from: date | None = None
    reassess: bool = False
    offer_fewer_days: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """An active program with a session that may be past; `first` is its `next_due` as it was read."""

    program_id: UUID
    user_id: UUID
    course: Course


@dataclass(frozen=True, slots=True)
class Moved:
    """What becomes of it."""

    due: Due
    outcome: Outcome


def catch_up(course: Course, strategy: Strategy) -> Outcome:
    """What becomes of the open sessions of a program when its person's day begins."""
    late = [place for place in course.places if place.on < course.today]
    if not late:
        return Outcome(next_due=min((place.on for place in course.places), default=None))
    after = _STRATEGIES[strategy](course)
    last = course.since if course.last_done is None else max(course.since, course.last_done)
    gap = (course.today - last).days
    dropped = any(place.status == "dropped" for place in after)
    # What was made smaller for the way back is gone again: the next ones take its place.
    reentry = gap >= GAP_DAYS and (course.gap_from != last or (strategy == "accumulate" and dropped))
    if reentry and strategy == "accumulate":  # nothing extra on the way back
        after = [replace(p, status="dropped") if p.status == "missed" else p for p in after]
    changed = tuple(new for old, new in zip(course.places, after, strict=True) if new != old)
    return Outcome(
        changed=changed,
        newly_missed=frozenset(place.id for place in late),
        next_due=min((place.on for place in after if place.status != "dropped"), default=None),
        reentry_from=last if reentry else None,
        reassess=gap >= REASSESS_DAYS and (course.reassess_on is None or course.reassess_on > course.today),
        offer_fewer_days=_offer(course),
    )


def _reschedule(course: Course) -> list[Place]:
    first = min(place.on for place in course.places)
    shift = _first_free(course) - first
    return [replace(place, on=place.on + shift, status=_fresh(place)) for place in course.places]


def _accumulate(course: Course) -> list[Place]:
    queue = sorted(
        (place for place in course.places if place.on < course.today or place.status == "missed"),
        key=lambda place: (place.planned_on, place.week),
    )
    day = _first_free(course)
    moved: dict[UUID, Place] = {}
    for place in queue:
        if (course.today - place.planned_on).days > KEPT_DAYS:
            moved[place.id] = replace(place, status="dropped")
        else:
            moved[place.id] = replace(place, on=day, status="missed")
            day += _DAY
    return [moved.get(place.id, place) for place in course.places]


def _flexible(course: Course) -> list[Place]:
    first = course.places[0]
    late_weeks = (course.today - first.planned_on).days // WEEK
    before = {week for week in course.left_out if week > first.week}  # what is behind the first one has made it early
    gone = _last_loading_weeks(course.places, late_weeks - len(before))
    start = max(_first_free(course), min(place.on for place in course.places))
    moved = []
    for place in course.places:
        if place.week in gone:
            moved.append(replace(place, status="dropped"))
            continue
        earlier = sum(week < place.week for week in gone | before) * WEEK
        on = start + (place.planned_on - first.planned_on) - timedelta(days=earlier)
        moved.append(replace(place, on=on, status=_fresh(place)))
    return moved


_STRATEGIES = {"reschedule": _reschedule, "accumulate": _accumulate, "flexible": _flexible}


def _last_loading_weeks(places: Sequence[Place], count: int) -> frozenset[int]:
    """Never the week one is in, nor an easier one."""
    loading = sorted({place.week for place in places if not place.deload} - {places[0].week})
    return frozenset(loading[-count:]) if count > 0 else frozenset()


def _first_free(course: Course) -> date:
    """Today, unless something was done today already."""
    return course.today + _DAY if course.last_done == course.today else course.today


def _fresh(place: Place) -> Status:
    return "planned" if place.status == "missed" else place.status


def _offer(course: Course) -> bool:
    """Less than half of two weeks' sessions done, and not offered within that time."""
    if course.days_a_week <= FEWEST_DAYS or (course.today - course.since).days < ADHERENCE_DAYS:
        return False
    if course.fewer_days_on is not None and (course.today - course.fewer_days_on).days < ADHERENCE_DAYS:
        return False
    return course.done < course.days_a_week  # half of two weeks' worth
