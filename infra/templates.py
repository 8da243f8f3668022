"""Published templates in PostgreSQL, parsed once per content."""

from uuid import UUID

from domain.assessments.template import Template
from domain.errors import NotFound
from domain.records import TemplateRef
from infra.rows import Row, TenantConnection

# Keyed by content hash, which a caller learns from a row it may read: a tenant cannot reach another's through it.
_parsed: dict[str, Template] = {}
_MAX_PARSED = 256


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
    select distinct on (slug) id, slug, version, content_hash, document from templates
    where status = 'published' and (%(slug)s::text is null or slug = %(slug)s)
    order by slug, tenant_id nulls last, string_to_array(version, '.')::int[] desc"""


class TemplateRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection

    def find(self, slug: str) -> TemplateRef:
        rows = self._connection.execute(_NEWEST, {"slug": slug})
        if not rows:
            raise NotFound
        return _ref(rows[0])

    def list(self) -> list[tuple[TemplateRef, Template]]:
        rows = self._connection.execute(_NEWEST, {"slug": None})
        return [(_ref(row), _template(row["content_hash"], row["document"])) for row in rows]

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
