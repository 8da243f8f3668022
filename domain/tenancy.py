"""Who acts, and for which tenant."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

# The tenant of content work, in which nobody is (migration 0017 makes it; docs/adr/0014 says why).
CONTENT_TENANT = UUID("00000000-0000-7000-8000-0000000000ff")
# Everyone who belongs to a tenant; staff belong to none.
PEOPLE = frozenset({"individual", "business_owner", "business_admin", "clinician", "member"})
STAFF_ROLES = frozenset({"operator", "content_admin"})
# Who cares for the others of a business, and who runs it.
CARE_ROLES = frozenset({"business_owner", "business_admin", "clinician"})
OWNING_ROLES = frozenset({"business_owner", "business_admin"})


@dataclass(frozen=True, slots=True)
class Context:
    """What every statement of a unit of work runs as: PostgreSQL's policies read the first three."""

    tenant_id: UUID
    user_id: UUID | None
    role: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class ContentAdmin:
    """Staff who keep what FFP ships. They belong to no tenant, so PostgreSQL shows them nothing of anybody.

    A type of its own, so that only what takes it on purpose ever runs without a tenant.
    """

    user_id: UUID
    request_id: str | None = None
    tenant_id: ClassVar[None] = None
    role: ClassVar[str] = "content_admin"


@dataclass(frozen=True, slots=True)
class Operator:
    """Staff who keep the service running. They work as PostgreSQL's role ffp_ops: job metadata, dead letters and the
    audit log of every tenant, and nobody's answers, scores or programs.
    """

    user_id: UUID
    request_id: str | None = None
    tenant_id: ClassVar[None] = None
    role: ClassVar[str] = "operator"


Actor = Context | ContentAdmin | Operator


def worker_context(tenant_id: UUID, request_id: str | None = None) -> Context:
    """A worker sees its job's whole tenant, and nothing beyond it."""
    return Context(tenant_id, None, "worker", request_id)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a verified token is. Staff (operators, content admins) belong to no tenant."""

    subject: str
    role: str
    tenant_id: UUID | None
    user_id: UUID | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a quota of `limit` requests in `window_s` seconds; after `reset_s` seconds all of it is there."""

    policy: str
    limit: int
    window_s: int
    remaining: int
    reset_s: int
