"""The schema as SQLAlchemy sees it: what `alembic check` compares the migrated database with (tests/database).

Request paths do not import this: SQLAlchemy costs a cold start about as much as FastAPI does (docs/adr/0003).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

_NOW = text("now()")


def _id(name: str, *, key: bool = False, null: bool = False) -> Column[object]:
    return Column(name, Uuid, primary_key=key, nullable=null)


def _at(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=null, server_default=None if null else _NOW)


def _text(name: str, *, null: bool = False, default: str | None = None) -> Column[object]:
    return Column(name, Text, nullable=null, server_default=default)


def _int(name: str, *, null: bool = False, default: int | None = None, key: bool = False) -> Column[object]:
    return Column(
        name,
        Integer,
        nullable=null,
        primary_key=key,
        server_default=None if default is None else str(default),
    )


def _json(name: str, default: str | None = None) -> Column[object]:
    return Column(name, JSONB, nullable=False, server_default=default)


def _table(name: str, *items: SchemaItem, schema: str | None = None) -> Table:
    return Table(name, metadata, *items, schema=schema)


def _in_tenant(columns: list[str], target: str, target_columns: list[str]) -> ForeignKeyConstraint:
    """A foreign key that cannot leave the tenant."""
    return ForeignKeyConstraint(
        ["tenant_id", *columns], [f"{target}.tenant_id", *(f"{target}.{c}" for c in target_columns)]
    )


tenants = _table(
    "tenants", _id("id", key=True), Column("slug", Text, nullable=False, unique=True), _text("name"), _text("kind"),
    _json("settings", "{}"), _at("created_at"), _int("requests_per_minute", default=1000),
)  # fmt: skip

users = _table(
    "users", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), _id("id", key=True),
    _text("email"), _text("display_name", default=""), _text("role"), _text("status", default="active"),
    _id("parent_business_id", null=True), _at("created_at"),
    _in_tenant(["parent_business_id"], "users", ["id"]),
)  # fmt: skip
Index("users_email_key", users.c.tenant_id, text("lower(email)"), unique=True)

principals = _table(
    "principals", Column("sub", Text, primary_key=True), _id("tenant_id", null=True), _id("user_id", null=True),
    Column("staff_id", Uuid, nullable=False, server_default=text("gen_random_uuid()")), _text("staff_role", null=True), _at("created_at"), _in_tenant(["user_id"], "users", ["id"]),
    Index("principals_user_idx", "tenant_id", "user_id"), schema="identity",
)  # fmt: skip

buckets = _table(
    "buckets", Column("bucket", Text, primary_key=True), Column("subject", Text, primary_key=True),
    Column("full_at", DateTime(timezone=True), nullable=False), schema="identity",
)  # fmt: skip

templates = _table(
    "templates", _id("id", key=True), Column("tenant_id", Uuid, ForeignKey("tenants.id"), nullable=True),
    _text("slug"), _text("version"), _text("content_hash"), _json("document"), _text("status"),
    _int("revision", default=1), _at("updated_at"), _at("published_at", null=True),
    Index("templates_version_key", "tenant_id", "slug", "version", unique=True, postgresql_nulls_not_distinct=True),
)  # fmt: skip

exercises = _table(
    "exercises", Column("id", Text, primary_key=True), _text("name"), _text("cue"), _json("document"),
)  # fmt: skip

libraries = _table(
    "libraries", Column("content_hash", Text, primary_key=True), _json("document"), _at("created_at"),
)  # fmt: skip

safety_rules = _table(
    "safety_rules", Column("content_hash", Text, primary_key=True), _json("document"), _at("created_at"),
)  # fmt: skip

solved_specs = _table(
    "solved_specs", Column("input_hash", Text, primary_key=True), _json("plan"), _at("created_at"),
)  # fmt: skip

assessments = _table(
    "assessments", _id("tenant_id", key=True), _id("id", key=True), _id("user_id"),
    Column("template_id", Uuid, ForeignKey("templates.id"), nullable=False), _text("status", default="draft"),
    _json("answers", "{}"), _int("revision", default=1), _at("created_at"), _at("updated_at"),
    _at("submitted_at", null=True), _in_tenant(["user_id"], "users", ["id"]),
    Index("assessments_open_key", "tenant_id", "user_id", "template_id", unique=True,
          postgresql_where=text("status = 'draft'")),
    Index("assessments_user_idx", "tenant_id", "user_id", text("id desc")),
)  # fmt: skip

submissions = _table(
    "submissions", _id("tenant_id", key=True), _id("id", key=True), _id("assessment_id"), _id("user_id"),
    _text("template_slug"), _text("template_version"), _text("template_hash"), _text("engine_version"),
    _json("answers"), _json("enabled"), _json("computed"), _int("attempt_number"),
    Column("is_initial", Boolean, nullable=False), Column("answered_on", Date, nullable=False), _at("submitted_at"),
    UniqueConstraint("tenant_id", "assessment_id"),
    UniqueConstraint("tenant_id", "user_id", "template_slug", "attempt_number"),
    _in_tenant(["assessment_id"], "assessments", ["id"]),
    Index("submissions_initial_key", "tenant_id", "user_id", "template_slug", unique=True,
          postgresql_where=text("is_initial")),
)  # fmt: skip

scores = _table(
    "scores", _id("tenant_id", key=True), _id("submission_id", key=True), _id("user_id"), _text("engine_version"),
    _json("result"), _at("created_at"), _in_tenant(["submission_id"], "submissions", ["id"]),
)  # fmt: skip

_OPEN = "status in ('queued', 'running', 'retrying')"
jobs = _table(
    "jobs", _id("tenant_id", key=True), _id("id", key=True), _id("user_id"), _text("kind"),
    _id("assessment_id", null=True), _id("subject_id", null=True), _text("status", default="queued"), _text("stage", default="scoring"), _int("attempt", default=0),
    _int("max_attempts", default=5), _int("revision", default=1), _at("lease_until", null=True),
    _at("published_at", null=True), _text("result_type", null=True), _id("result_id", null=True),
    _text("review", null=True), _text("error_code", null=True), _text("correlation_id"), _text("traceparent", null=True), _at("created_at"),
    _at("started_at", null=True), _at("updated_at"), _at("finished_at", null=True),
    UniqueConstraint("tenant_id", "assessment_id"), _in_tenant(["assessment_id"], "assessments", ["id"]),
    Index("jobs_unpublished_idx", "updated_at", postgresql_where=text(f"published_at is null and {_OPEN}")),
    Index("jobs_open_idx", "updated_at", postgresql_where=text(_OPEN)),
    Index("jobs_subject_key", "tenant_id", "kind", "subject_id", unique=True,
          postgresql_where=text("status in ('queued', 'running', 'retrying', 'dead')")),
)  # fmt: skip

attempts = _table(
    "attempts", _id("tenant_id", key=True), _id("job_id", key=True), Column("stage", Text, primary_key=True),
    _int("number", key=True), _text("worker"), _at("started_at"), _at("ended_at", null=True),
    _text("outcome", null=True), _text("error_code", null=True), _in_tenant(["job_id"], "jobs", ["id"]),
)  # fmt: skip

programs = _table(
    "programs", _id("tenant_id", key=True), _id("id", key=True), _id("user_id"), _id("submission_id"), _id("job_id"),
    _text("status"), _int("revision", default=1), _id("reviewed_by", null=True), _at("reviewed_at", null=True),
    _text("review_note", null=True), _int("weeks"), Column("start_on", Date, nullable=False), _json("spec"),
    _json("proof"), _text("input_hash"), _text("library_hash"), _text("engine_version"), _at("created_at"),
    UniqueConstraint("tenant_id", "submission_id"), UniqueConstraint("tenant_id", "job_id"),
    _in_tenant(["submission_id"], "submissions", ["id"]), _in_tenant(["job_id"], "jobs", ["id"]), _in_tenant(["reviewed_by"], "users", ["id"]),
    Index("programs_review_idx", "tenant_id", "created_at", postgresql_where=text("status = 'pending_review'")),
    Index("programs_user_idx", "tenant_id", "user_id", text("id desc")),
    Index("programs_active_key", "tenant_id", "user_id", unique=True, postgresql_where=text("status = 'active'")),
)  # fmt: skip

sessions = _table(
    "sessions", _id("tenant_id", key=True), _id("id", key=True), _id("program_id"), _id("user_id"), _int("week"),
    _int("number"), Column("deload", Boolean, nullable=False), Column("scheduled_on", Date, nullable=False),
    Column("minutes", Numeric(5, 2), nullable=False),
    UniqueConstraint("tenant_id", "program_id", "week", "number"), _in_tenant(["program_id"], "programs", ["id"]),
)  # fmt: skip

prescribed_exercises = _table(
    "prescribed_exercises", _id("tenant_id", key=True), _id("session_id", key=True), _int("position", key=True),
    _id("user_id"), _text("exercise"), _text("role"), _int("sets"), _int("reps", null=True),
    _int("seconds", null=True), _int("rest_s"), Column("minutes", Numeric(5, 2), nullable=False),
    _int("effort", null=True), _json("why"), _in_tenant(["session_id"], "sessions", ["id"]),
)  # fmt: skip

notifications = _table(
    "notifications", _id("tenant_id", key=True), _id("id", key=True), _id("user_id"), _text("kind"),
    _text("subject_type"), _id("subject_id"), _at("created_at"), _at("read_at", null=True),
    _in_tenant(["user_id"], "users", ["id"]),
    Index("notifications_user_idx", "tenant_id", "user_id", text("created_at desc"), "id"),
)  # fmt: skip

idempotency_keys = _table(
    "idempotency_keys", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    _id("user_id", key=True), Column("route", Text, primary_key=True), Column("key", Text, primary_key=True),
    _text("body_hash"), _json("response"), _at("created_at"), Index("idempotency_keys_age_idx", "created_at"),
)  # fmt: skip

audit_log = _table(
    "audit_log", Column("tenant_id", Uuid, ForeignKey("tenants.id"), nullable=True),
    Column("id", BigInteger, Identity(always=True), nullable=False), _at("at"), _id("actor_id", null=True),
    _text("actor_role"), _text("action"), _text("subject_type"), _id("subject_id"),
    _id("subject_user_id", null=True), _text("request_id", null=True),
    UniqueConstraint("tenant_id", "id", postgresql_nulls_not_distinct=True),
    Index("audit_log_subject_idx", "tenant_id", "subject_user_id", "id"),
)  # fmt: skip
