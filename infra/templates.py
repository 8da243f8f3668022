"""Templates in PostgreSQL: the shipped ones, and each tenant's own."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.assessments.template import Template
from domain.errors import NotFound
from domain.records import TemplateRef, TemplateVersion
from domain.safety.rules import RedFlagRules
from domain.tenancy import Actor
from infra import audit
from infra.rows import Connection, Row

# Keyed by content hash, which a caller learns from a row it may read: a tenant cannot reach another's through it.
_parsed: dict[str, Template] = {}
_MAX_PARSED = 256
# The rules come with the release that reads them: once per process is enough.
_rules: list[RedFlagRules] = []


def _template(content_hash: str, document: object) -> Template:
    if content_hash not in _parsed:
        while len(_parsed) >= _MAX_PARSED:
            del _parsed[next(iter(_parsed))]
        _parsed[content_hash] = Template.model_validate(document)
    return _parsed[content_hash]


def _ref(row: Row) -> TemplateRef:
    return TemplateRef(row["id"], row["slug"], row["version"], row["content_hash"])


# One row a name: the tenant's own before a shipped one, then the highest version, number by number.
_NEWEST = """
    select distinct on (slug) id, slug, version, content_hash{more} from templates
    where status = 'published' and (%(slug)s::text is null or slug = %(slug)s)
    order by slug, tenant_id nulls last, string_to_array(version, '.')::int[] desc"""
_COLUMNS = """id, slug, version, content_hash, status, revision, updated_at, published_at, document,
    tenant_id is null as shipped"""
# Newest first; where the tenant has the same version as a shipped one, its own.
_VERSIONS = f"""
    select distinct on (string_to_array(version, '.')::int[]) {_COLUMNS} from templates
    where slug = %(slug)s and (%(version)s::text is null or version = %(version)s)
    order by string_to_array(version, '.')::int[] desc, tenant_id nulls last"""  # noqa: S608
_OWN = "tenant_id is not distinct from %(tenant)s and slug = %(slug)s and version = %(version)s"
_FIND_OWN = f"select {_COLUMNS} from templates where {_OWN}"  # noqa: S608
_DRAFT = f"""
    insert into templates (id, tenant_id, slug, version, content_hash, document, status)
    values (%(id)s, %(tenant)s, %(slug)s, %(version)s, %(hash)s, %(document)s, 'draft')
    on conflict (tenant_id, slug, version) do nothing returning {_COLUMNS}"""  # noqa: S608
_CHANGE = f"""
    update templates set content_hash = coalesce(%(hash)s, content_hash), document = coalesce(%(document)s, document),
        status = %(to)s, published_at = case when %(to)s = 'published' then now() else published_at end,
        revision = revision + 1, updated_at = now()
    where {_OWN} and status = %(from)s and revision = %(revision)s returning {_COLUMNS}"""  # noqa: S608


class TemplateRepository:
    """`find`, `list` and `get` know published versions only; the rest is for those who write templates."""

    def __init__(self, connection: Connection[Actor]) -> None:
        self._connection = connection

    def find(self, slug: str) -> TemplateRef:
        rows = self._connection.execute(_NEWEST.format(more=""), {"slug": slug})
        if not rows:
            raise NotFound
        return _ref(rows[0])

    def versions(self, slug: str, version: str | None = None) -> list[TemplateVersion]:
        rows = self._connection.execute(_VERSIONS, {"slug": slug, "version": version})
        return [TemplateVersion(**row) for row in rows]

    def list(self) -> list[tuple[TemplateRef, Template]]:
        known = dict(_parsed)
        rows = self._connection.execute(
            _NEWEST.format(more=", case when content_hash <> all(%(known)s) then document end as document"),
            {"slug": None, "known": list(known)},
        )
        return [
            (_ref(row), known.get(row["content_hash"]) or _template(row["content_hash"], row["document"]))
            for row in rows
        ]

    def get(self, template_id: UUID, content_hash: str) -> Template:
        """The version with this id; `content_hash` comes from a row the caller has read."""
        if content_hash in _parsed:
            return _parsed[content_hash]
        rows = self._connection.read(
            "select content_hash, document from app.read_template(%s, %s, %s, %s)", (template_id,)
        )
        if not rows:
            raise NotFound
        return _template(rows[0]["content_hash"], rows[0]["document"])

    def own(self, slug: str, version: str) -> TemplateVersion | None:
        rows = self._connection.execute(_FIND_OWN, self._key(slug, version))
        return TemplateVersion(**rows[0]) if rows else None

    def draft(self, template_id: UUID, template: Template) -> TemplateVersion | None:
        content = {"id": template_id, "hash": template.content_hash, "document": _document(template)}
        return self._changed("drafted", _DRAFT, self._key(template.id, template.version) | content)

    def replace(self, template: Template, revision: int) -> TemplateVersion | None:
        content = {"hash": template.content_hash, "document": _document(template)}
        return self._change("replaced", template.id, template.version, revision, ("draft", "draft"), content)

    def publish(self, slug: str, version: str, revision: int) -> TemplateVersion | None:
        return self._change("published", slug, version, revision, ("draft", "published"))

    def retire(self, slug: str, version: str, revision: int) -> TemplateVersion | None:
        return self._change("retired", slug, version, revision, ("published", "retired"))

    def safety_rules(self) -> RedFlagRules:
        if not _rules:
            [row] = self._connection.execute("select document from safety_rules order by created_at desc limit 1")
            _rules.append(RedFlagRules.model_validate(row["document"]))
        return _rules[0]

    def _change(
        self,
        what: str,
        slug: str,
        version: str,
        revision: int,
        move: tuple[str, str],
        content: dict[str, Any] | None = None,
    ) -> TemplateVersion | None:
        values = {"hash": None, "document": None} | (content or {})
        step = {"revision": revision, "from": move[0], "to": move[1]}
        return self._changed(what, _CHANGE, self._key(slug, version) | values | step)

    def _changed(self, what: str, query: str, values: dict[str, Any]) -> TemplateVersion | None:
        rows = self._connection.execute(query, values)
        if not rows:
            return None
        audit.record(self._connection, f"template.{what}", "template", rows[0]["id"], None)
        return TemplateVersion(**rows[0])

    def _key(self, slug: str, version: str) -> dict[str, Any]:
        return {"tenant": self._connection.context.tenant_id, "slug": slug, "version": version}


def _document(template: Template) -> Jsonb:
    return Jsonb(template.model_dump(mode="json", by_alias=True, exclude_defaults=True))
