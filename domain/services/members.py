"""Change who somebody is in a business, and end it. PostgreSQL has the last word on who may do it to whom
(app.guard_user, app.keep_an_owner).
"""

from dataclasses import dataclass
from uuid import UUID

from domain.emails import ROLES
from domain.errors import MembershipEnded
from domain.jobs import Job
from domain.members import HERE, Assignable, Member
from domain.ports import UnitOfWork


@dataclass(frozen=True, slots=True)
class Changed:
    """The member as they are now, and the jobs whose e-mails it caused."""

    member: Member
    jobs: tuple[Job, ...] = ()


def change_role(uow: UnitOfWork, member_id: UUID, revision: int, role: Assignable) -> Changed:
    """Raises NotFound, StaleRevision, MembershipEnded, Forbidden, LastOwner."""
    member = _here(uow, member_id)
    if (member.role, member.revision) == (role, revision):
        return Changed(member)
    changed = uow.members.change(member_id, revision, "user.role_changed", role=role)
    return Changed(changed, (_tell_role(uow, changed),))


def suspend(uow: UnitOfWork, member_id: UUID, revision: int) -> Changed:
    """Their next request is refused; what they have open of invitations does not work any more."""
    member = _here(uow, member_id)
    if (member.status, member.revision) == ("suspended", revision):
        return Changed(member)
    changed = uow.members.change(member_id, revision, "user.suspended", status="suspended")
    uow.invitations.revoke_of(member_id)
    return Changed(changed)


def reactivate(uow: UnitOfWork, member_id: UUID, revision: int) -> Changed:
    """For who is suspended. Whoever was removed is invited again."""
    member = _here(uow, member_id)
    if (member.status, member.revision) == ("active", revision):
        return Changed(member)
    return Changed(uow.members.change(member_id, revision, "user.reactivated", status="active"))


def remove(uow: UnitOfWork, member_id: UUID, revision: int) -> Changed:
    """Their records stay with the business for as long as it has to keep them; they themselves see nothing any more."""
    _here(uow, member_id)
    changed = uow.members.change(member_id, revision, "user.removed", status="removed")
    uow.invitations.revoke_of(member_id)
    params = {"business": uow.members.business_name()}
    return Changed(changed, (uow.emails.queue("removed", changed.id, changed.email, params),))


def leave(uow: UnitOfWork) -> Member:
    """The caller removes themselves. Raises LastOwner."""
    me = uow.members.get(uow.context.user_id)
    uow.invitations.revoke_of(me.id)
    return uow.members.change(me.id, me.revision, "user.left", status="removed")


def transfer(uow: UnitOfWork, member_id: UUID, revision: int) -> Changed:
    """The member becomes the owner, and the caller, who was it, an administrator: both or neither."""
    member = _here(uow, member_id)
    if member.status != "active":
        raise MembershipEnded
    if member.id == uow.context.user_id:
        return Changed(member)
    owner = uow.members.change(member_id, revision, "ownership.transferred", role="business_owner")
    uow.members.step_down()
    return Changed(owner, (_tell_role(uow, owner),))


def _here(uow: UnitOfWork, member_id: UUID) -> Member:
    member = uow.members.get(member_id)
    if member.status not in HERE:
        raise MembershipEnded
    return member


def _tell_role(uow: UnitOfWork, member: Member) -> Job:
    params = {"business": uow.members.business_name(), "role": ROLES[member.role]}
    return uow.emails.queue("role_changed", member.id, member.email, params)
