"""The schema as SQLAlchemy sees it: what `alembic check` compares the migrated database with (tests/database).

Request paths do not import this: SQLAlchemy costs a cold start about as much as FastAPI does (docs/adr/0003).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
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


def _big(name: str, *, default: int | None = None) -> Column[object]:
    return Column(name, BigInteger, nullable=False, server_default=None if default is None else str(default))


def _bytes(name: str) -> Column[object]:
    return Column(name, LargeBinary, nullable=False)


def _json(name: str, default: str | None = None) -> Column[object]:
    return Column(name, JSONB, nullable=False, server_default=default)


def _table(name: str, *items: SchemaItem, schema: str | None = None) -> Table:
    return Table(name, metadata, *items, schema=schema)


def _date(name: str) -> Column[object]:
    return Column(name, Date, nullable=True)


def _in_tenant(
    columns: list[str], target: str, target_columns: list[str], *, goes: bool = False
) -> ForeignKeyConstraint:
    """A foreign key that cannot leave the tenant; `goes`: the row goes with its target."""
    return ForeignKeyConstraint(
        ["tenant_id", *columns],
        [f"{target}.tenant_id", *(f"{target}.{c}" for c in target_columns)],
        ondelete="CASCADE" if goes else None,
    )


tenants = _table(
    "tenants", _id("id", key=True), Column("slug", Text, nullable=False, unique=True), _text("name"), _text("kind"),
    _json("settings", "{}"), _at("created_at"), _int("requests_per_minute", default=1000),
)  # fmt: skip

users = _table(
    "users", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), _id("id", key=True),
    _text("email"), _text("display_name", default=""), _text("role"), _text("status", default="active"),
    _id("parent_business_id", null=True), _at("created_at"), _json("preferences", "{}"), _int("revision", default=1),
    _text("locale", default="en"), _text("time_zone", default="UTC"), _text("external_id", null=True),
    _in_tenant(["parent_business_id"], "users", ["id"]), Index("users_joined_idx", "tenant_id", "created_at", "id"),
    Index("users_external_key", "tenant_id", "external_id", unique=True),
)  # fmt: skip
Index("users_email_key", users.c.tenant_id, text("lower(email)"), unique=True)

principals = _table(
    "principals", Column("sub", Text, primary_key=True), _id("tenant_id", null=True), _id("user_id", null=True),
    Column("staff_id", Uuid, nullable=False, server_default=text("gen_random_uuid()")), _text("staff_role", null=True), _at("created_at"),
    _at("tokens_valid_after", null=True), _in_tenant(["user_id"], "users", ["id"]),
    Index("principals_user_idx", "tenant_id", "user_id"), schema="identity",
)  # fmt: skip

registrations = _table(
    "registrations", Column("email", Text, primary_key=True), _id("attempt_id"), _text("key"), _text("body_hash"),
    _text("state", default="begun"), _text("kind"), _text("display_name"), _text("tenant_name"), _id("tenant_id"),
    _id("user_id"), _at("lease_until", null=True), _at("created_at"), _at("updated_at"),
    Index("registrations_age_idx", "updated_at"), schema="identity",
)  # fmt: skip

codes = _table(
    "codes", Column("subject", Text, primary_key=True), Column("purpose", Text, primary_key=True), _at("asked_at"),
    schema="identity",
)  # fmt: skip

buckets = _table(
    "buckets", Column("bucket", Text, primary_key=True), Column("subject", Text, primary_key=True),
    Column("full_at", DateTime(timezone=True), nullable=False), schema="identity",
)  # fmt: skip

invitations = _table(
    "invitations", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), _id("id", key=True),
    _text("email"), _text("name", default=""), _text("role"), _text("status", default="open"), _id("invited_by"),
    _id("user_id", null=True), _at("created_at"),
    Column("expires_at", DateTime(timezone=True), nullable=False), _at("decided_at", null=True),
    _text("external_id", null=True), Column("imported", Boolean, nullable=False, server_default="false"),
    _in_tenant(["invited_by"], "users", ["id"]), _in_tenant(["user_id"], "users", ["id"]),
    Index("invitations_made_idx", "tenant_id", text("created_at desc"), "id"),
)  # fmt: skip
Index("invitations_open_key", invitations.c.tenant_id, text("lower(email)"), unique=True,
      postgresql_where=text("status = 'open'"))  # fmt: skip

invitation_tokens = _table(
    "invitation_tokens", Column("token_hash", LargeBinary, primary_key=True), _id("tenant_id"), _id("invitation_id"),
    _at("created_at"),
    ForeignKeyConstraint(["tenant_id", "invitation_id"], ["invitations.tenant_id", "invitations.id"],
                         ondelete="CASCADE"),
    Index("invitation_tokens_invitation_idx", "tenant_id", "invitation_id"), schema="identity",
)  # fmt: skip

emails = _table(
    "emails", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), _id("id", key=True),
    _id("user_id", null=True), _text("address"), _text("kind"), _json("params", "{}"),
    _text("status", default="queued"), _text("message_id", null=True), _at("created_at"), _at("sent_at", null=True),
    Index("emails_created_idx", "created_at", postgresql_using="brin"),
    _in_tenant(["user_id"], "users", ["id"]),
)  # fmt: skip

consent_texts = _table(
    "consent_texts", Column("document", Text, primary_key=True), Column("version", Text, primary_key=True),
    _text("content_hash"), _text("title"), _text("body"), _at("published_at"),
)  # fmt: skip

consents = _table(
    "consents", _id("tenant_id", key=True), _id("id", key=True), _id("user_id"), _text("document"), _text("version"),
    Column("given", Boolean, nullable=False), _at("at"), _text("request_id", null=True),
    _in_tenant(["user_id"], "users", ["id"]),
    ForeignKeyConstraint(["document", "version"], ["consent_texts.document", "consent_texts.version"]),
    Index("consents_user_idx", "tenant_id", "user_id", "document", text("at desc")),
)  # fmt: skip

exports = _table(
    "exports", _id("tenant_id", key=True), _id("id", key=True), _id("user_id"), _id("requested_by"),
    _text("status", default="preparing"), Column("size", BigInteger, nullable=True), _text("sha256", null=True),
    _at("created_at"), _at("finished_at", null=True),
    Column("expires_at", DateTime(timezone=True), nullable=False, server_default=text("now() + interval '7 days'")),
    _in_tenant(["user_id"], "users", ["id"]), _in_tenant(["requested_by"], "users", ["id"]),
    Index("exports_user_idx", "tenant_id", "user_id", text("id desc")), Index("exports_expiry_idx", "expires_at"),
)  # fmt: skip

erasures = _table(
    "erasures", _id("tenant_id", key=True), _id("user_id", key=True), _at("requested_at"),
    Column("due_at", DateTime(timezone=True), nullable=False), _at("begun_at", null=True),
    _in_tenant(["user_id"], "users", ["id"]), Index("erasures_due_idx", "due_at"), schema="identity",
)  # fmt: skip

erasure_tokens = _table(
    "erasure_tokens", Column("token_hash", LargeBinary, primary_key=True), _id("tenant_id"), _id("user_id"),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["identity.erasures.tenant_id", "identity.erasures.user_id"],
                         ondelete="CASCADE"),
    Index("erasure_tokens_user_idx", "tenant_id", "user_id"), schema="identity",
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
    _at("submitted_at", null=True), _at("assigned_at", null=True), _in_tenant(["user_id"], "users", ["id"]),
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
    _at("started_at", null=True), _at("updated_at"), _at("finished_at", null=True), _int("deaths", default=0),
    _int("replays", default=0), Column("held", Boolean, nullable=False, server_default=text("false")),
    _at("hold_until", null=True), Column("turn", BigInteger, nullable=False, server_default="0"),
    _at("available_at", null=True), _id("permit", null=True),
    UniqueConstraint("tenant_id", "assessment_id"), _in_tenant(["assessment_id"], "assessments", ["id"]),
    Index("jobs_unpublished_idx", "updated_at", postgresql_where=text(f"published_at is null and {_OPEN}")),
    Index("jobs_user_idx", "tenant_id", "user_id", text("updated_at desc")),
    Index("jobs_open_idx", "updated_at", postgresql_where=text(_OPEN)),
    Index("jobs_held_idx", "stage", "tenant_id", "id", postgresql_where=text("held")),
    Index("jobs_turn_idx", "stage", "turn", "id", postgresql_where=text(f"not held and {_OPEN}")),
    Index("jobs_line_idx", "stage", "tenant_id", "turn", postgresql_where=text(f"not held and {_OPEN}")),
    Index("jobs_permit_idx", "permit", postgresql_where=text("permit is not null and status in ('running', 'retrying')")),
    Index("jobs_leased_idx", "tenant_id", "stage", "lease_until", postgresql_where=text("lease_until is not null")),
    Index("jobs_subject_key", "tenant_id", "kind", "subject_id", unique=True,
          postgresql_where=text("status in ('queued', 'running', 'retrying', 'dead')")),
)  # fmt: skip

attempts = _table(
    "attempts", _id("tenant_id", key=True), _id("job_id", key=True), Column("stage", Text, primary_key=True),
    _int("number", key=True), _text("worker"), _at("started_at"), _at("ended_at", null=True),
    _text("outcome", null=True), _text("error_code", null=True), _text("error_class", null=True),
    Column("frames", ARRAY(Text), nullable=True), _text("signature", null=True),
    Column("release", Text, nullable=True, server_default=text("NULLIF(current_setting('app.release', true), '')")),
    _id("permit", null=True), _in_tenant(["job_id"], "jobs", ["id"]),
    Index("attempts_permit_idx", "permit", postgresql_where=text("permit is not null")),
    Index("attempts_started_idx", "started_at", postgresql_using="brin"),
    Index("attempts_ended_idx", "ended_at", postgresql_where=text("outcome = 'succeeded'")),
)  # fmt: skip

limits = _table(
    "limits", _int("version", key=True), _id("id"), _json("document"), _text("reason"), _id("changed_by", null=True),
    _at("changed_at"), UniqueConstraint("id"),
)  # fmt: skip

stage_pace = _table(
    "stage_pace", Column("stage", Text, primary_key=True), _int("waiting"), _int("workers"),
    Column("duration_s", Double, nullable=True), _at("measured_at"),
)  # fmt: skip

programs = _table(
    "programs", _id("tenant_id", key=True), _id("id", key=True), _id("user_id"), _id("submission_id"), _id("job_id"),
    _text("status"), _int("revision", default=1), _id("reviewed_by", null=True), _at("reviewed_at", null=True),
    _text("review_note", null=True), _int("weeks"), Column("start_on", Date, nullable=False), _json("spec"),
    _json("proof"), _text("input_hash"), _text("library_hash"), _text("engine_version"), _at("created_at"),
    _at("status_at"), _date("next_due"), _date("counted_from"), _date("gap_from"), _date("fewer_days_on"),
    _date("reassess_on"),
    UniqueConstraint("tenant_id", "submission_id"), UniqueConstraint("tenant_id", "job_id"),
    _in_tenant(["submission_id"], "submissions", ["id"]), _in_tenant(["job_id"], "jobs", ["id"]), _in_tenant(["reviewed_by"], "users", ["id"]),
    Index("programs_review_idx", "tenant_id", "created_at", postgresql_where=text("status = 'pending_review'")),
    Index("programs_user_idx", "tenant_id", "user_id", text("id desc")),
    Index("programs_active_key", "tenant_id", "user_id", unique=True,
          postgresql_where=text("status in ('active', 'paused_safety')")),
    Index("programs_due_idx", "tenant_id", "next_due", postgresql_where=text("status = 'active'")),
)  # fmt: skip

sessions = _table(
    "sessions", _id("tenant_id", key=True), _id("id", key=True), _id("program_id"), _id("user_id"), _int("week"),
    _int("number"), Column("deload", Boolean, nullable=False), Column("scheduled_on", Date, nullable=False),
    Column("minutes", Numeric(5, 2), nullable=False), _text("status", default="planned"), _date("planned_on"),
    _int("misses", default=0), _at("started_at", null=True), _at("finished_at", null=True),
    UniqueConstraint("tenant_id", "program_id", "week", "number"), _in_tenant(["program_id"], "programs", ["id"]),
    Index("sessions_user_idx", "tenant_id", "user_id", "scheduled_on"),
)  # fmt: skip

prescribed_exercises = _table(
    "prescribed_exercises", _id("tenant_id", key=True), _id("session_id", key=True), _int("position", key=True),
    _id("user_id"), _text("exercise"), _text("role"), _int("sets"), _int("reps", null=True),
    _int("seconds", null=True), _int("rest_s"), Column("minutes", Numeric(5, 2), nullable=False),
    _int("effort", null=True), _json("why"), Column("base", JSONB, nullable=True),
    _in_tenant(["session_id"], "sessions", ["id"]),
    Index("prescribed_exercises_exercise_idx", "tenant_id", "exercise"),
)  # fmt: skip

session_events = _table(
    "session_events", _id("tenant_id", key=True), _id("session_id", key=True), _id("id", key=True), _id("user_id"),
    Column("at", DateTime(timezone=True), nullable=False), _at("received_at"), _text("type"),
    _int("position", null=True), _json("body", "{}"), _in_tenant(["session_id"], "sessions", ["id"], goes=True),
    Index("session_events_user_idx", "tenant_id", "user_id"),
)  # fmt: skip

exercise_results = _table(
    "exercise_results", _id("tenant_id", key=True), _id("session_id", key=True), _int("position", key=True),
    _id("user_id"), _text("exercise"), _text("status"), _int("sets", null=True), _int("reps", null=True),
    _int("seconds", null=True), _int("pain_during", null=True), _int("pain_after_24h", null=True),
    _int("effort", null=True), _text("reason", null=True), _text("note", null=True), _at("done_at", null=True),
    _in_tenant(["session_id"], "sessions", ["id"], goes=True),
    Index("exercise_results_user_idx", "tenant_id", "user_id", "done_at"),
)  # fmt: skip

adaptations = _table(
    "adaptations", _id("tenant_id", key=True), _id("id", key=True), _id("program_id"), _id("session_id"),
    _id("user_id"), _text("exercise"), _text("rule"), _text("action"), _text("status"), _json("changes"),
    _int("revision", default=1), _at("created_at"), _id("decided_by", null=True), _at("decided_at", null=True),
    _text("note", null=True), UniqueConstraint("tenant_id", "session_id", "exercise", "rule"),
    _in_tenant(["program_id"], "programs", ["id"], goes=True),
    _in_tenant(["session_id"], "sessions", ["id"], goes=True), _in_tenant(["decided_by"], "users", ["id"]),
    Index("adaptations_program_idx", "tenant_id", "program_id", "id"),
    Index("adaptations_user_idx", "tenant_id", "user_id"),
    Index("adaptations_review_idx", "tenant_id", "created_at", postgresql_where=text("status = 'proposed'")),
)  # fmt: skip

check_ins = _table(
    "check_ins", _id("tenant_id", key=True), _id("id", key=True), _id("program_id"), _id("user_id"),
    _json("answers"), _text("outcome"), _text("level", null=True),
    Column("flags", ARRAY(Text), nullable=False, server_default="{}"), _text("advice_key", null=True),
    _at("created_at"), _id("resumed_by", null=True), _at("resumed_at", null=True), _text("note", null=True),
    _in_tenant(["program_id"], "programs", ["id"], goes=True), _in_tenant(["resumed_by"], "users", ["id"]),
    Index("check_ins_program_idx", "tenant_id", "program_id", "id"), Index("check_ins_user_idx", "tenant_id", "user_id"),
)  # fmt: skip

notifications = _table(
    "notifications", _id("tenant_id", key=True), _id("id", key=True), _id("user_id"), _text("kind"),
    _text("subject_type"), _id("subject_id"), _at("created_at"), _at("read_at", null=True),
    _in_tenant(["user_id"], "users", ["id"]),
    Index("notifications_user_idx", "tenant_id", "user_id", text("created_at desc"), "id"),
    Index("notifications_read_idx", "read_at", postgresql_where=text("read_at is not null")),
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
    Index("audit_log_time_idx", "tenant_id", "at", "id"), Index("audit_log_at_idx", "at", "id"),
)  # fmt: skip

audit_chain = _table(
    "audit_chain", Column("tenant_id", Uuid, ForeignKey("tenants.id"), nullable=True), _big("position"),
    _big("audit_id"), _bytes("row_hash"), _bytes("hash"), _at("sealed_at"),
    UniqueConstraint("tenant_id", "position", name="audit_chain_tenant_id_position_key", postgresql_nulls_not_distinct=True),
    UniqueConstraint("tenant_id", "audit_id", name="audit_chain_tenant_id_audit_id_key", postgresql_nulls_not_distinct=True),
    _in_tenant(["audit_id"], "audit_log", ["id"]),
)  # fmt: skip

audit_heads = _table(
    "audit_heads", Column("tenant_id", Uuid, ForeignKey("tenants.id"), nullable=True), _big("length"),
    _bytes("hash"), _big("retired", default=0), _bytes("anchor"), _at("sealed_at"), _big("told", default=0), _at("announced_at", null=True),
    UniqueConstraint("tenant_id", postgresql_nulls_not_distinct=True),
)  # fmt: skip

audit_unsealed = _table(
    "audit_unsealed", _id("tenant_id", null=True), _big("audit_id"), Index("audit_unsealed_idx", "audit_id"),
)  # fmt: skip

dead_letters = _table(
    "dead_letters", Column("tenant_id", Uuid, ForeignKey("tenants.id"), nullable=True), _id("id"),
    _id("job_id", null=True), _text("kind", null=True), _text("stage", null=True), _text("queue", null=True),
    _text("correlation_id", null=True), _text("error_code"), _text("error_class", null=True),
    Column("frames", ARRAY(Text), nullable=True), _text("signature"), _text("fingerprint"), _text("release"),
    _text("state", default="open"), _text("resolution", null=True), _int("times_seen", default=1),
    _int("replays", default=0), _at("first_seen_at"), _at("last_seen_at"), _at("changed_at"),
    UniqueConstraint("tenant_id", "id", postgresql_nulls_not_distinct=True), _in_tenant(["job_id"], "jobs", ["id"]),
    Index("dead_letters_job_key", "tenant_id", "job_id", "stage", unique=True,
          postgresql_where=text("job_id is not null")),
    Index("dead_letters_id_idx", "id"), Index("dead_letters_seen_idx", text("last_seen_at desc"), text("id desc")),
    Index("dead_letters_group_idx", "fingerprint", "state"),
)  # fmt: skip

dead_letter_messages = _table(
    "dead_letter_messages", _id("tenant_id", null=True), _text("message_id"), _id("letter_id"), _text("queue"),
    _int("size"), _text("sha256"), _bytes("body"), Column("envelope", JSONB, nullable=True), _at("arrived_at"),
    UniqueConstraint("tenant_id", "message_id", postgresql_nulls_not_distinct=True),
    _in_tenant(["letter_id"], "dead_letters", ["id"]), Index("dead_letter_messages_letter_idx", "letter_id"),
)  # fmt: skip

dead_letter_events = _table(
    "dead_letter_events", _id("tenant_id", null=True), _id("id"), _id("letter_id"), _at("at"), _id("operator_id"),
    _text("action"), _text("reason"), UniqueConstraint("tenant_id", "id", postgresql_nulls_not_distinct=True),
    _in_tenant(["letter_id"], "dead_letters", ["id"]), Index("dead_letter_events_letter_idx", "letter_id"),
)  # fmt: skip

dead_letter_groups = _table(
    "dead_letter_groups", Column("fingerprint", Text, primary_key=True), _text("signature"),
    _text("state", default="open"), _text("resolved_in", null=True), _text("reopened_in", null=True),
    _json("notes", "[]"), _int("revision", default=1), _at("changed_at"),
)  # fmt: skip

replays = _table(
    "replays", _id("id", key=True), _text("mode"), _text("state"), _json("selector"), _text("reason"),
    _id("operator_id"), _id("confirmed_by", null=True), _text("request_id", null=True), _text("request_key"),
    _text("request_hash"), _int("total"), Column("rate", Double, nullable=False), _int("canary_first", null=True),
    Column("canary_share", Double, nullable=True),
    Column("canary_passed", Boolean, nullable=False, server_default="false"),
    Column("begun", Boolean, nullable=False, server_default="false"), _at("next_at"),
    _int("revision", default=1), _at("created_at"), _at("changed_at"), _at("finished_at", null=True),
    UniqueConstraint("operator_id", "request_key"),
    Index("replays_due_idx", "next_at", postgresql_where=text("state = 'running'")),
)  # fmt: skip

replay_letters = _table(
    "replay_letters", _id("tenant_id", null=True), Column("replay_id", Uuid, ForeignKey("replays.id"), nullable=False),
    _id("letter_id"), _int("position"), _text("outcome", default="pending"), _text("reason", null=True),
    Column("report", JSONB, nullable=True), _at("replayed_at", null=True), _at("ended_at", null=True),
    UniqueConstraint("tenant_id", "replay_id", "letter_id", postgresql_nulls_not_distinct=True),
    _in_tenant(["letter_id"], "dead_letters", ["id"]),
    Index("replay_letters_next_idx", "replay_id", "position", postgresql_where=text("outcome = 'pending'")),
    Index("replay_letters_outcome_idx", "replay_id", "outcome"), Index("replay_letters_letter_idx", "letter_id"),
)  # fmt: skip

webhook_endpoints = _table(
    "webhook_endpoints", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), _id("id", key=True),
    _text("url"), Column("events", ARRAY(Text), nullable=False, server_default="{}"), _text("description", default=""),
    Column("enabled", Boolean, nullable=False, server_default="true"), _text("disabled_reason", null=True),
    Column("secret", LargeBinary, nullable=True), Column("previous_secret", LargeBinary, nullable=True),
    _at("previous_until", null=True), _at("failing_since", null=True), _int("revision", default=1), _at("created_at"),
    _at("updated_at"), _at("deleted_at", null=True),
)  # fmt: skip

_UNSENT = "status in ('pending', 'sending')"
webhook_deliveries = _table(
    "webhook_deliveries", _id("tenant_id", key=True), _id("id", key=True), _id("endpoint_id"), _text("type"),
    _id("subject_id"), _text("status", default="pending"), _int("attempt", default=0), _int("tried_before", default=0),
    Column("next_at", DateTime(timezone=True), nullable=True, server_default=_NOW), _at("attempted_at", null=True),
    _text("outcome", null=True), _int("response_status", null=True), _int("duration_ms", null=True), _at("created_at"),
    _in_tenant(["endpoint_id"], "webhook_endpoints", ["id"]),
    Index("webhook_deliveries_open_idx", "tenant_id", "endpoint_id", "next_at", postgresql_where=text(_UNSENT)),
    Index("webhook_deliveries_due_idx", "next_at", postgresql_where=text(_UNSENT)),
    Index("webhook_deliveries_log_idx", "tenant_id", "endpoint_id", text("created_at desc"), text("id desc")),
    Index("webhook_deliveries_age_idx", "created_at"),
)  # fmt: skip

imports = _table(
    "imports", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), _id("id", key=True),
    _id("created_by"), _text("kind"), _text("mode"), _text("on_duplicate"), _json("options", "{}"),
    _text("status", default="uploading"), _int("revision", default=1), _text("format", null=True),
    Column("size", BigInteger, nullable=True), _text("sha256", null=True), _json("columns", "[]"),
    _int("staged", default=0), _int("last_row", default=0), _int("position", default=0), _json("counts", "{}"),
    _int("done", default=0), _int("skipped", default=0), _int("failed", default=0), _int("undone", default=0),
    _int("to_do", default=0), _at("run_started_at", null=True), _int("run_base", default=0),
    _text("error_code", null=True), _int("error_row", null=True), _text("correlation_id"), _at("created_at"),
    _at("updated_at"), _at("validated_at", null=True), _at("confirmed_at", null=True), _at("finished_at", null=True),
    _in_tenant(["created_by"], "users", ["id"]),
    Index("imports_running_key", "tenant_id", unique=True,
          postgresql_where=text("status in ('running', 'undoing')")),
)  # fmt: skip

import_rows = _table(
    "import_rows", _id("tenant_id", key=True), _id("import_id", key=True), _int("number", key=True),
    _id("user_id", null=True), _text("key", null=True), _text("email", null=True), _json("cells"),
    _text("action", null=True), _text("status"), _json("issues", "[]"), _text("result_type", null=True),
    _id("result_id", null=True), Column("before", JSONB, nullable=True), _at("created_at"),
    _in_tenant(["import_id"], "imports", ["id"]),
    Index("import_rows_user_idx", "tenant_id", "user_id", postgresql_where=text("user_id is not null")),
    Index("import_rows_created_idx", "created_at", postgresql_using="brin"),
)  # fmt: skip

bulk_actions = _table(
    "bulk_actions", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), _id("id", key=True),
    _id("created_by"), _text("action"), _json("filter"), _json("narrowed", "[]"), _json("options", "{}"),
    _text("status"), _int("revision", default=1), _int("to_do"), _int("position", default=0), _int("done", default=0),
    _int("skipped", default=0), _int("failed", default=0), _at("run_started_at", null=True),
    _int("run_base", default=0), _text("error_code", null=True), _text("correlation_id"), _at("created_at"),
    _at("updated_at"), _at("finished_at", null=True), _in_tenant(["created_by"], "users", ["id"]),
    Index("bulk_actions_running_key", "tenant_id", unique=True, postgresql_where=text("status = 'running'")),
)  # fmt: skip

bulk_action_members = _table(
    "bulk_action_members", _id("tenant_id", key=True), _id("action_id", key=True), _int("number", key=True),
    _id("user_id"), _text("status", default="pending"), _text("code", null=True), _text("result_type", null=True),
    _id("result_id", null=True), _at("created_at"), _in_tenant(["action_id"], "bulk_actions", ["id"]),
    _in_tenant(["user_id"], "users", ["id"]), Index("bulk_action_members_user_idx", "tenant_id", "user_id"),
    Index("bulk_action_members_created_idx", "created_at", postgresql_using="brin"),
)  # fmt: skip

videos = _table(
    "videos", _id("id", key=True), _text("title"), _text("language"), Column("exercises", ARRAY(Text), nullable=False),
    _text("status", default="draft"), _text("media_type"), Column("upload_size", BigInteger, nullable=False),
    _id("upload_id"), _text("media_key", null=True), Column("size", BigInteger, nullable=True),
    Column("duration_s", Double, nullable=True), _int("width", null=True), _int("height", null=True),
    Column("hls", Boolean, nullable=False, server_default="false"), _text("captions_key", null=True),
    _text("error_code", null=True), _int("revision", default=1), _at("created_at"), _at("updated_at"),
    _at("published_at", null=True),
)  # fmt: skip

video_progress = _table(
    "video_progress", _id("tenant_id", key=True), _id("user_id", key=True),
    Column("video_id", Uuid, ForeignKey("videos.id"), primary_key=True), Column("furthest_s", Double, nullable=False),
    _id("session_id", null=True), _at("created_at"), _at("updated_at"), _at("completed_at", null=True),
    _in_tenant(["user_id"], "users", ["id"]),
)  # fmt: skip

feeds = _table(
    "feeds", _id("tenant_id", key=True), _id("id", key=True), _id("user_id"), _bytes("token_hash"),
    Column("starts_at", Time, nullable=True), _at("created_at"), _at("revoked_at", null=True),
    _in_tenant(["user_id"], "users", ["id"]), Index("feeds_user_idx", "tenant_id", "user_id"),
    Index("feeds_token_idx", "token_hash", postgresql_where=text("revoked_at is null")),
)  # fmt: skip

reports = _table(
    "reports", _id("tenant_id", key=True), _id("id", key=True), _id("user_id"), _id("program_id"),
    _text("status", default="preparing"), Column("size", BigInteger, nullable=True), _text("sha256", null=True),
    _at("created_at"), _at("finished_at", null=True),
    Column("expires_at", DateTime(timezone=True), nullable=False, server_default=text("now() + interval '7 days'")),
    _in_tenant(["program_id"], "programs", ["id"], goes=True), Index("reports_program_idx", "tenant_id", "program_id"),
    Index("reports_user_idx", "tenant_id", "user_id"), Index("reports_expiry_idx", "expires_at"),
)  # fmt: skip

reminders = _table(
    "reminders", _id("tenant_id", key=True), _id("user_id", key=True), Column("kind", Text, primary_key=True),
    Column("on_day", Date, primary_key=True), _id("subject_id"), _at("created_at"),
    _in_tenant(["user_id"], "users", ["id"]), Index("reminders_age_idx", "created_at", postgresql_using="brin"),
)  # fmt: skip

member_views = _table(
    "member_views", Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True), _id("id", key=True),
    _text("name"), _json("filter"), _id("created_by"), _int("revision", default=1), _at("created_at"),
    _at("updated_at"), _in_tenant(["created_by"], "users", ["id"]),
)  # fmt: skip
