"""What the checks have in common: a plan opened up, and how a finding is said."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from domain.programs.library import Exercise, Library
from domain.programs.plan import Item, Plan, Session, Week
from domain.programs.spec import ProgramSpec

QUARTERS = 4
MOST_STRENGTH_DAYS = 4  # a fifth day is for mobility and cardio
FIVE_STRENGTH_DAYS = "1.0.0"  # the engine before that rule; its programs are held to the rules of their making


@dataclass(frozen=True)
class Violation:
    """A broken rule: its id, where in the plan, and what is wrong."""

    rule: str
    where: str
    message: str


@dataclass(frozen=True)
class Facts:
    """A plan with what it claims to answer."""

    plan: Plan
    spec: ProgramSpec
    library: Library

    @cached_property
    def exercises(self) -> dict[str, Exercise]:
        return {exercise.id: exercise for exercise in self.library.exercises}

    def lines(self) -> Iterator[tuple[str, Week, Session, Item, Exercise]]:
        """Every prescribed line whose exercise exists."""
        for week in self.plan.weeks:
            for session in week.sessions:
                for place, item in enumerate(session.items):
                    if item.exercise in self.exercises:
                        where = f"week {week.number} session {session.number} item {place + 1}"
                        yield where, week, session, item, self.exercises[item.exercise]

    def main(self, session: Session) -> list[tuple[Item, Exercise]]:
        return [(item, self.exercises[item.exercise]) for item in session.items if item.role == "main"]

    def sessions(self) -> Iterator[tuple[str, Week, Session]]:
        for week in self.plan.weeks:
            for session in week.sessions:
                yield f"week {week.number} session {session.number}", week, session

    def mobility_day(self, session: Session) -> bool:
        """Whether the session must be the one of mobility and cardio."""
        return session.number > self.strength_days

    @property
    def strength_days(self) -> int:
        if self.plan.engine_version == FIVE_STRENGTH_DAYS:
            return self.spec.days
        return min(self.spec.days, MOST_STRENGTH_DAYS)

    def loading(self) -> list[Week]:
        return [week for week in self.plan.weeks if not week.deload]


def work_seconds(item: Item, exercise: Exercise) -> int:
    """Seconds under work of a whole line: sets, both sides when they are done one after the other."""
    once = item.reps * (exercise.dose.sec_per_rep or 0) if item.reps is not None else item.seconds or 0
    return item.sets * once * (2 if exercise.laterality == "unilateral" else 1)


def half_sets(pairs: list[tuple[Item, Exercise]]) -> dict[str, int]:
    """Half-sets per muscle: a direct set is two, an indirect one is one."""
    found: dict[str, int] = {}
    for item, exercise in pairs:
        for worth, muscles in ((2, exercise.primary_muscles), (1, exercise.secondary_muscles)):
            for muscle in muscles:
                found[muscle] = found.get(muscle, 0) + worth * item.sets
    return found
