"""Replays: what operators order about dead letters, and what the replayer does with each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from domain.dead_letters import DeadLetter, LetterFilter
from domain.jobs import Stage

Mode = Literal["dry_run", "shadow", "execute"]
State = Literal["waiting", "running", "paused", "done", "stopped", "canceled"]

ENDED: frozenset[str] = frozenset({"done", "stopped", "canceled"})
# From which states an operator's word takes a replay where.
STEPS: Mapping[str, tuple[frozenset[str], State]] = {
    "pause": (frozenset({"running"}), "paused"),
    "resume": (frozenset({"paused"}), "running"),
    "cancel": (frozenset({"waiting", "running", "paused"}), "canceled"),
    "confirm": (frozenset({"waiting"}), "running"),
}
# Stages whose whole effect is in PostgreSQL, so that a rolled-back transaction leaves nothing of them.
SHADOWABLE: frozenset[Stage] = frozenset({"scoring", "generating"})
MAX_LETTERS = 10_000
MAX_RATE = 500.0


@dataclass(frozen=True, slots=True)
class Selector:
    """Which letters: `ids`, or those that `filter` finds among the open ones."""

    ids: tuple[UUID, ...] = ()
    filter: LetterFilter = field(default_factory=LetterFilter)


@dataclass(frozen=True, slots=True)
class Canary:
    """The first `first` letters go alone; the rest only where no more than this share of them failed (0 up to 1)."""

    first: int
    max_failure_share: float


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator asks for. `expected_count` is how many letters they have been told that the selector finds;
    `rate` is letters a second; `key` makes asking twice harmless.
    """

    selector: Selector
    mode: Mode
    reason: str
    expected_count: int | None
    most: int
    rate: float
    canary: Canary | None
    key: str
    request_hash: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the selected letters are of one kind and one tenant."""

    kind: str | None
    tenant_id: UUID | None
    tenant: str | None
    count: int


@dataclass(frozen=True, slots=True)
class DryRun:
    """What an order would do. `over_limit` of them have been replayed so often that a second operator has to agree."""

    count: int
    taken: int
    over_limit: int
    shares: list[Share]
    sample: list[DeadLetter]


@dataclass(frozen=True, slots=True)
class Replay:
    """`outcomes`: letters by what became of them. `settled`: nothing more will change."""

    id: UUID
    mode: Mode
    state: State
    selector: Mapping[str, Any]
    reason: str
    operator_id: UUID
    confirmed_by: UUID | None
    total: int
    rate: float
    canary_first: int | None
    canary_share: float | None
    canary_passed: bool
    created_at: datetime
    finished_at: datetime | None
    outcomes: Mapping[str, int]
    skipped: Mapping[str, int]

    @property
    def settled(self) -> bool:
        return self.state in ENDED and not self.outcomes.get("replayed")


@dataclass(frozen=True, slots=True)
class ReplayedLetter:
    """One letter of a replay, in the order of `position`. `reason`: why it was skipped. `report`: of a shadow."""

    letter_id: UUID
    tenant_id: UUID | None
    position: int
    outcome: str
    reason: str | None
    report: Mapping[str, Any] | None
    replayed_at: datetime | None
    ended_at: datetime | None
