"""The main work of the peak week as a problem of small integers, for the solvers.

A week names, for each session, which exercises are done, and for each exercise how many sets: the same number in
every session of the week, because a person remembers one prescription per exercise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from domain.programs.dosing import Amount, library_size, quarters, scaled
from domain.programs.eligibility import Eligible
from domain.programs.library import Exercise, Library
from domain.programs.rules import (
    ALWAYS_COVERED,
    CARDIO_MINUTES,
    COVERED_HALVES,
    FIT_COMPOUND,
    FIT_EQUIPMENT,
    FIT_FLOOR,
    FIT_GOAL,
    FIT_LEVEL,
    FIT_LEVEL_STEP,
    FIT_REGIONAL,
    GOAL_KINDS,
    GRADE,
    GROUPS_FROM_MINUTES,
    MAIN_COUNT,
    MAIN_SETS,
    MOST_DIFFERENT,
    MUSCLES_OF_REGION,
    PEAK_SHARE,
    REGIONAL_COVERED_HALVES,
    REGIONAL_PER_SESSION,
    SETS_OF_AN_EXERCISE,
    START_SHARE,
    STRENGTH_DAYS,
    WEEK_CAP_HALVES,
    WORTH_DISTINCT,
    WORTH_HALF_SET,
)
from domain.programs.spec import ProgramSpec
from domain.programs.support import Support
from domain.programs.vocabulary import COMPOUND_PATTERNS, Group, Muscle

REQUIRED_GROUPS: tuple[Group, ...] = ("knee", "hip", "push", "pull", "core")
QUARTERS_A_MINUTE = 4


@dataclass(frozen=True)
class Option:
    """An exercise with a number of sets: quarter minutes at its peak and in the first week."""

    sets: int
    peak: int
    start: int


@dataclass(frozen=True)
class Candidate:
    """One exercise of the main work. `halves` are half-sets per set and muscle: 2 direct, 1 indirect."""

    exercise: Exercise
    fit: int
    group: Group
    chain: str
    regional: bool
    halves: tuple[tuple[Muscle, int], ...]
    options: tuple[Option, ...]
    most_sessions: int

    def option(self, sets: int) -> Option:
        return self.options[sets - self.options[0].sets]


@dataclass(frozen=True)
class Problem:
    """Everything a solver may know. Counts are per session unless the name says week; time is quarter minutes.

    `sessions` are those with main work: at most four, because a fifth day is for mobility and cardio.

    `longest` bounds the peak-week time of the main work, `shortest` its first-week time, `spread` their difference:
    then one length of cardio fits both weeks. `share` is the percentage of the library's dose at the peak.
    """

    candidates: tuple[Candidate, ...]
    sessions: int
    count: tuple[int, int]
    distinct: int
    sets_a_week: tuple[int, int]
    regional: int
    groups: tuple[Group, ...]
    cap_a_week: int
    longest: int
    shortest: int
    spread: int
    targets: dict[Muscle, int]
    share: int
    relaxed: frozenset[str]


@dataclass(frozen=True)
class Week:
    """A solution: candidate indices of each session, and the sets of each used candidate.

    `bound` is a proven upper limit of the objective, if the solver proves one.
    """

    sessions: tuple[tuple[int, ...], ...]
    sets: dict[int, int]
    solver: Literal["highs", "greedy"]
    bound: int | None = None


WeekSolver = Callable[[Problem], Week | None]


def problem_of(
    spec: ProgramSpec, library: Library, pool: Eligible, support: tuple[Support, ...], relaxed: frozenset[str]
) -> Problem:
    """The problem of a spec. `relaxed` are rules this attempt gives up (see RELAXATION_ORDER)."""
    grade = GRADE[spec.level][spec.severity]
    lo, hi = MAIN_SETS[spec.minutes][grade]
    fewest, most = MAIN_COUNT[spec.minutes]
    days = STRENGTH_DAYS[spec.days]
    taken = [part.quarters for part in support if not part.mobility]
    cardio_min, cardio_max = (minutes * QUARTERS_A_MINUTE + 2 for minutes in CARDIO_MINUTES[spec.minutes])
    nominal = spec.minutes * QUARTERS_A_MINUTE
    slack = nominal // (5 if "I08" in relaxed else 10)
    return Problem(
        candidates=tuple(_candidate(e, spec, library, grade, relaxed) for e in pool.by_role["main"]),
        sessions=days,
        count=(fewest - 1 if "I12" in relaxed else fewest, most),
        distinct=MOST_DIFFERENT[spec.minutes],
        sets_a_week=(0 if "I12" in relaxed else lo * days, hi * days),
        regional=0 if "I22" in relaxed else REGIONAL_PER_SESSION[spec.minutes],
        groups=() if spec.minutes < GROUPS_FROM_MINUTES or "I13" in relaxed else REQUIRED_GROUPS,
        cap_a_week=WEEK_CAP_HALVES[spec.level],
        longest=nominal + slack - max(taken) - cardio_min,
        spread=2 * slack - QUARTERS_A_MINUTE,  # cardio comes in whole minutes and serves both ends
        shortest=nominal - slack - min(taken) - cardio_max,
        targets=_targets(spec),
        share=PEAK_SHARE[spec.severity],
        relaxed=relaxed,
    )


def _candidate(
    exercise: Exercise, spec: ProgramSpec, library: Library, grade: int, relaxed: frozenset[str]
) -> Candidate:
    regional = spec.region in exercise.regions
    exempt = "P01" in relaxed or (regional and spec.region != "general")
    fewest, most = SETS_OF_AN_EXERCISE[grade]
    days = STRENGTH_DAYS[spec.days]
    return Candidate(
        exercise=exercise,
        fit=_fit(exercise, spec, regional),
        group=exercise.group,
        chain=library.chain_of[exercise.id],
        regional=regional,
        halves=tuple((m, 2) for m in exercise.primary_muscles) + tuple((m, 1) for m in exercise.secondary_muscles),
        options=tuple(_option(exercise, sets, PEAK_SHARE[spec.severity]) for sets in range(fewest, most + 1)),
        most_sessions=days if exempt else (days + 1) // 2,
    )


def peak_size(exercise: Exercise, share: int) -> int:
    """Reps or seconds of a set in the peak week, which reaches `share` percent of the library's dose."""
    return scaled(library_size(exercise), share)


