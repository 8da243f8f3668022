"""What services need of programs as they are done: sessions, missed ones, reminders, and what shows them."""

from __future__ import annotations  # types are all that this imports

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime, time
    from uuid import UUID

    from domain.feeds import Feed
    from domain.outcomes.records import Record
    from domain.reminders import Person, Reminder
    from domain.reports import Report
    from domain.sessions.events import Event
    from domain.sessions.missed import Due, Moved
    from domain.sessions.records import CheckIn, Entry, OpenSession, SessionDetail
    from domain.sessions.state import State
    from domain.videos import NewVideo, Video
    from domain.videos import Status as VideoStatus


class Training(Protocol):
    def calendar(self, first: date, last: date) -> list[Entry]:
        """The caller's own sessions of the active program, both days included."""
        ...

    def of_program(self, program_id: UUID) -> list[Entry]: ...

    def read(self, session_id: UUID) -> SessionDetail: ...

    def open(self, session_id: UUID) -> OpenSession:
        """One of the caller's own, locked until the unit ends."""
        ...

    def note(self, session_id: UUID, events: Sequence[Event], state: State) -> None: ...

    def move(self, program_id: UUID, revision: int, move: str, note: str | None) -> bool: ...

    def asked_for(self, program_id: UUID) -> dict[str, Any]: ...

    def check_in(
        self,
        check_in_id: UUID,
        program_id: UUID,
        answers: Mapping[str, str],
        level: str | None,
        flags: Sequence[str],
        advice_key: str | None,
    ) -> str | None: ...

    def check_ins(self, program_id: UUID, owner: UUID) -> list[CheckIn]: ...


class MissedSessions(Protocol):
    def strategy(self) -> str: ...

    def due(self, after: UUID | None, limit: int, now: datetime) -> list[Due]:
        """Active programs whose first open session may be past on their person's calendar."""
        ...

    def write(self, moved: Sequence[Moved]) -> int:
        """Returns how many sessions were moved or dropped."""
        ...

    def bases(self, program_id: UUID) -> dict[tuple[UUID, int], dict[str, Any]]:
        """Doses as they were before a re-entry, by session and position."""
        ...


class Reminders(Protocol):
    def people(self, after: UUID | None, limit: int, now: datetime) -> list[Person]:
        """With an active program and something to be reminded of on their day, by the program's id."""
        ...

    def write(self, reminders: Sequence[Reminder]) -> int:
        """Each with its e-mail in the same commit, unless it has been made before. Returns how many were made."""
        ...


class Feeds(Protocol):
    def count(self) -> int:
        """The caller's that work; two requests of one person count one after the other."""
        ...

    def add(self, feed_id: UUID, token_hash: bytes, starts_at: time | None) -> Feed: ...

    def page(self) -> list[Feed]: ...

    def revoke(self, feed_id: UUID) -> None: ...


class Reports(Protocol):
    def add(self, report_id: UUID, program_id: UUID, user_id: UUID) -> None:
        """Again: nothing happens."""
        ...

    def read(self, report_id: UUID) -> Report: ...

    def downloaded(self, report: Report) -> None: ...

    def finish(self, report_id: UUID, size: int, sha256: str, expires_at: datetime) -> None: ...


class OutcomeRecords(Protocol):
    def read(self, person: UUID) -> Record:
        """Everything that this person's outcomes are made of. Raises NotFound for whom the caller does not see."""
        ...


class Videos(Protocol):
    def known_exercises(self, exercises: Sequence[str]) -> list[str]: ...

    def add(self, video_id: UUID, upload_id: UUID, new: NewVideo) -> Video: ...

    def change(self, video_id: UUID, revision: int, values: Mapping[str, Any]) -> Video:
        """Raises StaleRevision unless the video still is at `revision`."""
        ...

    def move(
        self,
        video_id: UUID,
        revision: int,
        was: Sequence[VideoStatus],
        to: VideoStatus,
        values: Mapping[str, Any] | None = None,
    ) -> Video:
        """Raises VideoInOtherState unless it `was` in one of these states, and StaleRevision."""
        ...
