"""Consents, copies of one's data, erasure."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKeyConstraint, Index, LargeBinary, Text, text

from infra.tables import columns as c

consent_texts = c.table(
    "consent_texts", Column("document", Text, primary_key=True), Column("version", Text, primary_key=True),
    c.string("content_hash"), c.string("title"), c.string("body"), c.at("published_at"),
)  # fmt: skip

consents = c.table(
    "consents", c.uuid("tenant_id", key=True), c.uuid("id", key=True), c.uuid("user_id"), c.string("document"), c.string("version"),
    Column("given", Boolean, nullable=False), c.at("at"), c.string("request_id", null=True),
    c.in_tenant(["user_id"], "users", ["id"]),
    ForeignKeyConstraint(["document", "version"], ["consent_texts.document", "consent_texts.version"]),
    Index("consents_user_idx", "tenant_id", "user_id", "document", text("at desc")),
)  # fmt: skip

exports = c.table(
    "exports", c.uuid("tenant_id", key=True), c.uuid("id", key=True), c.uuid("user_id"), c.uuid("requested_by"),
    c.string("status", default="preparing"), Column("size", BigInteger, nullable=True), c.string("sha256", null=True),
    c.at("created_at"), c.at("finished_at", null=True),
    Column("expires_at", DateTime(timezone=True), nullable=False, server_default=text("now() + interval '7 days'")),
    c.in_tenant(["user_id"], "users", ["id"]), c.in_tenant(["requested_by"], "users", ["id"]),
    Index("exports_user_idx", "tenant_id", "user_id", text("id desc")), Index("exports_expiry_idx", "expires_at"),
)  # fmt: skip

erasures = c.table(
    "erasures", c.uuid("tenant_id", key=True), c.uuid("user_id", key=True), c.at("requested_at"),
    Column("due_at", DateTime(timezone=True), nullable=False), c.at("begun_at", null=True),
    c.in_tenant(["user_id"], "users", ["id"]), Index("erasures_due_idx", "due_at"), schema="identity",
)  # fmt: skip

erasure_tokens = c.table(
    "erasure_tokens", Column("token_hash", LargeBinary, primary_key=True), c.uuid("tenant_id"), c.uuid("user_id"),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["identity.erasures.tenant_id", "identity.erasures.user_id"],
                         ondelete="CASCADE"),
    Index("erasure_tokens_user_idx", "tenant_id", "user_id"), schema="identity",
)  # fmt: skip
