"""An import and its rows, as the services see them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Kind = Literal["members", "assessments", "programs"]
Mode = Literal["validate_only", "best_effort", "atomic"]
OnDuplicate = Literal["skip", "update", "fail"]
Status = Literal[
    "uploading", "validating", "invalid", "ready", "waiting", "running", "paused", "completed", "failed", "canceled",
    "undoing", "undone",
]  # fmt: skip
RowStatus = Literal["pending", "skipped", "failed", "done", "undone"]
Format = Literal["csv", "ndjson", "json", "xlsx"]
Intake = Literal["invite", "add"]

Cell = Any
"""A text from a table; from JSON also a number, a truth value, a list or an object."""


@dataclass(frozen=True, slots=True)
class RowIssue:
    """What is wrong with a row, and in which column (as the file names it). Never a value."""

    column: str | None
    code: str


@dataclass(frozen=True, slots=True)
class Options:
    """What the uploader chose beside kind and mode. `mapping` is column of the file -> column of ours."""

    mapping: dict[str, str] = field(default_factory=dict)
    template: str | None = None
    intake: Intake = "invite"


@dataclass(frozen=True, slots=True)
class Import:
    """`position` is the number of the last row that a chunk came to; `run_base` how many rows were done with when the
    present run began, at `run_started_at`.
    """

    id: UUID
    created_by: UUID
    kind: Kind
    mode: Mode
    on_duplicate: OnDuplicate
    options: Options
    status: Status
    revision: int
    format: Format | None
    size: int | None
    sha256: str | None
    columns: list[str]
    staged: int
    last_row: int
    position: int
    counts: dict[str, int]
    done: int
    skipped: int
    failed: int
    undone: int
    to_do: int
    run_started_at: datetime | None
    run_base: int
    error_code: str | None
    error_row: int | None
    correlation_id: str
    created_at: datetime
    updated_at: datetime
    validated_at: datetime | None
    confirmed_at: datetime | None
    finished_at: datetime | None

    @property
    def worked_on(self) -> int:
        """Rows of the run that are done with."""
        return self.undone if self.status in {"undoing", "undone"} else self.done + self.skipped + self.failed


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file. `number` is what a spreadsheet shows."""

    number: int
    cells: list[Cell]
    action: str | None
    status: RowStatus
    issues: list[RowIssue]
    user_id: UUID | None = None
    key: str | None = None
    email: str | None = None
    result_type: str | None = None
    result_id: UUID | None = None
    before: dict[str, Any] | None = None
