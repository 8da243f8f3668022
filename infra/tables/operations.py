"""Dead letters and replays."""

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from infra.tables import columns as c

dead_letters = c.table(
    "dead_letters", Column("tenant_id", Uuid, ForeignKey("tenants.id"), nullable=True), c.uuid("id"),
    c.uuid("job_id", null=True), c.string("kind", null=True), c.string("stage", null=True), c.string("queue", null=True),
    c.string("correlation_id", null=True), c.string("error_code"), c.string("error_class", null=True),
    Column("frames", ARRAY(Text), nullable=True), c.string("signature"), c.string("fingerprint"), c.string("release"),
    c.string("state", default="open"), c.string("resolution", null=True), c.integer("times_seen", default=1),
    c.integer("replays", default=0), c.at("first_seen_at"), c.at("last_seen_at"), c.at("changed_at"),
    UniqueConstraint("tenant_id", "id", postgresql_nulls_not_distinct=True), c.in_tenant(["job_id"], "jobs", ["id"]),
    Index("dead_letters_job_key", "tenant_id", "job_id", "stage", unique=True,
          postgresql_where=text("job_id is not null")),
    Index("dead_letters_id_idx", "id"), Index("dead_letters_seen_idx", text("last_seen_at desc"), text("id desc")),
    Index("dead_letters_group_idx", "fingerprint", "state"),
)  # fmt: skip

dead_letter_messages = c.table(
    "dead_letter_messages", c.uuid("tenant_id", null=True), c.string("message_id"), c.uuid("letter_id"), c.string("queue"),
    c.integer("size"), c.string("sha256"), c.binary("body"), Column("envelope", JSONB, nullable=True), c.at("arrived_at"),
    UniqueConstraint("tenant_id", "message_id", postgresql_nulls_not_distinct=True),
    c.in_tenant(["letter_id"], "dead_letters", ["id"]), Index("dead_letter_messages_letter_idx", "letter_id"),
)  # fmt: skip

dead_letter_events = c.table(
    "dead_letter_events", c.uuid("tenant_id", null=True), c.uuid("id"), c.uuid("letter_id"), c.at("at"), c.uuid("operator_id"),
    c.string("action"), c.string("reason"), UniqueConstraint("tenant_id", "id", postgresql_nulls_not_distinct=True),
    c.in_tenant(["letter_id"], "dead_letters", ["id"]), Index("dead_letter_events_letter_idx", "letter_id"),
)  # fmt: skip

dead_letter_groups = c.table(
    "dead_letter_groups", Column("fingerprint", Text, primary_key=True), c.string("signature"),
    c.string("state", default="open"), c.string("resolved_in", null=True), c.string("reopened_in", null=True),
    c.json("notes", "[]"), c.integer("revision", default=1), c.at("changed_at"),
)  # fmt: skip

replays = c.table(
    "replays", c.uuid("id", key=True), c.string("mode"), c.string("state"), c.json("selector"), c.string("reason"),
    c.uuid("operator_id"), c.uuid("confirmed_by", null=True), c.string("request_id", null=True), c.string("request_key"),
    c.string("request_hash"), c.integer("total"), Column("rate", Double, nullable=False), c.integer("canary_first", null=True),
    Column("canary_share", Double, nullable=True),
    Column("canary_passed", Boolean, nullable=False, server_default="false"),
    Column("begun", Boolean, nullable=False, server_default="false"), c.at("next_at"),
    c.integer("revision", default=1), c.at("created_at"), c.at("changed_at"), c.at("finished_at", null=True),
    UniqueConstraint("operator_id", "request_key"),
    Index("replays_due_idx", "next_at", postgresql_where=text("state = 'running'")),
)  # fmt: skip

replay_letters = c.table(
    "replay_letters", c.uuid("tenant_id", null=True), Column("replay_id", Uuid, ForeignKey("replays.id"), nullable=False),
    c.uuid("letter_id"), c.integer("position"), c.string("outcome", default="pending"), c.string("reason", null=True),
    Column("report", JSONB, nullable=True), c.at("replayed_at", null=True), c.at("ended_at", null=True),
    UniqueConstraint("tenant_id", "replay_id", "letter_id", postgresql_nulls_not_distinct=True),
    c.in_tenant(["letter_id"], "dead_letters", ["id"]),
    Index("replay_letters_next_idx", "replay_id", "position", postgresql_where=text("outcome = 'pending'")),
    Index("replay_letters_outcome_idx", "replay_id", "outcome"), Index("replay_letters_letter_idx", "letter_id"),
)  # fmt: skip
