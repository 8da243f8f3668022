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
    WEEKDAYS,
)
from domain.programs.spec import ProgramSpec
from domain.programs.support import Support
from domain.programs.vocabulary import COMPOUND_PATTERNS, Muscle, Role


@dataclass(frozen=True)
class Line:
    """One exercise of a session in the peak week; `start` is its size in the first week."""

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
    """The lines of each session: warm-up, balance, main work, cardio, cool-down."""
    hard = _hard_work(spec, problem, week)
    sessions = []
    for number, (part, indices) in enumerate(zip(support, week.sessions, strict=True)):
        lines = [
            _main(problem.candidates[i], week.sets[i], spec, problem, pool, i in hard[number])
            for i in sorted(indices, key=lambda i: _order(problem.candidates[i]))
        ]
        sessions.append(
            [_fixed(e, "warm", a, EASY_EFFORT, pool, spec) for e, a in part.warm]
            + [_fixed(e, "balance", a, BALANCE_EFFORT[spec.severity], pool, spec) for e, a in part.balance]
            + lines
            + [_cardio(part, lines, spec, pool)]
            + [_fixed(e, "cool", a, EASY_EFFORT, pool, spec) for e, a in part.cool]
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


def _fixed(exercise: Exercise, role: Role, amount: Amount, effort: int, pool: Eligible, spec: ProgramSpec) -> Line:
    why: tuple[str, ...] = ("I03", "I04", "I05", "I23" if role == "balance" else f"I12:{role}")
    if spec.region in exercise.regions:
        why += (f"P02:{spec.region}",)
    return Line(exercise, role, amount, amount.size, min(effort, pool.max_effort), why)


def _cardio(part: Support, lines: list[Line], spec: ProgramSpec, pool: Eligible) -> Line:
    """As long as the session leaves: near its nominal length in the peak week, within a tenth of it in the first."""
    nominal = spec.minutes * QUARTERS_A_MINUTE
    peak = part.quarters + sum(line.quarters for line in lines)
    start = part.quarters + sum(quarters(line.exercise, Amount(line.peak.sets, line.start)) for line in lines)
    fewest, most = CARDIO_MINUTES[spec.minutes]
    minutes = max(fewest, min(most, (nominal - peak - 2) // QUARTERS_A_MINUTE))
    while minutes < most and 10 * (start + minutes * QUARTERS_A_MINUTE + 2) < 9 * nominal:
        minutes += 1
    effort = min(CARDIO_EFFORT[spec.severity], pool.max_effort)
    why = ("I03", "I04", "I05", "I12:cardio", "I08")
    return Line(part.cardio, "cardio", Amount(1, 60 * minutes), 60 * minutes, effort, why)
