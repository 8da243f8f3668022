"""Tenants, who is in them, who is asked in, and what stands before there is a tenant."""

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, Text, Uuid, text

from infra.tables import columns as c

tenants = c.table(
    "tenants", c.uuid("id", key=True), Column("slug", Text, nullable=False, unique=True), c.string("name"), c.string("kind"),
    c.json("settings", "{}"), c.at("created_at"), c.integer("requests_per_minute", default=1000),
)  # fmt: skip

users = c.table(
    "users", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), c.uuid("id", key=True),
    c.string("email"), c.string("display_name", default=""), c.string("role"), c.string("status", default="active"),
    c.uuid("parent_business_id", null=True), c.at("created_at"), c.json("preferences", "{}"), c.integer("revision", default=1),
    c.string("locale", default="en"), c.string("time_zone", default="UTC"), c.string("external_id", null=True),
    c.in_tenant(["parent_business_id"], "users", ["id"]), Index("users_joined_idx", "tenant_id", "created_at", "id"),
    Index("users_external_key", "tenant_id", "external_id", unique=True),
)  # fmt: skip
Index("users_email_key", users.c.tenant_id, text("lower(email)"), unique=True)

principals = c.table(
    "principals", Column("sub", Text, primary_key=True), c.uuid("tenant_id", null=True), c.uuid("user_id", null=True),
    Column("staff_id", Uuid, nullable=False, server_default=text("gen_random_uuid()")), c.string("staff_role", null=True), c.at("created_at"),
    c.at("tokens_valid_after", null=True), c.in_tenant(["user_id"], "users", ["id"]),
    Index("principals_user_idx", "tenant_id", "user_id"), schema="identity",
)  # fmt: skip

registrations = c.table(
    "registrations", Column("email", Text, primary_key=True), c.uuid("attempt_id"), c.string("key"), c.string("body_hash"),
    c.string("state", default="begun"), c.string("kind"), c.string("display_name"), c.string("tenant_name"), c.uuid("tenant_id"),
    c.uuid("user_id"), c.at("lease_until", null=True), c.at("created_at"), c.at("updated_at"),
    Index("registrations_age_idx", "updated_at"), schema="identity",
)  # fmt: skip

codes = c.table(
    "codes", Column("subject", Text, primary_key=True), Column("purpose", Text, primary_key=True), c.at("asked_at"),
    schema="identity",
)  # fmt: skip

buckets = c.table(
    "buckets", Column("bucket", Text, primary_key=True), Column("subject", Text, primary_key=True),
    Column("full_at", DateTime(timezone=True), nullable=False), schema="identity",
)  # fmt: skip

invitations = c.table(
    "invitations", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), c.uuid("id", key=True),
    c.string("email"), c.string("name", default=""), c.string("role"), c.string("status", default="open"), c.uuid("invited_by"),
    c.uuid("user_id", null=True), c.at("created_at"),
    Column("expires_at", DateTime(timezone=True), nullable=False), c.at("decided_at", null=True),
    c.string("external_id", null=True), Column("imported", Boolean, nullable=False, server_default="false"),
    c.in_tenant(["invited_by"], "users", ["id"]), c.in_tenant(["user_id"], "users", ["id"]),
    Index("invitations_made_idx", "tenant_id", text("created_at desc"), "id"),
)  # fmt: skip
Index("invitations_open_key", invitations.c.tenant_id, text("lower(email)"), unique=True,
      postgresql_where=text("status = 'open'"))  # fmt: skip

invitation_tokens = c.table(
    "invitation_tokens", Column("token_hash", LargeBinary, primary_key=True), c.uuid("tenant_id"), c.uuid("invitation_id"),
    c.at("created_at"),
    ForeignKeyConstraint(["tenant_id", "invitation_id"], ["invitations.tenant_id", "invitations.id"],
                         ondelete="CASCADE"),
    Index("invitation_tokens_invitation_idx", "tenant_id", "invitation_id"), schema="identity",
)  # fmt: skip

member_views = c.table(
    "member_views", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), c.uuid("id", key=True),
    c.string("name"), c.json("filter"), c.uuid("created_by"), c.integer("revision", default=1), c.at("created_at"),
    c.at("updated_at"), c.in_tenant(["created_by"], "users", ["id"]),
)  # fmt: skip
