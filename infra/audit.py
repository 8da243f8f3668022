"""The append-only record of who changed, or read, whose record. Written in the transaction it speaks of."""

from uuid import UUID

from domain.tenancy import CARE_ROLES, Actor, Context
from infra.rows import Connection


def record(
    connection: Connection[Actor],
    action: str,
    subject_type: str,
    subject_id: UUID,
    subject_user_id: UUID | None,
    *,
    of_tenant: UUID | None = None,
) -> None:
    """`action` is `<subject>.<past participle>`, such as `assessment.saved`. The row is of the actor's tenant; what an
    operator does, of the tenant it was done to, or of none.
    """
    who = connection.context
    connection.execute(
        """insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id,
               subject_user_id, request_id) values (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            who.tenant_id or of_tenant,
            who.user_id,
            who.role,
            action,
            subject_type,
            subject_id,
            subject_user_id,
            who.request_id,
        ),
    )


def record_list(connection: Connection[Context], kind: str) -> None:
    """Whoever sees the records of a whole business has read of all of it: one row for a page of a list."""
    who = connection.context
    if who.role in CARE_ROLES:
        record(connection, f"{kind}.listed", "tenant", who.tenant_id, None)


def record_read(connection: Connection[Actor], subject_type: str, subject_id: UUID, owner_id: UUID) -> None:
    """People read their own records freely; a read of someone else's leaves a row."""
    if owner_id != connection.context.user_id:
        record(connection, f"{subject_type}.read", subject_type, subject_id, owner_id)
