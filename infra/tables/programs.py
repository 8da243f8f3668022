"""Programs, their sessions, what was done in them and what was learned from it."""

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Index, Numeric, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from infra.tables import columns as c

programs = c.table(
    "programs", c.uuid("tenant_id", key=True), c.uuid("id", key=True), c.uuid("user_id"), c.uuid("submission_id"), c.uuid("job_id"),
    c.string("status"), c.integer("revision", default=1), c.uuid("reviewed_by", null=True), c.at("reviewed_at", null=True),
    c.string("review_note", null=True), c.integer("weeks"), Column("start_on", Date, nullable=False), c.json("spec"),
    c.json("proof"), c.string("input_hash"), c.string("library_hash"), c.string("engine_version"), c.at("created_at"),
    c.at("status_at"), c.date("next_due"), c.date("counted_from"), c.date("gap_from"), c.date("fewer_days_on"),
    c.date("reassess_on"),
    UniqueConstraint("tenant_id", "submission_id"), UniqueConstraint("tenant_id", "job_id"),
    c.in_tenant(["submission_id"], "submissions", ["id"]), c.in_tenant(["job_id"], "jobs", ["id"]), c.in_tenant(["reviewed_by"], "users", ["id"]),
    Index("programs_review_idx", "tenant_id", "created_at", postgresql_where=text("status = 'pending_review'")),
    Index("programs_user_idx", "tenant_id", "user_id", text("id desc")),
    Index("programs_active_key", "tenant_id", "user_id", unique=True,
          postgresql_where=text("status in ('active', 'paused_safety')")),
    Index("programs_due_idx", "tenant_id", "next_due", postgresql_where=text("status = 'active'")),
)  # fmt: skip

sessions = c.table(
    "sessions", c.uuid("tenant_id", key=True), c.uuid("id", key=True), c.uuid("program_id"), c.uuid("user_id"), c.integer("week"),
    c.integer("number"), Column("deload", Boolean, nullable=False), Column("scheduled_on", Date, nullable=False),
    Column("minutes", Numeric(5, 2), nullable=False), c.string("status", default="planned"), c.date("planned_on"),
    c.integer("misses", default=0), c.at("started_at", null=True), c.at("finished_at", null=True),
    UniqueConstraint("tenant_id", "program_id", "week", "number"), c.in_tenant(["program_id"], "programs", ["id"]),
    Index("sessions_user_idx", "tenant_id", "user_id", "scheduled_on"),
)  # fmt: skip

prescribed_exercises = c.table(
    "prescribed_exercises", c.uuid("tenant_id", key=True), c.uuid("session_id", key=True), c.integer("position", key=True),
    c.uuid("user_id"), c.string("exercise"), c.string("role"), c.integer("sets"), c.integer("reps", null=True),
    c.integer("seconds", null=True), c.integer("rest_s"), Column("minutes", Numeric(5, 2), nullable=False),
    c.integer("effort", null=True), c.json("why"), Column("base", JSONB, nullable=True),
    c.in_tenant(["session_id"], "sessions", ["id"]),
    Index("prescribed_exercises_exercise_idx", "tenant_id", "exercise"),
)  # fmt: skip

session_events = c.table(
    "session_events", c.uuid("tenant_id", key=True), c.uuid("session_id", key=True), c.uuid("id", key=True), c.uuid("user_id"),
    Column("at", DateTime(timezone=True), nullable=False), c.at("received_at"), c.string("type"),
    c.integer("position", null=True), c.json("body", "{}"), c.in_tenant(["session_id"], "sessions", ["id"], goes=True),
    Index("session_events_user_idx", "tenant_id", "user_id"),
)  # fmt: skip

exercise_results = c.table(
    "exercise_results", c.uuid("tenant_id", key=True), c.uuid("session_id", key=True), c.integer("position", key=True),
    c.uuid("user_id"), c.string("exercise"), c.string("status"), c.integer("sets", null=True), c.integer("reps", null=True),
    c.integer("seconds", null=True), c.integer("pain_during", null=True), c.integer("pain_after_24h", null=True),
    c.integer("effort", null=True), c.string("reason", null=True), c.string("note", null=True), c.at("done_at", null=True),
    c.in_tenant(["session_id"], "sessions", ["id"], goes=True),
    Index("exercise_results_user_idx", "tenant_id", "user_id", "done_at"),
)  # fmt: skip

adaptations = c.table(
    "adaptations", c.uuid("tenant_id", key=True), c.uuid("id", key=True), c.uuid("program_id"), c.uuid("session_id"),
    c.uuid("user_id"), c.string("exercise"), c.string("rule"), c.string("action"), c.string("status"), c.json("changes"),
    c.integer("revision", default=1), c.at("created_at"), c.uuid("decided_by", null=True), c.at("decided_at", null=True),
    c.string("note", null=True), UniqueConstraint("tenant_id", "session_id", "exercise", "rule"),
    c.in_tenant(["program_id"], "programs", ["id"], goes=True),
    c.in_tenant(["session_id"], "sessions", ["id"], goes=True), c.in_tenant(["decided_by"], "users", ["id"]),
    Index("adaptations_program_idx", "tenant_id", "program_id", "id"),
    Index("adaptations_user_idx", "tenant_id", "user_id"),
    Index("adaptations_review_idx", "tenant_id", "created_at", postgresql_where=text("status = 'proposed'")),
)  # fmt: skip

check_ins = c.table(
    "check_ins", c.uuid("tenant_id", key=True), c.uuid("id", key=True), c.uuid("program_id"), c.uuid("user_id"),
    c.json("answers"), c.string("outcome"), c.string("level", null=True),
    Column("flags", ARRAY(Text), nullable=False, server_default="{}"), c.string("advice_key", null=True),
    c.at("created_at"), c.uuid("resumed_by", null=True), c.at("resumed_at", null=True), c.string("note", null=True),
    c.in_tenant(["program_id"], "programs", ["id"], goes=True), c.in_tenant(["resumed_by"], "users", ["id"]),
    Index("check_ins_program_idx", "tenant_id", "program_id", "id"), Index("check_ins_user_idx", "tenant_id", "user_id"),
)  # fmt: skip

reports = c.table(
    "reports", c.uuid("tenant_id", key=True), c.uuid("id", key=True), c.uuid("user_id"), c.uuid("program_id"),
    c.string("status", default="preparing"), Column("size", BigInteger, nullable=True), c.string("sha256", null=True),
    c.at("created_at"), c.at("finished_at", null=True),
    Column("expires_at", DateTime(timezone=True), nullable=False, server_default=text("now() + interval '7 days'")),
    c.in_tenant(["program_id"], "programs", ["id"], goes=True), Index("reports_program_idx", "tenant_id", "program_id"),
    Index("reports_user_idx", "tenant_id", "user_id"), Index("reports_expiry_idx", "expires_at"),
)  # fmt: skip
