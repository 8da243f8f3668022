"""From the peak week to a program: five loading weeks that climb to the peak, then an easier week.

The climb is built backwards. The peak is fixed; each earlier week takes single steps away (one rep, or about a tenth
of a hold) for as long as no total grows by more than a tenth into the next week. So the rule on weekly growth holds
by construction, for the whole body, for every region, and for reps and seconds counted apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.programs.dosing import Amount, quarters, work_s
from domain.programs.library import Exercise
from domain.programs.peak import Line
from domain.programs.plan import Item, Session, Week
from domain.programs.problem import QUARTERS_A_MINUTE
from domain.programs.rules import DELOAD_EASIER, LOADING_WEEKS, WEEKDAYS

LONG_STEP = 10  # a hold changes by a tenth of its length
DELOAD_CARDIO = 60  # percent
MINUTE_S = 60
MOST_OF_ALL_SETS = 70  # percent of the sets of everything, warm-up included


@dataclass(frozen=True)
class _Worked:
    """A main exercise with the sets it has in a whole week."""

    exercise: Exercise
    peak: int
    start: int
    sets: int

    def volumes(self, size: int) -> dict[str, int]:
        """What it adds to each total that must not grow too fast."""
        work = self.sets * work_s(self.exercise, size)
        kind = "reps" if self.exercise.dose.reps else "seconds"
        return {"work": work, kind: self.sets * size, **{f"in {r}": work for r in self.exercise.regions}}


def program_weeks(sessions: list[list[Line]]) -> tuple[Week, ...]:
    """All weeks of the program, the easier one last."""
    sizes = _climb(_worked(sessions))
    weeks = [
        Week(number=number, deload=False, sessions=_sessions(sessions, size, LOADING_WEEKS - number))
        for number, size in enumerate(sizes, start=1)
    ]
    weeks.append(Week(number=len(weeks) + 1, deload=True, sessions=_sessions(_deload(sessions), {}, 0)))
    return tuple(weeks)


def _worked(sessions: list[list[Line]]) -> list[_Worked]:
    lines: dict[str, list[Line]] = {}
    for session in sessions:
        for line in session:
            if line.role == "main":
                lines.setdefault(line.exercise.id, []).append(line)
    return [
        _Worked(found[0].exercise, found[0].peak.size, found[0].start, sum(line.peak.sets for line in found))
        for _, found in sorted(lines.items())
    ]


def _climb(worked: list[_Worked]) -> list[dict[str, int]]:
    """Sizes by exercise, from the first loading week to the peak."""
    weeks = [{w.exercise.id: w.peak for w in worked}]
    for earlier in range(LOADING_WEEKS - 1):
        later = weeks[0]
        limit = _totals((w, later[w.exercise.id]) for w in worked)
        sizes, totals = dict(later), dict(limit)
        shift = earlier * len(worked) // LOADING_WEEKS  # stagger: another exercise goes first each week
        for w in worked[shift:] + worked[:shift]:
            now = sizes[w.exercise.id]
            step = 1 if w.exercise.dose.reps else max(1, now // LONG_STEP)
            smaller = max(w.start, now - step)
            change = {name: value - w.volumes(now)[name] for name, value in w.volumes(smaller).items()}
            if all(10 * limit[name] <= 11 * (totals[name] + delta) for name, delta in change.items()):
                sizes[w.exercise.id] = smaller
                for name, delta in change.items():
                    totals[name] += delta
        weeks.insert(0, sizes)
    return weeks


def _totals(worked: Iterable[tuple[_Worked, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for w, size in worked:
        for name, value in w.volumes(size).items():
            totals[name] = totals.get(name, 0) + value
    return totals


def _deload(sessions: list[list[Line]]) -> list[list[Line]]:
    """Half the sets, rounded up, and less effort; cardio shorter. A few three-set exercises go down to one
    when the fixed sets around the main work would otherwise keep the week too full.
    """
    worked = _worked(sessions)
    per_day = {line.exercise.id: line.peak.sets for s in sessions for line in s if line.role == "main"}
    days = {w.exercise.id: w.sets // per_day[w.exercise.id] for w in worked}
    fewer = {name: -(-sets // 2) for name, sets in per_day.items()}
    around = [line for s in sessions for line in s if line.role != "main"]
    full = sum(w.sets for w in worked) + sum(line.peak.sets for line in around)
    kept = sum(-(-line.peak.sets // 2) for line in around)
    for w in worked:
        name = w.exercise.id
        if 100 * (kept + sum(fewer[n] * days[n] for n in fewer)) <= MOST_OF_ALL_SETS * full:
            break
        trial = {**fewer, name: 1}
        if fewer[name] > 1 and _at_least_half(worked, days, trial):
            fewer = trial
    return [[_easier(line, fewer) for line in session] for session in sessions]


def _at_least_half(worked: list[_Worked], days: dict[str, int], sets: dict[str, int]) -> bool:
    def half(weight: dict[str, int]) -> bool:
        now = sum(weight[w.exercise.id] * sets[w.exercise.id] * days[w.exercise.id] for w in worked)
        return 2 * now >= sum(weight[w.exercise.id] * w.sets for w in worked)

    return half(dict.fromkeys(sets, 1)) and half({w.exercise.id: work_s(w.exercise, w.peak) for w in worked})


def _easier(line: Line, fewer: dict[str, int]) -> Line:
    if line.role == "main":
        amount, effort = Amount(fewer[line.exercise.id], line.peak.size), line.effort - DELOAD_EASIER
    elif line.role == "cardio":
        amount = Amount(1, -(-line.peak.size * DELOAD_CARDIO // 100 // MINUTE_S) * MINUTE_S)
        effort = line.effort
    else:
        amount, effort = Amount(-(-line.peak.sets // 2), line.peak.size), line.effort
    return Line(line.exercise, line.role, amount, line.start, effort, line.why)


def _sessions(sessions: list[list[Line]], sizes: dict[str, int], before: int) -> tuple[Session, ...]:
    """The sessions of a week with these sizes of the main work, `before` so many weeks before the peak."""
    days = WEEKDAYS[len(sessions)]
    found = []
    for number, lines in enumerate(sessions):
        items = [_item(line, _size(line, sizes, before)) for line in lines]
        minutes = sum(item.minutes for item in items)
        found.append(Session(number=number + 1, day=days[number], minutes=minutes, items=tuple(items)))
    return tuple(found)


def _size(line: Line, sizes: dict[str, int], before: int) -> int:
    """Cardio that climbs (it may start below its peak) takes a minute a week, if that is no more than a tenth."""
    if line.role == "main":
        return sizes.get(line.exercise.id, line.peak.size)
    size = line.peak.size
    for _ in range(before):
        if size - MINUTE_S >= line.start and 10 * size <= 11 * (size - MINUTE_S):
            size -= MINUTE_S
    return size


def _item(line: Line, size: int) -> Item:
    dose = line.exercise.dose
    return Item(
        exercise=line.exercise.id,
        role=line.role,
        sets=line.peak.sets,
        reps=size if dose.reps else None,
        seconds=None if dose.reps else size,
        rest_s=dose.rest_s,
        minutes=quarters(line.exercise, Amount(line.peak.sets, size)) / QUARTERS_A_MINUTE,
        effort=line.effort,
        why=line.why,
    )
