"""What services need of programs: as they were made, reviewed, and changed by what was learned."""

from __future__ import annotations  # types are all that this imports

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from domain.pages import Page, Window
    from domain.programs.library import Library
    from domain.records import Program, ProgramHead, WaitingProgram
    from domain.sessions.records import Adaptation


class Programs(Protocol):
    def solved(self, input_hash: str) -> dict[str, Any] | None: ...

    def read(self, program_id: UUID) -> Program: ...

    def head(self, program_id: UUID) -> ProgramHead: ...

    def page(self, window: Window, status: str | None) -> Page[ProgramHead]:
        """What the caller may see, newest first."""
        ...

    def work_on(self, program_id: UUID) -> Program:
        """Without a row in the audit log, for workers."""
        ...

    def rewrite(
        self, program_id: UUID, revision: int, sessions: Sequence[Mapping[str, Any]], proof: Mapping[str, Any]
    ) -> Program:
        """Replace lines of a program that waits for review. Raises StaleRevision unless it still is at `revision`."""
        ...


class Reviews(Protocol):
    def queue(self, window: Window) -> Page[WaitingProgram]: ...

    def decide(self, program_id: UUID, revision: int, decision: str, note: str | None) -> bool:
        """Whether it waited for a decision. Raises StaleRevision, NotFound."""
        ...


class Libraries(Protocol):
    def get(self, content_hash: str) -> Library: ...


class Adaptations(Protocol):
    def session(self, session_id: UUID | None) -> dict[str, Any]: ...

    def told(self, session_id: UUID) -> int:
        """By how many events."""
        ...

    def hold_session(self, session_id: UUID) -> None:
        """Nothing is reported of it until the unit ends."""
        ...

    def history(self, program_id: UUID) -> list[dict[str, Any]]: ...

    def decided(self, session_id: UUID | None) -> dict[str, list[str]]: ...

    def hold(self, program_id: UUID, revision: int) -> bool: ...

    def untouched(self, session_ids: Sequence[UUID]) -> bool:
        """Whether nobody has begun any of these sessions; and nobody does before the unit ends."""
        ...

    def write_lines(
        self,
        lines: Sequence[Mapping[str, Any]],
        gone: Sequence[Mapping[str, Any]],
        minutes: Sequence[Mapping[str, Any]],
    ) -> None: ...

    def add(self, made: Sequence[Mapping[str, Any]]) -> None: ...

    def reassess(self, program_id: UUID, user_id: UUID) -> None: ...

    def tell(self, kind: str, program_id: UUID, user_id: UUID) -> None: ...

    def tell_staff(self, kind: str, program_id: UUID, but: UUID | None = None) -> None: ...

    def record(self, action: str, program_id: UUID, user_id: UUID) -> None: ...

    def get(self, adaptation_id: UUID) -> Adaptation: ...

    def settle(
        self, adaptation: Adaptation, status: str, note: str | None, changes: Sequence[Mapping[str, Any]]
    ) -> Adaptation: ...
