"""What people and businesses are told: e-mails, notifications, reminders, calendars, webhooks."""

from sqlalchemy import Boolean, Column, Date, DateTime, ForeignKey, Index, LargeBinary, Text, Time, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from infra.tables import columns as c

emails = c.table(
    "emails", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), c.uuid("id", key=True),
    c.uuid("user_id", null=True), c.string("address"), c.string("kind"), c.json("params", "{}"),
    c.string("status", default="queued"), c.string("message_id", null=True), c.at("created_at"), c.at("sent_at", null=True),
    Index("emails_created_idx", "created_at", postgresql_using="brin"),
    c.in_tenant(["user_id"], "users", ["id"]),
)  # fmt: skip

notifications = c.table(
    "notifications", c.uuid("tenant_id", key=True), c.uuid("id", key=True), c.uuid("user_id"), c.string("kind"),
    c.string("subject_type"), c.uuid("subject_id"), c.at("created_at"), c.at("read_at", null=True),
    c.in_tenant(["user_id"], "users", ["id"]),
    Index("notifications_user_idx", "tenant_id", "user_id", text("created_at desc"), "id"),
    Index("notifications_read_idx", "read_at", postgresql_where=text("read_at is not null")),
)  # fmt: skip

reminders = c.table(
    "reminders", c.uuid("tenant_id", key=True), c.uuid("user_id", key=True), Column("kind", Text, primary_key=True),
    Column("on_day", Date, primary_key=True), c.uuid("subject_id"), c.at("created_at"),
    c.in_tenant(["user_id"], "users", ["id"]), Index("reminders_age_idx", "created_at", postgresql_using="brin"),
)  # fmt: skip

feeds = c.table(
    "feeds", c.uuid("tenant_id", key=True), c.uuid("id", key=True), c.uuid("user_id"), c.binary("token_hash"),
    Column("starts_at", Time, nullable=True), c.at("created_at"), c.at("revoked_at", null=True),
    c.in_tenant(["user_id"], "users", ["id"]), Index("feeds_user_idx", "tenant_id", "user_id"),
    Index("feeds_token_idx", "token_hash", postgresql_where=text("revoked_at is null")),
)  # fmt: skip

webhook_endpoints = c.table(
    "webhook_endpoints", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), c.uuid("id", key=True),
    c.string("url"), Column("events", ARRAY(Text), nullable=False, server_default="{}"), c.string("description", default=""),
    Column("enabled", Boolean, nullable=False, server_default="true"), c.string("disabled_reason", null=True),
    Column("secret", LargeBinary, nullable=True), Column("previous_secret", LargeBinary, nullable=True),
    c.at("previous_until", null=True), c.at("failing_since", null=True), c.integer("revision", default=1), c.at("created_at"),
    c.at("updated_at"), c.at("deleted_at", null=True),
)  # fmt: skip

_UNSENT = "status in ('pending', 'sending')"
webhook_deliveries = c.table(
    "webhook_deliveries", c.uuid("tenant_id", key=True), c.uuid("id", key=True), c.uuid("endpoint_id"), c.string("type"),
    c.uuid("subject_id"), c.string("status", default="pending"), c.integer("attempt", default=0), c.integer("tried_before", default=0),
    Column("next_at", DateTime(timezone=True), nullable=True, server_default=c.NOW), c.at("attempted_at", null=True),
    c.string("outcome", null=True), c.integer("response_status", null=True), c.integer("duration_ms", null=True), c.at("created_at"),
    c.in_tenant(["endpoint_id"], "webhook_endpoints", ["id"]),
    Index("webhook_deliveries_open_idx", "tenant_id", "endpoint_id", "next_at", postgresql_where=text(_UNSENT)),
    Index("webhook_deliveries_due_idx", "next_at", postgresql_where=text(_UNSENT)),
    Index("webhook_deliveries_log_idx", "tenant_id", "endpoint_id", text("created_at desc"), text("id desc")),
    Index("webhook_deliveries_age_idx", "created_at"),
)  # fmt: skip
