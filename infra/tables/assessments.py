"""Assessments, what was handed in, and its scores."""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, UniqueConstraint, Uuid, text

from infra.tables import columns as c

assessments = c.table(
    "assessments", c.uuid("tenant_id", key=True), c.uuid("id", key=True), c.uuid("user_id"),
    Column("template_id", Uuid, ForeignKey("templates.id"), nullable=False), c.string("status", default="draft"),
    c.json("answers", "{}"), c.integer("revision", default=1), c.at("created_at"), c.at("updated_at"),
    c.at("submitted_at", null=True), c.at("assigned_at", null=True), c.in_tenant(["user_id"], "users", ["id"]),
    Index("assessments_open_key", "tenant_id", "user_id", "template_id", unique=True,
          postgresql_where=text("status = 'draft'")),
    Index("assessments_user_idx", "tenant_id", "user_id", text("id desc")),
)  # fmt: skip

submissions = c.table(
    "submissions", c.uuid("tenant_id", key=True), c.uuid("id", key=True), c.uuid("assessment_id"), c.uuid("user_id"),
    c.string("template_slug"), c.string("template_version"), c.string("template_hash"), c.string("engine_version"),
    c.json("answers"), c.json("enabled"), c.json("computed"), c.integer("attempt_number"),
    Column("is_initial", Boolean, nullable=False), Column("answered_on", Date, nullable=False), c.at("submitted_at"),
    UniqueConstraint("tenant_id", "assessment_id"),
    UniqueConstraint("tenant_id", "user_id", "template_slug", "attempt_number"),
    c.in_tenant(["assessment_id"], "assessments", ["id"]),
    Index("submissions_initial_key", "tenant_id", "user_id", "template_slug", unique=True,
          postgresql_where=text("is_initial")),
)  # fmt: skip

scores = c.table(
    "scores", c.uuid("tenant_id", key=True), c.uuid("submission_id", key=True), c.uuid("user_id"), c.string("engine_version"),
    c.json("result"), c.at("created_at"), c.in_tenant(["submission_id"], "submissions", ["id"]),
)  # fmt: skip
