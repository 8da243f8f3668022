"""E-mails in PostgreSQL: queued by whoever causes them, read by the worker that sends them."""

from collections.abc import Mapping
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.emails import KINDS, Email
from domain.errors import NotFound
from domain.jobs import Job
from infra.ids import new_id
from infra.jobs import JobRepository
from infra.rows import TenantConnection


class EmailRepository:
    def __init__(self, connection: TenantConnection, jobs: JobRepository) -> None:
        self._connection = connection
        self._jobs = jobs
        self._tenant_id = connection.context.tenant_id

    def queue(self, kind: str, to_user: UUID | None, to_address: str, params: Mapping[str, str]) -> Job:
        """An e-mail and its job, in the outbox with this transaction. `kind` is one of domain/emails.py, `params` what
        its text names: never health data. After the commit `publish_committed` spares it the wait for the relay.
        """
        if kind not in KINDS:
            raise ValueError("there is no text for this kind of e-mail")
        email_id = new_id()
        self._connection.execute(
            "insert into emails (tenant_id, id, user_id, address, kind, params) values (%s, %s, %s, %s, %s, %s)",
            (self._tenant_id, email_id, to_user, to_address, kind, Jsonb(dict(params))),
        )
        # A job is somebody's: the addressee's where they are of the tenant, else of who causes it.
        owner = to_user or self._connection.context.user_id or email_id
        return self._jobs.enqueue(new_id(), "email", owner, email_id)

    def read(self, email_id: UUID | None) -> Email:
        rows = self._connection.read("select * from app.read_email(%s, %s, %s, %s)", (email_id,))
        if not rows:
            raise NotFound
        return Email(**rows[0])

    def add_token(self, invitation_id: str, token_hash: bytes) -> bool:
        """Whether the invitation is still open; then this token opens it too."""
        rows = self._connection.read(
            "select app.add_invitation_token(%s, %s, %s, %s, %s) as added", (invitation_id, token_hash)
        )
        return bool(rows[0]["added"])

    def end(self, email_id: UUID | None, status: str) -> None:
        """`failed` or `suppressed`, which are final."""
        self._connection.execute(
            "update emails set status = %s where tenant_id = %s and id = %s and status = 'queued'",
            (status, self._tenant_id, email_id),
        )
