"""Who of a business a filter means. Flat: every condition holds at once, each at most once."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, Protocol
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.members import Member, MemberStatus
from domain.pages import Page, Window

if TYPE_CHECKING:
    from domain.cohort_groups import CohortQuery, Group

MOST_VIEWS = 50  # of one business

Role = Literal["business_owner", "business_admin", "clinician", "member"]
ProgramStatus = Literal["pending_review", "active", "paused_safety", "rejected", "archived", "ended"]
Slug = Annotated[str, Field(max_length=64, pattern=r"^[a-z][a-z0-9-]*$")]
Percent = Annotated[int, Field(strict=True, ge=1, le=100)]
Prefix = Annotated[str, Field(min_length=1, max_length=100)]


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScaleOf(Closed):
    template: Slug = Field(examples=["low-back-pain"])
    scale: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")] = Field(examples=["nprs"])


class Changed(ScaleOf):
    """A scale's change from the first attempt to the latest one reaches the smallest change that matters, this way."""

    direction: Literal["better", "worse"]


class SavedFilter(Closed):
    """What may be kept under a name: nothing in it says who somebody is.

    `template`: has handed in answers to it. `program_status`: has a program in one of these. Activity: handed in
    answers, or ended a session. Percents are of the program under way; who has none is not found by them.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"program_status": ["active"], "adherence_below": 50}]})

    role: Annotated[tuple[Role, ...], Field(min_length=1, max_length=4)] | None = None
    status: Annotated[tuple[MemberStatus, ...], Field(min_length=1, max_length=5)] | None = None
    template: Slug | None = None
    program_status: Annotated[tuple[ProgramStatus, ...], Field(min_length=1, max_length=6)] | None = None
    active_since: AwareDatetime | None = None
    inactive_since: AwareDatetime | None = Field(default=None, description="No activity then or later.")
    completion_below: Percent | None = None
    adherence_below: Percent | None = None
    changed: Changed | None = None


class Filter(SavedFilter):
    """Prefixes regardless of case."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": ["member"], "adherence_below": 50}]})

    external_id: Prefix | None = None
    email: Prefix | None = None
    name: Prefix | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """`completion` and `adherence` in percent, None without a program under way or before anything was due."""

    member: Member
    external_id: str | None
    program_status: str | None
    completion: int | None
    adherence: int | None
    last_activity_at: datetime | None


@dataclass(frozen=True, slots=True)
class View:
    id: UUID
    name: str
    filter: SavedFilter
    created_by: UUID
    revision: int
    created_at: datetime
    updated_at: datetime


class Cohorts(Protocol):
    """Of one business."""

    def page(self, window: Window, wanted: Filter) -> Page[Found]:
        """In the order in which they came. Leaves an audit row."""
        ...

    def groups(self, wanted: "CohortQuery") -> "list[Group]":
        """As counted, before anything is hidden. Leaves an audit row."""
        ...

    def views(self) -> list[View]: ...

    def count_views(self) -> int:
        """Nobody else adds one before this unit ends."""
        ...

    def add_view(self, view_id: UUID, name: str, wanted: SavedFilter) -> View: ...

    def read_view(self, view_id: UUID) -> View: ...

    def change_view(self, view_id: UUID, revision: int, name: str, wanted: SavedFilter) -> View:
        """Raises NotFound, StaleRevision."""
        ...

    def delete_view(self, view_id: UUID, revision: int) -> None:
        """Raises NotFound, StaleRevision."""
        ...
