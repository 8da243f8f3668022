"""More pain never means more work (I31), as a number: the milder spec's plan bounds the volume of the worse one's."""

from domain.programs.dosing import work_s
from domain.programs.library import Library
from domain.programs.plan import Item, Plan, Week
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
    """Main work of each week in two measures: sets times reps (or seconds of a hold), and seconds under work."""
    found = []
    for week in plan.weeks:
        main = [(item, item.reps or item.seconds or 0) for item in _items(week) if item.role == "main"]
        found.append(sum(item.sets * size for item, size in main))
        found.append(sum(item.sets * work_s(library.by_id[item.exercise], size) for item, size in main))
    return tuple(found)


def repetitions(plan: Plan) -> tuple[int, ...]:
    """Reps of each week, holds left out: of the main work, and of every line."""
    found = []
    for week in plan.weeks:
        reps = [(item.role, item.sets * (item.reps or 0)) for item in _items(week)]
        found += [sum(count for role, count in reps if role == "main"), sum(count for _, count in reps)]
    return tuple(found)


def _items(week: Week) -> list[Item]:
    return [item for session in week.sessions for item in session.items]
