"""What services need of the people of a tenant: who is in it, who is asked in, and what they are told."""

from __future__ import annotations  # types are all that this imports

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from domain.emails import Email
    from domain.jobs import Job
    from domain.members import Invitation, Member, Wanted
    from domain.notifications import Notification
    from domain.pages import Page, Window
    from domain.webhooks import Delivery, Endpoint
    from domain.webhooks import Wanted as WantedWebhook


class Business(Protocol):
    def settings(self) -> dict[str, Any]: ...

    def change(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The settings with `changes`; None takes one away."""
        ...


class Members(Protocol):
    def page(self, window: Window, *, role: str | None, status: str | None, search: str | None) -> Page[Member]: ...

    def read(self, member_id: UUID) -> Member:
        """Leaves a row in the audit log where it is somebody else."""
        ...

    def get(self, member_id: UUID | None) -> Member: ...

    def change(
        self, member_id: UUID, revision: int, action: str, *, role: str | None = None, status: str | None = None
    ) -> Member:
        """Raises StaleRevision, Forbidden, LastOwner."""
        ...

    def step_down(self) -> None:
        """The caller, an owner, becomes an administrator."""
        ...

    def business_name(self) -> str: ...


class Invitations(Protocol):
    def page(self, window: Window, *, role: str | None, status: str | None) -> Page[Invitation]: ...

    def read(self, invitation_id: UUID) -> Invitation: ...

    def made_since(self, moment: datetime) -> int: ...

    def known(self, emails: Sequence[str]) -> set[str]:
        """Which of these addresses are of somebody who is here."""
        ...

    def close_expired(self, emails: Sequence[str]) -> None: ...

    def make(self, invitation_id: UUID, wanted: Wanted, days: int) -> tuple[Invitation, bool]:
        """The open invitation of this address, and whether it was made now."""
        ...

    def extend(self, invitation_id: UUID, days: int) -> Invitation | None: ...

    def revoke(self, invitation_id: UUID) -> Invitation | None: ...

    def revoke_of(self, user_id: UUID | None) -> None:
        """What somebody who leaves has still open."""
        ...


class Notifications(Protocol):
    def page(self, window: Window, *, unread: bool) -> Page[Notification]:
        """The caller's own, newest first."""
        ...

    def since(self, moment: datetime) -> Sequence[Notification]:
        """The caller's own made after `moment`, oldest first."""
        ...

    def mark_read(self, notification_id: UUID) -> Notification: ...


class Emails(Protocol):
    def queue(self, kind: str, to_user: UUID | None, to_address: str, params: Mapping[str, str]) -> Job:
        """An e-mail and its job, in the outbox with this unit. `params` hold no health data."""
        ...

    def read(self, email_id: UUID | None) -> Email: ...

    def add_token(self, invitation_id: str, token_hash: bytes) -> bool:
        """Whether the invitation is still open; then this token opens it too."""
        ...

    def end(self, email_id: UUID | None, status: str) -> None: ...


class Webhooks(Protocol):
    def count(self) -> int:
        """How many endpoints there are; nobody else adds one before this unit ends."""
        ...

    def read(self, endpoint_id: UUID) -> Endpoint: ...

    def add(self, endpoint_id: UUID, wanted: WantedWebhook, sealed: bytes) -> Endpoint: ...

    def change(self, endpoint_id: UUID, revision: int, wanted: WantedWebhook) -> Endpoint | None:
        """None where it is not there in this revision."""
        ...

    def add_test(self, endpoint_id: UUID, delivery_id: UUID) -> Delivery: ...

    def resend(self, endpoint_id: UUID, delivery_id: UUID) -> Delivery: ...

    def replay(self, endpoint_id: UUID, since: datetime, until: datetime) -> int:
        """How many there were."""
        ...
