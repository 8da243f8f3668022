"""The peak week in full: a solved main week put into its sessions, in order, with cardio, effort and reasons."""

from dataclasses import dataclass

from domain.programs.dosing import Amount, quarters
from domain.programs.eligibility import Eligible
from domain.programs.explain import reasons
from domain.programs.library import Exercise
from domain.programs.problem import (
    QUARTERS_A_MINUTE,
    Candidate,
    Problem,
    Week,
    peak_size,
    start_size,
)
from domain.programs.rules import (
    ACTIVATION_EFFORT,
    BALANCE_EFFORT,
    CARDIO_EFFORT,
    CARDIO_MINUTES,
    EASY_EFFORT,
    HARD,
    MAIN_EFFORT,
    MOBILITY_CARDIO_MINUTES,
    WEEKDAYS,
)
from domain.programs.spec import ProgramSpec
from domain.programs.support import Support
from domain.programs.vocabulary import COMPOUND_PATTERNS, Muscle, Role


@dataclass(frozen=True)
class Line:
    """One exercise of a session in the peak week; `start` is the least size it may have in the first week."""

    exercise: Exercise
    role: Role
    peak: Amount
    start: int
    effort: int
    why: tuple[str, ...]

    @property
    def quarters(self) -> int:
        return quarters(self.exercise, self.peak)


def peak_sessions(
    spec: ProgramSpec, problem: Problem, pool: Eligible, support: tuple[Support, ...], week: Week
) -> list[list[Line]]:
    """The lines of each session: warm-up, balance, main work, cardio, cool-down. A day of mobility has no main work."""
    hard = _hard_work(spec, problem, week)
    sessions = []
    main_work = (*week.sessions, *((),) * (len(support) - len(week.sessions)))
    for number, (part, indices) in enumerate(zip(support, main_work, strict=True)):
        lines = [
            _main(problem.candidates[i], week.sets[i], spec, problem, pool, i in hard[number])
            for i in sorted(indices, key=lambda i: _order(problem.candidates[i]))
        ]
        place = ("P06",) if part.mobility else ()
        sessions.append(
            [_fixed(e, "warm", a, EASY_EFFORT, pool, spec, place) for e, a in part.warm]
            + [_fixed(e, "balance", a, BALANCE_EFFORT[spec.severity], pool, spec, place) for e, a in part.balance]
            + lines
            + [_cardio(part, lines, spec, pool, place)]
            + [_fixed(e, "cool", a, EASY_EFFORT, pool, spec, place) for e, a in part.cool]
        )
    return sessions


def _order(candidate: Candidate) -> tuple[int, int, str]:
    """Rule I11: power, compound, single joint, core; the more demanding first."""
    exercise = candidate.exercise
    if exercise.kind == "power":
        place = 0
    elif candidate.group == "core":
        place = 3
    else:
        place = 1 if exercise.pattern in COMPOUND_PATTERNS else 2
    return place, -exercise.level, exercise.id


def _hard_work(spec: ProgramSpec, problem: Problem, week: Week) -> list[set[int]]:
    """Which candidates of each session may be hard: a muscle worked hard yesterday is worked lightly today (I10)."""
    days = WEEKDAYS[spec.days]
    hard: list[set[int]] = []
    for number, indices in enumerate(week.sessions):
        rested = number == 0 or days[number] - days[number - 1] > 1
        tired = set() if rested else {m for i in hard[-1] for m in _direct(problem.candidates[i])}
        hard.append({i for i in indices if tired.isdisjoint(_direct(problem.candidates[i]))})
    return hard


def _direct(candidate: Candidate) -> tuple[Muscle, ...]:
    return candidate.exercise.primary_muscles


def _main(candidate: Candidate, sets: int, spec: ProgramSpec, problem: Problem, pool: Eligible, fresh: bool) -> Line:
    exercise = candidate.exercise
    effort = min(MAIN_EFFORT[spec.severity][spec.level], pool.max_effort)
    if exercise.kind == "activation":
        effort = min(effort, ACTIVATION_EFFORT)
    light = effort >= HARD and not fresh
    return Line(
        exercise=exercise,
        role="main",
        peak=Amount(sets, peak_size(exercise, problem.share)),
        start=start_size(exercise, problem.share),
        effort=HARD - 1 if light else effort,
        why=reasons(candidate, problem, spec, light),
    )


def _fixed(
    exercise: Exercise,
    role: Role,
    amount: Amount,
    effort: int,
    pool: Eligible,
    spec: ProgramSpec,
    place: tuple[str, ...],
) -> Line:
    why = ("I03", "I04", "I05", *place, *_reason_of_role(role, bool(place)))
    if spec.region in exercise.regions:
        why += (f"P02:{spec.region}",)
    return Line(exercise, role, amount, amount.size, min(effort, pool.max_effort), why)


def _reason_of_role(role: Role, mobility: bool) -> tuple[str, ...]:
    if role == "balance":
        return ("I23",)
    return () if mobility else (f"I12:{role}",)


def _cardio(part: Support, lines: list[Line], spec: ProgramSpec, pool: Eligible, place: tuple[str, ...]) -> Line:
    """As long as the session leaves: near its nominal length in the peak week, within a tenth of it in the first.

    Beside main work it is the main work that climbs, and the cardio keeps its length; on the day of mobility the
    cardio climbs.
    """
    nominal = spec.minutes * QUARTERS_A_MINUTE
    fewest, most = (MOBILITY_CARDIO_MINUTES if part.mobility else CARDIO_MINUTES)[spec.minutes]
    peak = part.quarters + sum(line.quarters for line in lines)
    start = part.quarters + sum(quarters(line.exercise, Amount(line.peak.sets, line.start)) for line in lines)
    least = fewest
    while least < most and 10 * (start + least * QUARTERS_A_MINUTE + 2) < 9 * nominal:
        least += 1
    minutes = max(least, min(most, (nominal - peak - 2) // QUARTERS_A_MINUTE))
    effort = min(CARDIO_EFFORT[spec.severity], pool.max_effort)
    why = ("I03", "I04", "I05", *place, *_reason_of_role("cardio", part.mobility), "I08")
    return Line(part.cardio, "cardio", Amount(1, 60 * minutes), 60 * (least if part.mobility else minutes), effort, why)
