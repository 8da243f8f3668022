"""More pain never means more work (I31), as a number: the milder spec's plan bounds the volume of the worse one's."""

from domain.programs.dosing import work_s
from domain.programs.library import Library
from domain.programs.plan import Plan, Week
from domain.programs.spec import ProgramSpec, ceiling_of, rungs_of
from domain.programs.vocabulary import Severity

# The next milder severity with a pain (0-10) that stands for it; the plan depends on the severity alone.
MILDER: dict[Severity, tuple[Severity, int]] = {"severe": ("moderate", 4), "moderate": ("mild", 3)}


def milder(spec: ProgramSpec, library: Library) -> ProgramSpec | None:
    """The same spec one step down the pain ladder of its region; None on the lowest step."""
    if spec.severity not in MILDER:
        return None
    severity, pain = MILDER[spec.severity]
    left_behind = rungs_of(spec.region, spec.severity, library) - rungs_of(spec.region, severity, library)
    return spec.model_copy(
        update={
            "severity": severity,
            "pain": pain,
            "ceiling": ceiling_of(spec.level, severity),
            "conditions": tuple(name for name in spec.conditions if name not in left_behind),
        }
    )


def volume(plan: Plan, library: Library) -> tuple[int, ...]:
    """What more pain must not raise, week by week: of the main work sets times reps (or seconds of a hold), seconds
    under work, and reps alone (holds left out); and the reps of every line, warm-up included.
    """
    return tuple(amount for week in plan.weeks for amount in _of_week(week, library))


def _of_week(week: Week, library: Library) -> tuple[int, int, int, int]:
    size = work = reps = all_reps = 0
    for session in week.sessions:
        for item in session.items:
            each = item.reps or item.seconds or 0
            all_reps += item.sets * (item.reps or 0)
            if item.role == "main":
                size += item.sets * each
                work += item.sets * work_s(library.by_id[item.exercise], each)
                reps += item.sets * (item.reps or 0)
    return size, work, reps, all_reps
