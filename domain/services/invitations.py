"""Invite people, and let them in."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

from domain.accounts import AddressTaken, Found, NewUser, password_faults
from domain.emails import ROLES
from domain.errors import (
    AlreadyHasAccount,
    Forbidden,
    InvitationDecided,
    InvitationNotOpen,
    RequestInFlight,
    TooManyRequests,
    WeakPassword,
)
from domain.jobs import Job
from domain.members import MOST_A_DAY, FoundInvitation, Invitation, Member, Wanted, may_invite
from domain.ports import UnitOfWork
from domain.services import business
from domain.services.emails import hash_of

ROUTE = "invite_members"
_A_DAY_S = 24 * 3600
# What may come between looking for a login and making it is another attempt of the same person: twice is enough.
_TRIES = 3

Outcome = Literal["invited", "already_invited", "already_member"]


@dataclass(frozen=True, slots=True)
class Invited:
    """What became of one wish. `invitation` is None for who is a member already."""

    email: str
    outcome: Outcome
    invitation_id: UUID | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer to one call, and the jobs whose e-mails it caused; none for a replay."""

    results: list[Invited]
    jobs: list[Job]
    replayed: bool


def invite(
    uow: UnitOfWork, wanted: Sequence[Wanted], key: str, body_hash: str, now: datetime, new_id: Callable[[], UUID]
) -> Asked:
    """Each by itself: who is a member or invited already is said so, and the others are invited all the same.

    Raises Forbidden for a role that the caller may not invite to, TooManyRequests beyond MOST_A_DAY,
    IdempotencyKeyReused, RequestInFlight. Then nobody is invited.
    """
    if not all(may_invite(uow.context.role, each.role) for each in wanted):
        raise Forbidden
    kept = uow.keys.claim(ROUTE, key, body_hash)
    if kept is not None:
        return Asked([_from_json(each) for each in kept["results"]], [], replayed=True)
    if uow.invitations.made_since(now - timedelta(days=1)) + len(wanted) > MOST_A_DAY:
        raise TooManyRequests(_A_DAY_S)
    emails = [each.email for each in wanted]
    members = uow.invitations.known(emails)
    uow.invitations.close_expired(emails)
    days = business.read(uow).invitation_days
    results, jobs = [], []
    for each in wanted:
        if each.email in members:
            results.append(Invited(each.email, "already_member", None, None))
            continue
        invitation, made = uow.invitations.make(new_id(), each, days)
        if made:
            jobs.append(_write(uow, invitation))
        outcome: Outcome = "invited" if made else "already_invited"
        results.append(Invited(each.email, outcome, invitation.id, invitation.expires_at))
    uow.keys.keep(ROUTE, key, {"results": [_to_json(each) for each in results]})
    return Asked(results, jobs, replayed=False)


def resend(uow: UnitOfWork, invitation_id: UUID) -> tuple[Invitation, Job]:
    """Another e-mail, and the full time again; the links that went out before work too.

    Raises InvitationDecided, Forbidden, NotFound.
    """
    invitation = uow.invitations.extend(invitation_id, business.read(uow).invitation_days)
    if invitation is None:
        raise InvitationDecided
    return invitation, _write(uow, invitation)


def revoke(uow: UnitOfWork, invitation_id: UUID) -> Invitation:
    """From now on no link of it works. Again: as it is. Raises InvitationDecided for one that was accepted."""
    revoked = uow.invitations.revoke(invitation_id) or uow.invitations.read(invitation_id)
    if revoked.status == "accepted":
        raise InvitationDecided
    return revoked


def _write(uow: UnitOfWork, invitation: Invitation) -> Job:
    """The e-mail; the worker that sends it makes the token (domain/services/emails.py)."""
    inviter = uow.members.get(uow.context.user_id)
    params = letter_params(uow.members.business_name(), inviter, invitation.id, invitation.role, invitation.expires_at)
    return uow.emails.queue("invitation", None, invitation.email, params)


def letter_params(business_name: str, inviter: Member, invitation: UUID, role: str, until: datetime) -> dict[str, str]:
    """What the text of an invitation names."""
    return {
        "invitation": str(invitation),
        "business": business_name,
        "inviter": inviter.name or inviter.email,
        "role": ROLES[role],
        "until": f"{until:%d %B %Y}",
    }


