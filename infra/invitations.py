"""Invitations of a business in PostgreSQL. What a token opens is in infra/acceptance.py."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.errors import Forbidden, NotFound
from domain.members import Invitation, Wanted
from domain.pages import Page, Window
from infra import audit
from infra.listing import Listing
from infra.rows import Row, TenantConnection

# One that nobody has accepted in time is closed when somebody invites again; until then it only reads as expired.
_STATUS = "case when status = 'open' and expires_at <= now() then 'expired' else status end"
_COLUMNS = f"id, email, name, role, {_STATUS} as status, invited_by, user_id, created_at, expires_at, decided_at"
_ALL = Listing(
    f"""select {_COLUMNS} from invitations
        where tenant_id = %s and role = coalesce(%s, role) and {_STATUS} = coalesce(%s, {_STATUS})""",  # noqa: S608
    ("created_at", "id"),
    descending=True,
)


class InvitationRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

    def page(self, window: Window, *, role: str | None, status: str | None) -> Page[Invitation]:
        return _ALL.page(self._connection, (self._tenant_id, role, status), window, _invitation)

    def read(self, invitation_id: UUID) -> Invitation:
        return self._one(
            f"select {_COLUMNS} from invitations where tenant_id = %s and id = %s",  # noqa: S608 - our own column names
            (self._tenant_id, invitation_id),
        )

    def made_since(self, moment: datetime) -> int:
        [row] = self._connection.execute(
            "select count(*) as made from invitations where tenant_id = %s and created_at > %s and not imported",
            (self._tenant_id, moment),
        )
        made: int = row["made"]
        return made

    def known(self, emails: Sequence[str]) -> set[str]:
        """Which of these addresses are of somebody who is here. Of other tenants nothing is seen."""
        rows = self._connection.execute(
            """select lower(email) as email from users
               where tenant_id = %s and lower(email) = any(%s) and status <> 'removed'""",
            (self._tenant_id, list(emails)),
        )
        return {row["email"] for row in rows}

    def close_expired(self, emails: Sequence[str]) -> None:
        self._connection.execute(
            """update invitations set status = 'expired', decided_at = expires_at
               where tenant_id = %s and lower(email) = any(%s) and status = 'open' and expires_at <= now()""",
            (self._tenant_id, list(emails)),
        )

    def make(self, invitation_id: UUID, wanted: Wanted, days: int) -> tuple[Invitation, bool]:
        """The open invitation of this address, and whether it was made now. Raises Forbidden."""
        rows = self._connection.execute(
            f"""insert into invitations (tenant_id, id, email, name, role, invited_by, expires_at)
                values (%s, %s, %s, %s, %s, %s, now() + make_interval(days => %s))
                on conflict (tenant_id, lower(email)) where status = 'open' do nothing returning {_COLUMNS}""",  # noqa: S608
            (
                self._tenant_id,
                invitation_id,
                wanted.email,
                wanted.name,
                wanted.role,
                self._connection.context.user_id,
                days,
            ),
        )
        if rows:
            audit.record(self._connection, "invitation.made", "invitation", invitation_id, None)
            return _invitation(rows[0]), True
        open_one = self._one(
            f"""select {_COLUMNS} from invitations
                where tenant_id = %s and lower(email) = %s and status = 'open'""",  # noqa: S608
            (self._tenant_id, wanted.email),
        )
        return open_one, False

    def extend(self, invitation_id: UUID, days: int) -> Invitation | None:
        """It works for so many days from now on. None where it has been decided. Raises NotFound, Forbidden."""
        return self._change(
            invitation_id, "resent", "expires_at = greatest(expires_at, now() + make_interval(days => %s))", days
        )

    def revoke(self, invitation_id: UUID) -> Invitation | None:
        """None where it has been decided. Raises NotFound, Forbidden."""
        return self._change(invitation_id, "revoked", "status = %s, decided_at = now()", "revoked")

    def revoke_of(self, user_id: UUID | None) -> None:
        """What somebody who leaves has still open."""
        self._connection.execute(
            """update invitations set status = 'revoked', decided_at = now()
               where tenant_id = %s and invited_by = %s and status = 'open'""",
            (self._tenant_id, user_id),
        )

    def _change(self, invitation_id: UUID, what: str, change: str, value: object) -> Invitation | None:
        rows = self._connection.execute(
            f"""update invitations set {change} where tenant_id = %s and id = %s and status = 'open'
                returning {_COLUMNS}""",  # noqa: S608
            (value, self._tenant_id, invitation_id),
        )
        if not rows:
            if self.read(invitation_id).status in {"open", "expired"}:
                raise Forbidden  # it is there, and open: the policies do not let this role touch it
            return None
        audit.record(self._connection, f"invitation.{what}", "invitation", invitation_id, None)
        return _invitation(rows[0])

    def _one(self, query: str, params: tuple[Any, ...]) -> Invitation:
        rows = self._connection.execute(query, params)
        if not rows:
            raise NotFound
        return _invitation(rows[0])


def _invitation(row: Row) -> Invitation:
    return Invitation(**row)
