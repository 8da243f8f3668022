"""A bulk action and its members, as the services see them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from domain.cohorts import Filter, SavedFilter

Action = Literal["assign", "remind", "regenerate", "archive", "export"]
Status = Literal["waiting", "running", "paused", "completed", "failed", "canceled"]
MemberStatus = Literal["pending", "skipped", "failed", "done"]
Format = Literal["csv", "xlsx"]

# Members of one chunk: one transaction, and what a pause waits for at most. A program may have to be solved.
CHUNK_MEMBERS: dict[Action, int] = {"assign": 500, "remind": 500, "regenerate": 50, "archive": 500}
MOST_SAMPLES = 5  # of those with the same prospect
MEMBERS_KEPT_DAYS = 30

# Which state leads on from which.
ALLOWED: dict[str, frozenset[Status]] = {
    "pause": frozenset({"waiting", "running"}),
    "resume": frozenset({"paused"}),
    "cancel": frozenset({"waiting", "running", "paused"}),
}
FINAL: frozenset[Status] = frozenset({"completed", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class Options:
    """`template`: what is assigned; of regenerate, only programs from it. `again`: assign it also to who has handed it
    in before. `format`: of an export.
    """

    template: str | None = None
    again: bool = False
    format: Format = "csv"


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants done, and for whom. `expected` is how many a dry run has told them."""

    action: Action
    filter: Filter
    options: Options
    expected: int = 0

    @property
    def kept_filter(self) -> dict[str, Any]:
        """Without what says who somebody is: it would outlive the erasure of whom it names."""
        return self.filter.model_dump(mode="json", include=set(SavedFilter.model_fields), exclude_none=True)

    @property
    def narrowed(self) -> list[str]:
        """The names of the conditions that are not in `kept_filter`."""
        return sorted(set(self.filter.model_dump(exclude_none=True)) - set(SavedFilter.model_fields))


@dataclass(frozen=True, slots=True)
class BulkAction:
    """`position` is the number of the last member that a chunk came to; `run_base` how many were done with when the
    present run began, at `run_started_at`.
    """

    id: UUID
    created_by: UUID
    action: Action
    filter: dict[str, Any]
    narrowed: list[str]
    options: Options
    status: Status
    revision: int
    to_do: int
    position: int
    done: int
    skipped: int
    failed: int
    run_started_at: datetime | None
    run_base: int
    error_code: str | None
    correlation_id: str
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def worked_on(self) -> int:
        return self.done + self.skipped + self.failed


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would become of one member: `code` is why nothing would be done, None where it would. `subject` is what it
    would be done to, `kind` of what it is (of a reminder, what is due).
    """

    user_id: UUID
    code: str | None
    number: int = 0
    kind: str | None = None
    subject: UUID | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one member. `code` is why it was not done, or what else there is to say."""

    number: int
    user_id: UUID
    status: MemberStatus
    code: str | None = None
    result_type: str | None = None
    result_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """One of those whom an action is for, to be shown."""

    user_id: UUID
    external_id: str | None
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class ShownOutcome:
    outcome: Outcome
    person: Person


@dataclass(frozen=True, slots=True)
class Sample:
    person: Person
    code: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be done. `reasons`: how many would be skipped, by code."""

    count: int
    will_do: int
    reasons: dict[str, int]
    sample: list[Sample] = field(default_factory=list)
