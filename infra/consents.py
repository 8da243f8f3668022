"""Consents in PostgreSQL: the texts, and what people said to them. Nothing of it is ever changed."""

from uuid import UUID

from domain.rights import Asked, Consent, ConsentText, Document
from infra import audit
from infra.rows import Row, TenantConnection

_ASKED = """
    select t.*, c.said_version, c.given, c.at
    from (select distinct on (document) document, version, title, body, content_hash from consent_texts
          order by document, string_to_array(version, '.')::int[] desc) t
    left join lateral (
        select c.version as said_version, c.given, c.at from consents c
        where c.tenant_id = %s and c.user_id = %s and c.document = t.document
        order by c.at desc, c.id desc limit 1) c on true"""
_SAID = """
    select document, version, given, at from consents where tenant_id = %s and user_id = %s
    order by at desc, id desc limit 200"""
_SAY = """
    insert into consents (tenant_id, id, user_id, document, version, given, request_id)
    values (%s, %s, %s, %s, %s, %s, %s) returning document, version, given, at"""


def _asked(row: Row) -> Asked:
    text = ConsentText(row["document"], row["version"], row["title"], row["body"], row["content_hash"])
    if row["at"] is None:
        return Asked(text, None)
    return Asked(text, Consent(row["document"], row["said_version"], row["given"], row["at"]))


class ConsentRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._owner = (connection.context.tenant_id, connection.context.user_id)

    def asked(self) -> dict[Document, Asked]:
        """Every document's text in force, with what the caller said last."""
        rows = self._connection.execute(_ASKED, self._owner)
        return {row["document"]: _asked(row) for row in rows}

    def said(self) -> list[Consent]:
        """All of it, newest first, at most 200."""
        return [Consent(**row) for row in self._connection.execute(_SAID, self._owner)]

    def say(self, consent_id: UUID, document: Document, version: str, *, given: bool) -> Consent:
        tenant_id, user_id = self._owner
        context = self._connection.context
        [row] = self._connection.execute(
            _SAY, (tenant_id, consent_id, user_id, document, version, given, context.request_id)
        )
        action = "consent.given" if given else "consent.withdrawn"
        audit.record(self._connection, action, "consent", consent_id, user_id)
        return Consent(**row)
