"""Imports and bulk actions."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from infra.tables import columns as c

imports = c.table(
    "imports", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), c.uuid("id", key=True),
    c.uuid("created_by"), c.string("kind"), c.string("mode"), c.string("on_duplicate"), c.json("options", "{}"),
    c.string("status", default="uploading"), c.integer("revision", default=1), c.string("format", null=True),
    Column("size", BigInteger, nullable=True), c.string("sha256", null=True), c.json("columns", "[]"),
    c.integer("staged", default=0), c.integer("last_row", default=0), c.integer("position", default=0), c.json("counts", "{}"),
    c.integer("done", default=0), c.integer("skipped", default=0), c.integer("failed", default=0), c.integer("undone", default=0),
    c.integer("to_do", default=0), c.at("run_started_at", null=True), c.integer("run_base", default=0),
    c.string("error_code", null=True), c.integer("error_row", null=True), c.string("correlation_id"), c.at("created_at"),
    c.at("updated_at"), c.at("validated_at", null=True), c.at("confirmed_at", null=True), c.at("finished_at", null=True),
    c.in_tenant(["created_by"], "users", ["id"]),
    Index("imports_running_key", "tenant_id", unique=True,
          postgresql_where=text("status in ('running', 'undoing')")),
)  # fmt: skip

# Its import is looked up by a trigger, once a statement (migration 0026).
import_rows = c.table(
    "import_rows", c.uuid("tenant_id", key=True), c.uuid("import_id", key=True), c.integer("number", key=True),
    c.uuid("user_id", null=True), c.string("key", null=True), c.string("email", null=True), c.json("cells"),
    c.string("action", null=True), c.string("status"), c.json("issues", "[]"), c.string("result_type", null=True),
    c.uuid("result_id", null=True), Column("before", JSONB, nullable=True), c.at("created_at"),
    Index("import_rows_user_idx", "tenant_id", "user_id", postgresql_where=text("user_id is not null")),
    Index("import_rows_created_idx", "created_at", postgresql_using="brin"),
)  # fmt: skip

bulk_actions = c.table(
    "bulk_actions", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), c.uuid("id", key=True),
    c.uuid("created_by"), c.string("action"), c.json("filter"), c.json("narrowed", "[]"), c.json("options", "{}"),
    c.string("status"), c.integer("revision", default=1), c.integer("to_do"), c.integer("position", default=0), c.integer("done", default=0),
    c.integer("skipped", default=0), c.integer("failed", default=0), c.at("run_started_at", null=True),
    c.integer("run_base", default=0), c.string("error_code", null=True), c.string("correlation_id"), c.at("created_at"),
    c.at("updated_at"), c.at("finished_at", null=True), c.in_tenant(["created_by"], "users", ["id"]),
    Index("bulk_actions_running_key", "tenant_id", unique=True, postgresql_where=text("status = 'running'")),
)  # fmt: skip

bulk_action_members = c.table(
    "bulk_action_members", c.uuid("tenant_id", key=True), c.uuid("action_id", key=True), c.integer("number", key=True),
    c.uuid("user_id"), c.string("status", default="pending"), c.string("code", null=True), c.string("result_type", null=True),
    c.uuid("result_id", null=True), c.at("created_at"), c.in_tenant(["action_id"], "bulk_actions", ["id"]),
    c.in_tenant(["user_id"], "users", ["id"]), Index("bulk_action_members_user_idx", "tenant_id", "user_id"),
    Index("bulk_action_members_created_idx", "created_at", postgresql_using="brin"),
)  # fmt: skip
