"""What bulk actions need from the outside; infra/bulk_actions.py and infra/bulk_action_effects.py provide it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from domain.bulk_actions.model import BulkAction, Order, Outcome, Preview, Prospect, ShownOutcome, Status
from domain.bulk_runs import Runs
from domain.cohorts import Found
from domain.pages import Page, Window


class BulkActions(Runs[BulkAction], Protocol):
    def preview(self, order: Order, slugs: Sequence[str], now: datetime) -> Preview:
        """Leaves an audit row: it shows some of whom it means."""
        ...

    def add(self, order: Order, action_id: UUID, created_by: UUID, correlation_id: str) -> BulkAction:
        """With a row for everybody whom the filter means now, in one statement; `to_do` says how many they are."""
        ...

    def end(self, action_id: UUID, status: Status, error_code: str | None = None) -> BulkAction: ...

    def chunk(self, found: BulkAction, slugs: Sequence[str], now: datetime, most: int) -> list[Prospect]:
        """The next members, judged as in a preview."""
        ...

    def judged(self, found: BulkAction, people: Sequence[UUID], slugs: Sequence[str], now: datetime) -> dict[UUID, str]:
        """Of these, who is not to be touched any more, and why. Until this unit ends no program of theirs is paused."""
        ...

    def has_more(self, found: BulkAction) -> bool: ...

    def keep_outcomes(self, action_id: UUID, outcomes: Sequence[Outcome]) -> None: ...

    def advance(self, found: BulkAction, outcomes: Sequence[Outcome]) -> BulkAction:
        """The checkpoint of a chunk. Raises LeaseLost: then nothing of it may be committed."""
        ...

    def members(self, action_id: UUID, window: Window, status: str | None) -> Page[ShownOutcome]:
        """Leaves an audit row."""
        ...

    def all_members(self, action_id: UUID) -> Iterator[ShownOutcome]: ...

    def exported(self, found: BulkAction, after: int, most: int) -> list[tuple[int, Found]]:
        """The members after this number, as cohorts show them."""
        ...

    def finish_export(self, found: BulkAction) -> BulkAction:
        """Everybody is done but those who have been erased."""
        ...

    def has_file(self, action_id: UUID, days: int) -> bool: ...


class ActionEffects(Protocol):
    """`who`: actor, role and correlation id, for the audit log."""

    def assign(
        self, rows: Sequence[Mapping[str, Any]], template_id: UUID, who: tuple[UUID, str, str]
    ) -> dict[UUID, UUID]:
        """An open assessment for each `person`, with its `assessment`; told as they wish. Returns those that were made,
        by person.
        """
        ...

    def remind(self, rows: Sequence[Mapping[str, Any]], who: tuple[UUID, str, str]) -> set[UUID]:
        """Each `person` of the `subject` of this `kind`. Returns who was."""
        ...
