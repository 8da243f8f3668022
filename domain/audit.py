"""The audit log, and the chain of hashes that each tenant's rows are sealed in.

`hash(n) = sha256(hash(n - 1) + row_hash(n))`; the first follows `genesis(tenant)`. PostgreSQL computes the same bytes
(migration 0008): a test compares the two, and fails as well when the log has a column that is not in the hash.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did, or read, what of whom. Ids only: nothing in it is a person's data, so it outlives their erasure.

    `actor_id` is None for a worker; `subject_user_id` where it was nobody's record. `tenant_id` is None for what staff
    did to nothing of a tenant's. The order of the fields is the order in which they are hashed.
    """

    tenant_id: UUID | None
    id: int
    at: datetime
    actor_id: UUID | None
    actor_role: str
    action: str
    subject_type: str
    subject_id: UUID
    subject_user_id: UUID | None
    request_id: str | None


COLUMNS = tuple(each.name for each in fields(AuditRow))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A row as somebody reads it; `actor_name` is None where the actor is not one of the reader's tenant."""

    row: AuditRow
    actor_name: str | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What of the log is asked for: all that is not None must hold. `since` is included, `until` is not."""

    actor_id: UUID | None = None
    subject_user_id: UUID | None = None
    action: str | None = None
    subject_type: str | None = None
    subject_id: UUID | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    tenant_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of a chain, as it is stored."""

    position: int
    audit_id: int
    row_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """How long a chain is and how it ends. Its first `retired` entries are gone; `anchor` is the hash of the last of
    them, or the genesis.
    """

    length: int
    hash: bytes
    retired: int
    anchor: bytes


Wrong = Literal[
    "altered_row",  # its columns are not those that were sealed
    "missing_row",  # the entry is there, its row is not
    "foreign_row",  # the row is there, in another tenant's log
    "missing_entry",  # a position without an entry
    "reordered",  # the entry that belongs here stands elsewhere
    "broken_link",  # an entry or its hash was written over
    "truncated",  # entries at the end are gone
    "wrong_head",  # the head tells of another chain, or there is none
    "other_anchor",  # not what was anchored outside: the chain has been made anew
]


@dataclass(frozen=True, slots=True)
class Break:
    """The first position where a chain is not what was sealed; `before` is the hash of the entry before it."""

    position: int
    wrong: Wrong
    before: bytes
    audit_id: int | None = None


def genesis(tenant_id: UUID | None) -> bytes:
    return sha256(f"ffp.audit.genesis.1:{tenant_id or ''}".encode()).digest()


def row_hash(row: AuditRow) -> bytes:
    """Of every column, each with its length in bytes before it, so that no two rows have the same bytes."""
    return sha256(b"ffp.audit.1" + b"".join([_field(getattr(row, name)) for name in COLUMNS])).digest()


def link_hash(previous: bytes, of_row: bytes) -> bytes:
    return sha256(previous + of_row).digest()


def _field(value: object) -> bytes:
    if value is None:
        return b"-"
    if isinstance(value, datetime):  # microseconds since 1970, whole
        value = (value - _EPOCH) // _MICROSECOND
    text = str(value).encode()
    return b"%d:%b" % (len(text), text)


@dataclass(slots=True)
class Chain:
    """Follows one chain past `position`, the hash there being `hash`. Both methods say what is wrong, or None.

    `anchors` are hashes by position, kept where whoever changed the database could not reach them.
    """

    position: int
    hash: bytes
    anchors: Mapping[int, bytes] = field(default_factory=dict)

    def follow(self, link: Link, row: AuditRow | None) -> Break | None:
        """The next entry as it is stored, and the row it names: None where there is none."""
        place = self.position + 1
        if link.position != place:
            return Break(place, "missing_entry", self.hash)
        if row is None:
            return Break(place, "missing_row", self.hash, link.audit_id)
        found = row_hash(row)
        expected = link_hash(self.hash, found)
        if link.hash == expected == self.anchors.get(place, expected) and link.row_hash == found:
            self.position, self.hash = place, expected
            return None
        if link.row_hash != found:
            return Break(place, "altered_row", self.hash, link.audit_id)
        return Break(place, "broken_link" if link.hash != expected else "other_anchor", self.hash, link.audit_id)

    def end(self, head: Head | None) -> Break | None:
        """After the last entry: the head, and what was anchored, must not know of more."""
        if max(head.length if head else 0, max(self.anchors, default=0)) > self.position:
            return Break(self.position + 1, "truncated", self.hash)
        if head is None or (head.length, head.hash) != (self.position, self.hash):
            return Break(self.position, "wrong_head", self.hash)
        return None
