"""How much of an exercise, and how long it takes. Time is counted in quarter minutes, so that sums are exact."""

from dataclasses import dataclass

from domain.programs.library import Exercise

QUARTER_S = 15
TRANSITION_S = 20  # getting into place and ready


@dataclass(frozen=True)
class Amount:
    """`size` is reps, or seconds of a hold, per set (per side if unilateral)."""

    sets: int
    size: int


def scaled(size: int, percent: int) -> int:
    """`percent` of reps or seconds, rounded up."""
    return -(-size * percent // 100)


def library_size(exercise: Exercise) -> int:
    return exercise.dose.reps or exercise.dose.seconds or 0


def work_s(exercise: Exercise, size: int) -> int:
    """Seconds of work in one set; both sides of a unilateral exercise count."""
    one_side = size * (exercise.dose.sec_per_rep or 1) if exercise.dose.type == "reps" else size
    return one_side * (2 if exercise.laterality == "unilateral" else 1)


def quarters(exercise: Exercise, amount: Amount, rest_s: int | None = None) -> int:
    """Quarter minutes of the whole prescription: work, rests between sets (the library's, or `rest_s` seconds each),
    and the transition, rounded up.
    """
    rest = exercise.dose.rest_s if rest_s is None else rest_s
    seconds = amount.sets * work_s(exercise, amount.size) + (amount.sets - 1) * rest
    return -(-(seconds + TRANSITION_S) // QUARTER_S)
