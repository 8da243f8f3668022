"""A generated program as data. Everything in it is a function of the spec: no clock, no ids, no names of people."""

from typing import Literal

from pydantic import Field

from domain.programs.library import Frozen
from domain.programs.spec import ProgramSpec
from domain.programs.vocabulary import Role


class Item(Frozen):
    """One prescribed line. `reps` or `seconds` per set and per side; `minutes` in quarters; `effort` 0-10.

    `why` are the rule ids that admitted and chose it; explain.sentence() turns one into words.
    """

    exercise: str
    role: Role
    sets: int = Field(ge=1)
    reps: int | None = None
    seconds: int | None = None
    rest_s: int = Field(ge=0)
    minutes: float
    effort: int = Field(ge=0, le=10)
    why: tuple[str, ...]


class Session(Frozen):
    """`number` from 1 in its week, `day` 0 = Monday, `minutes` the exact sum of its items."""

    number: int
    day: int = Field(ge=0, le=6)
    minutes: float
    items: tuple[Item, ...]


class Week(Frozen):
    number: int
    deload: bool
    sessions: tuple[Session, ...]


class Plan(Frozen):
    """The program and its proof: objective of the peak week, the proven bound and gap if the solver has them."""

    spec: ProgramSpec
    weeks: tuple[Week, ...]
    reassess_week: int
    solver: Literal["highs", "greedy"]
    objective: int
    bound: int | None
    gap: float | None
    relaxed: tuple[str, ...]
    input_hash: str
    library_hash: str
    engine_version: str

    @property
    def session_count(self) -> int:
        return sum(len(week.sessions) for week in self.weeks)
