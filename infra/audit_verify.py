"""Recomputes the chains of the audit log outside PostgreSQL, whose own word on them is what is in question.

Rows come through cursors in one read-only transaction: memory does not grow with the log, and the sealer may go on.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from domain.audit import COLUMNS, AuditRow, Break, Chain, Head, Link, genesis
from domain.errors import NotFound
from infra.audit_chain import ToldHead

_AT_ONCE = 5000  # rows that a cursor brings
_ROW = ", ".join(f"l.{name}" for name in COLUMNS)

Connection = psycopg.Connection[tuple[Any, ...]]
Anchors = Mapping[UUID | None, Mapping[int, bytes]]


class TooYoung(ValueError):
    """What is younger than a year stays, whoever asks."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`entries` of the chain were recomputed and held, the last at position `length`; its first `retired` are gone by
    retention. `unsealed` counts rows older than five minutes that no chain has; `first_unsealed` is one's id.
    """

    tenant_id: UUID | None
    entries: int
    length: int
    hash: bytes
    retired: int
    broken: Break | None
    unsealed: int
    first_unsealed: int | None

    @property
    def holds(self) -> bool:
        return self.broken is None and not self.unsealed


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """One snapshot of the log, as ffp_ops or as a role that may become ffp_owner."""
    with psycopg.connect(url, connect_timeout=10, application_name="ffp-audit") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        if connection.execute("select current_user").fetchone() != ("ffp_ops",):
            connection.execute("set local role ffp_owner")
        yield connection


def tenant_named(connection: Connection, name: str) -> UUID:
    """By its id or its slug. Raises NotFound."""
    row = connection.execute("select id from tenants where id::text = lower(%s) or slug = %s", (name, name)).fetchone()
    if row is None:
        raise NotFound
    found: UUID = row[0]
    return found


def tenants(connection: Connection) -> dict[UUID | None, str | None]:
    """Slugs of everybody of whom there is anything in the log, in a chain or in a head."""
    rows = connection.execute(
        """select f.tenant_id, t.slug
           from (select tenant_id from audit_heads union select tenant_id from audit_chain
                 union select distinct tenant_id from audit_log) f
           left join tenants t on t.id = f.tenant_id order by t.slug nulls first"""
    ).fetchall()
    return dict(rows)


def heads(connection: Connection) -> list[ToldHead]:
    rows = connection.execute(
        "select tenant_id, length, hash from audit_heads order by tenant_id nulls first"
    ).fetchall()
    return [ToldHead(tenant, length, digest.hex()) for tenant, length, digest in rows]


def verify(
    connection: Connection, tenant_id: UUID | None, since: datetime | None = None, anchors: Anchors | None = None
) -> Verdict:
    """One chain: from its beginning, or what was sealed from `since` on, trusting the entry before that."""
    return _Verification(connection, tenant_id, since, (anchors or {}).get(tenant_id, {})).verdict()


@dataclass
class _Verification:
    connection: Connection
    tenant_id: UUID | None
    since: datetime | None
    anchors: Mapping[int, bytes] = field(default_factory=dict)

    def verdict(self) -> Verdict:
        head = self._head()
        chain = self._beginning(head)
        first = chain.position
        broken = self._walk(chain) or chain.end(head)
        if broken is not None:
            broken = self._explained(broken)
        unsealed, example = self._unsealed()
        retired = head.retired if head else 0
        return Verdict(
            self.tenant_id, chain.position - first, chain.position, chain.hash, retired, broken, unsealed, example
        )

    def _walk(self, chain: Chain) -> Break | None:
        with self.connection.cursor("chain") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(
                f"""select c.position, c.audit_id, c.row_hash, c.hash, {_ROW} from audit_chain c
                    left join audit_log l on {self._of("l")} and l.id = c.audit_id
                    where {self._of("c")} and c.position > %(past)s order by c.position""",  # noqa: S608 - our own names
                {"tenant": self.tenant_id, "past": chain.position},
            )
            for position, audit_id, row_hash, link_hash, *columns in cursor:
                row = None if columns[1] is None else AuditRow(*columns)
                found = chain.follow(Link(position, audit_id, row_hash, link_hash), row)
                if found is not None:
                    return found
        return None

    def _head(self) -> Head | None:
        row = self._one(f"select length, hash, retired, anchor from audit_heads h where {self._of('h')}")  # noqa: S608
        return None if row is None else Head(*row)

    def _beginning(self, head: Head | None) -> Chain:
        position, digest = (head.retired, head.anchor) if head and head.retired else (0, genesis(self.tenant_id))
        if self.since is not None:
            row = self._one(
                f"""select c.position, c.hash from audit_chain c where {self._of("c")} and c.sealed_at < %(since)s
                    order by c.position desc limit 1"""  # noqa: S608
            )
            position, digest = row or (position, digest)
        return Chain(position, digest, {place: each for place, each in self.anchors.items() if place > position})

    def _explained(self, broken: Break) -> Break:
        """The same, where the database knows more: the row is another's now, or the right entry stands elsewhere."""
        if broken.wrong == "missing_row":
            row = self._one("select true from audit_log l where l.id = %(id)s", id=broken.audit_id)
            return replace(broken, wrong="foreign_row") if row else broken
        if broken.wrong == "broken_link":
            row = self._one(
                f"""select true from audit_chain c where {self._of("c")} and c.position > %(place)s
                    and c.hash = sha256(%(before)s || c.row_hash)""",  # noqa: S608
                place=broken.position,
                before=broken.before,
            )
            return replace(broken, wrong="reordered") if row else broken
        return broken

    def _unsealed(self) -> tuple[int, int | None]:
        row = self._one(
            f"""select count(*), min(l.id) from audit_log l
                where {self._of("l")} and l.at < now() - interval '5 minutes'
                    and (%(since)s::timestamptz is null or l.at >= %(since)s)
                    and not exists (select from audit_chain c where {self._of("c")} and c.audit_id = l.id)"""  # noqa: S608
        )
        return row or (0, None)

    def _one(self, query: str, **params: Any) -> Any:
        given = {"tenant": self.tenant_id, "since": self.since} | params
        return self.connection.execute(query, given).fetchone()

    def _of(self, table: str) -> str:
        """In a form that an index serves, which `is not distinct from` is not."""
        return f"{table}.tenant_id is null" if self.tenant_id is None else f"{table}.tenant_id = %(tenant)s"


def retire(url: str, tenant_id: UUID | None, before: datetime) -> int:
    """Take away the rows at the beginning of a chain that are older than `before`, and their entries, as ffp_owner.
    What is left still verifies. Returns how many rows went. Raises TooYoung where `before` is less than a year ago.
    """
    total = 0
    with psycopg.connect(url, connect_timeout=10, application_name="ffp-audit", autocommit=True) as connection:
        connection.execute("set role ffp_owner")
        while True:
            try:
                row = connection.execute(
                    "select app.retire_audit(%s, %s, %s)", (tenant_id, before, _AT_ONCE)
                ).fetchone()
            except psycopg.errors.CheckViolation:
                raise TooYoung from None
            if row is None or not row[0]:
                return total
            total += row[0]
