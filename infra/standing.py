"""Bring the user pool in line with a membership that has been committed.

Best effort: what somebody may do is PostgreSQL's word on each request, whatever the pool knows of them.
"""

from domain.errors import Unavailable
from domain.members import Member
from infra import cognito, identities, logs


def reflect(member: Member) -> None:
    """Never raises. Whoever is not active cannot sign in, nor go on with a session."""
    try:
        if member.status == "active":
            identities.set_enabled(member.email, enabled=True)
            identities.set_role(member.email, member.role)
        else:
            identities.set_enabled(member.email, enabled=False)
            cognito.sign_out_everywhere(member.email)
    except Unavailable:
        logs.warning("user_pool_not_told", status=member.status)
