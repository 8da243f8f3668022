"""Who is of a business, and who is asked to be."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from domain.tenancy import OWNING_ROLES

# What a role may be changed to; owner only by a transfer.
Assignable = Literal["business_admin", "clinician", "member"]
MemberStatus = Literal["active", "suspended", "removed", "erasing", "erased"]
# Whose membership can still be changed; who has gone can be invited again.
HERE: frozenset[str] = frozenset({"active", "suspended"})

InvitationStatus = Literal["open", "accepted", "revoked", "expired"]
# How many days an invitation works, unless the business has chosen otherwise within these.
DAYS, FEWEST_DAYS, MOST_DAYS = 14, 1, 60
# Invitations of one business within 24 hours: nobody sends mail through us in bulk.
MOST_A_DAY = 1_000


@dataclass(frozen=True, slots=True)
class Member:
    """`name` is empty where nobody has given one; `revision` grows with every change."""

    id: UUID
    email: str
    name: str
    role: str
    status: MemberStatus
    parent_business_id: UUID | None
    revision: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody to invite; `email` as domain.accounts.normalised() has it."""

    email: str
    role: Assignable
    name: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    id: UUID
    email: str
    name: str
    role: Assignable
    status: InvitationStatus
    invited_by: UUID
    user_id: UUID | None
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class FoundInvitation:
    """What a token opens. `account`: where its login is, `none`, `here`, `left` (has left another tenant) or
    `elsewhere`.
    """

    tenant_id: UUID
    id: UUID
    email: str
    name: str
    role: str
    status: InvitationStatus
    expires_at: datetime
    invited_by: UUID
    business: str
    account: str


def may_invite(role: str, invited: str) -> bool:
    """Whoever runs the business invites to every role but owner, a clinician invites members. PostgreSQL's policy on
    `invitations` says the same.
    """
    return role in OWNING_ROLES or (role == "clinician" and invited == "member")