def start_size(exercise: Exercise, share: int) -> int:
    """Reps or seconds of a set in the first week."""
    return scaled(peak_size(exercise, share), START_SHARE)


def _option(exercise: Exercise, sets: int, share: int) -> Option:
    return Option(
        sets=sets,
        peak=quarters(exercise, Amount(sets, peak_size(exercise, share))),
        start=quarters(exercise, Amount(sets, start_size(exercise, share))),
    )


def _fit(exercise: Exercise, spec: ProgramSpec, regional: bool) -> int:
    """Worth of one set. Never negative, so that more allowed work is never worse."""
    fit = FIT_FLOOR + max(0, FIT_LEVEL - FIT_LEVEL_STEP * (spec.ceiling - exercise.level))
    fit += FIT_REGIONAL * (regional and spec.region != "general")
    fit += FIT_COMPOUND * (exercise.pattern in COMPOUND_PATTERNS)
    fit += FIT_EQUIPMENT * (exercise.equipment_tier > 0)
    return fit + FIT_GOAL * (exercise.kind in GOAL_KINDS[spec.goal])


def _targets(spec: ProgramSpec) -> dict[Muscle, int]:
    targets: dict[Muscle, int] = dict.fromkeys(ALWAYS_COVERED, COVERED_HALVES)
    targets.update(dict.fromkeys(MUSCLES_OF_REGION[spec.region], REGIONAL_COVERED_HALVES))
    return targets


def covered(problem: Problem, week: Week) -> list[int]:
    """Half-sets of each target muscle that count: what the week gives it, up to its target, in target order."""
    halves: dict[Muscle, int] = {}
    for session in week.sessions:
        for index in session:
            for muscle, per_set in problem.candidates[index].halves:
                halves[muscle] = halves.get(muscle, 0) + per_set * week.sets[index]
    return [min(target, halves.get(muscle, 0)) for muscle, target in problem.targets.items()]


def objective(problem: Problem, week: Week) -> int:
    """Fit of all sets + distinct exercises + half-sets that count towards coverage.

    The covered half-sets are the deficit of the design turned round: the same order of weeks, but an empty week is
    worth 0, so that a relative gap means something for every spec.
    """
    done = [index for session in week.sessions for index in session]
    fit = sum(problem.candidates[index].fit * week.sets[index] for index in done)
    return fit + WORTH_DISTINCT * len(set(done)) + WORTH_HALF_SET * sum(covered(problem, week))
