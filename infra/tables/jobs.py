"""Jobs, their attempts, the limits on them and their pace; idempotency keys."""

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from infra.tables import columns as c

_OPEN = "status in ('queued', 'running', 'retrying')"
jobs = c.table(
    "jobs", c.uuid("tenant_id", key=True), c.uuid("id", key=True), c.uuid("user_id"), c.string("kind"),
    c.uuid("assessment_id", null=True), c.uuid("subject_id", null=True), c.string("status", default="queued"), c.string("stage", default="scoring"), c.integer("attempt", default=0),
    c.integer("max_attempts", default=5), c.integer("revision", default=1), c.at("lease_until", null=True),
    c.at("published_at", null=True), c.string("result_type", null=True), c.uuid("result_id", null=True),
    c.string("review", null=True), c.string("error_code", null=True), c.string("correlation_id"), c.string("traceparent", null=True), c.at("created_at"),
    c.at("started_at", null=True), c.at("updated_at"), c.at("finished_at", null=True), c.integer("deaths", default=0),
    c.integer("replays", default=0), Column("held", Boolean, nullable=False, server_default=text("false")),
    c.at("hold_until", null=True), Column("turn", BigInteger, nullable=False, server_default="0"),
    c.at("available_at", null=True), c.uuid("permit", null=True),
    UniqueConstraint("tenant_id", "assessment_id"), c.in_tenant(["assessment_id"], "assessments", ["id"]),
    Index("jobs_unpublished_idx", "updated_at", postgresql_where=text(f"published_at is null and {_OPEN}")),
    Index("jobs_user_idx", "tenant_id", "user_id", text("updated_at desc")),
    Index("jobs_unfinished_idx", "updated_at", postgresql_where=text("finished_at is null")),
    Index("jobs_held_idx", "stage", "tenant_id", "id", postgresql_where=text("held")),
    Index("jobs_turn_idx", "stage", "turn", "id", postgresql_where=text(f"not held and {_OPEN}")),
    Index("jobs_line_idx", "stage", "tenant_id", "turn", postgresql_where=text(f"not held and {_OPEN}")),
    Index("jobs_permit_idx", "permit",
          postgresql_where=text("permit is not null and (lease_until is not null or available_at is not null)")),
    Index("jobs_leased_idx", "tenant_id", "stage", "lease_until", postgresql_where=text("lease_until is not null")),
    Index("jobs_subject_key", "tenant_id", "kind", "subject_id", unique=True,
          postgresql_where=text("status in ('queued', 'running', 'retrying', 'dead')")),
)  # fmt: skip

attempts = c.table(
    "attempts", c.uuid("tenant_id", key=True), c.uuid("job_id", key=True), Column("stage", Text, primary_key=True),
    c.integer("number", key=True), c.string("worker"), c.at("started_at"), c.at("ended_at", null=True),
    c.string("outcome", null=True), c.string("error_code", null=True), c.string("error_class", null=True),
    Column("frames", ARRAY(Text), nullable=True), c.string("signature", null=True),
    Column("release", Text, nullable=True, server_default=text("NULLIF(current_setting('app.release', true), '')")),
    c.uuid("permit", null=True), c.in_tenant(["job_id"], "jobs", ["id"]),
    Index("attempts_permit_idx", "permit", postgresql_where=text("permit is not null")),
    Index("attempts_started_idx", "started_at", postgresql_using="brin"),
    Index("attempts_ended_idx", "ended_at", postgresql_where=text("outcome = 'succeeded'")),
)  # fmt: skip

limits = c.table(
    "limits", c.integer("version", key=True), c.uuid("id"), c.json("document"), c.string("reason"), c.uuid("changed_by", null=True),
    c.at("changed_at"), UniqueConstraint("id"),
)  # fmt: skip

stage_pace = c.table(
    "stage_pace", Column("stage", Text, primary_key=True), c.integer("waiting"), c.integer("workers"),
    Column("duration_s", Double, nullable=True), c.at("measured_at"),
)  # fmt: skip

idempotency_keys = c.table(
    "idempotency_keys", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    c.uuid("user_id", key=True), Column("route", Text, primary_key=True), Column("key", Text, primary_key=True),
    c.string("body_hash"), c.json("response"), c.at("created_at"), Index("idempotency_keys_age_idx", "created_at"),
)  # fmt: skip
