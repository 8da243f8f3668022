"""The audit log and the chains that seal it."""

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, UniqueConstraint, Uuid

from infra.tables import columns as c

audit_log = c.table(
    "audit_log", Column("tenant_id", Uuid, ForeignKey("tenants.id"), nullable=True),
    Column("id", BigInteger, Identity(always=True), nullable=False), c.at("at"), c.uuid("actor_id", null=True),
    c.string("actor_role"), c.string("action"), c.string("subject_type"), c.uuid("subject_id"),
    c.uuid("subject_user_id", null=True), c.string("request_id", null=True),
    UniqueConstraint("tenant_id", "id", postgresql_nulls_not_distinct=True),
    Index("audit_log_subject_idx", "tenant_id", "subject_user_id", "id"),
    Index("audit_log_time_idx", "tenant_id", "at", "id"), Index("audit_log_at_idx", "at", "id"),
)  # fmt: skip

audit_chain = c.table(
    "audit_chain", Column("tenant_id", Uuid, ForeignKey("tenants.id"), nullable=True), c.big("position"),
    c.big("audit_id"), c.binary("row_hash"), c.binary("hash"), c.at("sealed_at"),
    UniqueConstraint("tenant_id", "position", name="audit_chain_tenant_id_position_key", postgresql_nulls_not_distinct=True),
    UniqueConstraint("tenant_id", "audit_id", name="audit_chain_tenant_id_audit_id_key", postgresql_nulls_not_distinct=True),
    c.in_tenant(["audit_id"], "audit_log", ["id"]),
)  # fmt: skip

audit_heads = c.table(
    "audit_heads", Column("tenant_id", Uuid, ForeignKey("tenants.id"), nullable=True), c.big("length"),
    c.binary("hash"), c.big("retired", default=0), c.binary("anchor"), c.at("sealed_at"), c.big("told", default=0), c.at("announced_at", null=True),
    UniqueConstraint("tenant_id", postgresql_nulls_not_distinct=True),
)  # fmt: skip

audit_unsealed = c.table(
    "audit_unsealed", c.uuid("tenant_id", null=True), c.big("audit_id"), Index("audit_unsealed_idx", "audit_id"),
)  # fmt: skip
