"""What services need of a person's own: profile, consents, a copy of everything, erasure."""

from __future__ import annotations  # types are all that this imports

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from uuid import UUID

    from domain.rights import Asked, Consent, Document, Erasure, Export, Profile


class Profiles(Protocol):
    """The caller's own."""

    def read(self) -> Profile: ...

    def change(self, revision: int, changes: Mapping[str, str]) -> Profile:
        """Raises StaleRevision unless the profile still is at `revision`."""
        ...

    def knows_time_zone(self, name: str) -> bool: ...


class Consents(Protocol):
    def asked(self) -> dict[Document, Asked]:
        """Every document's text in force, with what the caller said last."""
        ...

    def said(self) -> list[Consent]:
        """By the caller, newest first."""
        ...

    def say(self, consent_id: UUID, document: Document, version: str, *, given: bool) -> Consent: ...


class Exports(Protocol):
    def add(self, export_id: UUID, person: UUID) -> None: ...

    def page(self, person: UUID) -> list[Export]: ...

    def read(self, person: UUID, export_id: UUID) -> Export: ...

    def downloaded(self, export: Export) -> None: ...

    def finish(self, export_id: UUID, size: int, sha256: str, expires_at: datetime) -> None: ...

    def has_person(self, person: UUID) -> bool:
        """Whether there is somebody here whose records are not erased."""
        ...

    def rows(self, person: UUID, section: str) -> Iterator[dict[str, Any]]:
        """All rows of a section, read in parts."""
        ...


class Erasures(Protocol):
    def schedule(self, delay_s: float) -> Erasure:
        """Of the caller. Raises LastOwner."""
        ...

    def add_token(self, person: UUID, token_hash: bytes) -> bool:
        """Whether it can still be taken back; then who shows this token can."""
        ...

    def restore(self, person: UUID) -> None:
        """Raises NotFound where there is nothing to take back any more."""
        ...

    def begin(self, person: UUID) -> list[str] | None:
        """The subjects of the person's logins, from where there is no way back; None where nothing is due."""
        ...

    def erase(self, person: UUID, most: int) -> bool:
        """Delete about `most` rows; whether they were the last."""
        ...
