"""What services need of the audit log."""

from __future__ import annotations  # types are all that this imports

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from domain.audit import AuditEntry, AuditFilter
    from domain.pages import Page, Window


class AuditLog(Protocol):
    """Of one tenant, newest first."""

    def page(self, window: Window, wanted: AuditFilter) -> Page[AuditEntry]: ...

    def about_me(self, window: Window) -> Page[AuditEntry]:
        """What others did to the caller's records, or read of them."""
        ...


class OperatorsAuditLog(Protocol):
    """Of every tenant, newest first. To read it writes a row of it."""

    def page(self, window: Window, wanted: AuditFilter) -> Page[AuditEntry]: ...