def _to_json(invited: Invited) -> dict[str, Any]:
    return {name: str(value) if value is not None else None for name, value in asdict(invited).items()}


def _from_json(kept: dict[str, Any]) -> Invited:
    made, expires = kept["invitation_id"], kept["expires_at"]
    return Invited(
        kept["email"],
        kept["outcome"],
        UUID(made) if made else None,
        datetime.fromisoformat(expires) if expires else None,
    )


# --- with the token ---


class Book(Protocol):
    """Invitations as a token opens them. No connection is held between two calls."""

    def find(self, token_hash: bytes, subject: str | None = None) -> FoundInvitation | None: ...

    def accept(self, token_hash: bytes, subject: str, user_id: UUID, name: str, request_id: str) -> str: ...


class Pool(Protocol):
    """The user pool."""

    def find(self, username: str) -> Found | None: ...

    def create_confirmed(self, user: NewUser) -> str: ...

    def set_password(self, subject: str, password: str) -> None: ...

    def set_enabled(self, username: str, *, enabled: bool) -> None: ...

    def set_role(self, username: str, role: str) -> None: ...

    def delete(self, subject: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepts. `password` and `name` are for who has no login here yet."""

    token: str
    password: str | None
    name: str | None


def look(book: Book, token: str) -> FoundInvitation:
    """Raises InvitationNotOpen; one that was accepted is still shown."""
    found = book.find(hash_of(token))
    if found is None or found.status not in {"open", "accepted"}:
        raise InvitationNotOpen
    return found


def accept(book: Book, pool: Pool, asked: Acceptance, user_id: UUID, request_id: str) -> FoundInvitation:
    """Make the login, then the membership. Each step may be the last one before a crash, and the next attempt
    carries on: a login that is nobody's yet is taken over if it was made for this tenant, and replaced otherwise; its
    membership is made once. After it, the token only says again that it was accepted.

    Raises InvitationNotOpen, AlreadyHasAccount, WeakPassword, RequestInFlight, Unavailable.
    """
    token_hash = hash_of(asked.token)
    found = look(book, asked.token)
    if found.status == "accepted":
        return found
    subject = _login(book, pool, found, token_hash, asked)
    match book.accept(token_hash, subject, user_id, asked.name or found.name, request_id):
        case "accepted":
            return found
        case "elsewhere":
            raise AlreadyHasAccount
        case _:
            raise InvitationNotOpen


def _login(book: Book, pool: Pool, found: FoundInvitation, token_hash: bytes, asked: Acceptance) -> str:
    """The subject of a login that can sign in once the membership is there."""
    name = asked.name or found.name
    user = NewUser(found.email, name, found.role, found.tenant_id, found.invited_by)
    for _ in range(_TRIES):
        has = pool.find(found.email)
        account = _account(book, token_hash, has)
        if account == "elsewhere":
            raise AlreadyHasAccount
        if account != "here" or asked.password is not None:
            _check(asked.password or "", found.email)
        if has is not None and account == "here":
            pool.set_enabled(has.subject, enabled=True)
            pool.set_role(has.subject, found.role)
            if asked.password is not None:
                pool.set_password(has.subject, asked.password)
            return has.subject
        if has is not None and (has.is_unconfirmed or has.tenant_id != str(found.tenant_id)):
            pool.delete(has.subject)
            has = None
        try:
            subject = has.subject if has is not None else pool.create_confirmed(user)
        except AddressTaken:
            continue
        pool.set_password(subject, asked.password or "")
        return subject
    raise RequestInFlight


def _account(book: Book, token_hash: bytes, has: Found | None) -> str:
    if has is None or has.is_unconfirmed:  # of somebody who never proved the address: it is not theirs
        return "none"
    found = book.find(token_hash, has.subject)
    if found is None:
        raise InvitationNotOpen
    return found.account


def _check(password: str, email: str) -> None:
    if faults := password_faults(password, email):
        raise WeakPassword(faults, "/password")
