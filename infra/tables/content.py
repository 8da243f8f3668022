"""What FFP ships: templates, exercises, rules, videos; and the plans that have been solved."""

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from infra.tables import columns as c

templates = c.table(
    "templates", c.uuid("id", key=True), Column("tenant_id", Uuid, ForeignKey("tenants.id"), nullable=True),
    c.string("slug"), c.string("version"), c.string("content_hash"), c.json("document"), c.string("status"),
    c.integer("revision", default=1), c.at("updated_at"), c.at("published_at", null=True),
    Index("templates_version_key", "tenant_id", "slug", "version", unique=True, postgresql_nulls_not_distinct=True),
)  # fmt: skip

exercises = c.table(
    "exercises", Column("id", Text, primary_key=True), c.string("name"), c.string("cue"), c.json("document"),
)  # fmt: skip

libraries = c.table(
    "libraries", Column("content_hash", Text, primary_key=True), c.json("document"), c.at("created_at"),
)  # fmt: skip

safety_rules = c.table(
    "safety_rules", Column("content_hash", Text, primary_key=True), c.json("document"), c.at("created_at"),
)  # fmt: skip

solved_specs = c.table(
    "solved_specs", Column("input_hash", Text, primary_key=True), c.json("plan"), c.at("created_at"),
)  # fmt: skip

videos = c.table(
    "videos", c.uuid("id", key=True), c.string("title"), c.string("language"), Column("exercises", ARRAY(Text), nullable=False),
    c.string("status", default="draft"), c.string("media_type"), Column("upload_size", BigInteger, nullable=False),
    c.uuid("upload_id"), c.string("media_key", null=True), Column("size", BigInteger, nullable=True),
    Column("duration_s", Double, nullable=True), c.integer("width", null=True), c.integer("height", null=True),
    Column("hls", Boolean, nullable=False, server_default="false"), c.string("captions_key", null=True),
    c.string("error_code", null=True), c.integer("revision", default=1), c.at("created_at"), c.at("updated_at"),
    c.at("published_at", null=True),
)  # fmt: skip

video_progress = c.table(
    "video_progress", c.uuid("tenant_id", key=True), c.uuid("user_id", key=True),
    Column("video_id", Uuid, ForeignKey("videos.id"), primary_key=True), Column("furthest_s", Double, nullable=False),
    c.uuid("session_id", null=True), c.at("created_at"), c.at("updated_at"), c.at("completed_at", null=True),
    c.in_tenant(["user_id"], "users", ["id"]),
)  # fmt: skip
