"""What a row would do to what is there: made, changed, left alone, or wrong. The same when it is looked at and when it
is run, so that nothing else happens than what was shown, unless something has changed in between.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from domain.imports.model import Kind, OnDuplicate, Options, Row, RowIssue
from domain.imports.reading import Read
from domain.members import may_invite


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is here, whatever their state."""

    id: UUID
    email: str
    external_id: str | None
    name: str
    role: str
    status: str


@dataclass(slots=True)
class Known:
    """What the database knows of the people that some rows name. `submitted` are person and template."""

    people: Iterable[Person] = ()
    invited: frozenset[str] = frozenset()
    submitted: frozenset[tuple[UUID, str]] = frozenset()
    drafts: frozenset[tuple[UUID, str]] = frozenset()
    by_id: dict[str, Person] = field(init=False)
    by_email: dict[str, Person] = field(init=False)

    def __post_init__(self) -> None:
        self.by_id = {each.external_id: each for each in self.people if each.external_id}
        self.by_email = {each.email.lower(): each for each in self.people}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the uploader asked for, and with which role."""

    kind: Kind
    on_duplicate: OnDuplicate
    options: Options
    role: str
    titles: Mapping[str, str]


def planned(read: Read, known: Known, wish: Wish) -> Row:
    """The row as it is kept: pending, skipped or failed. Appends to the issues of `read`."""
    before = len(read.issues)
    person = _person(read, known, wish)
    key = read.external_id or read.email
    action: str | None = None
    if before == len(read.issues):
        if wish.kind == "members":
            action = _member(read, person, known, wish)
        elif person is None or person.status != "active":
            read.wrong("unknown_member", wish.titles["external_id" if read.external_id else "email"])
        else:
            action = _record(read, person, known, wish)
            key = f"{person.id} {read.values.get('template') if wish.kind == 'assessments' else ''}".strip()
    status = "failed" if read.issues else "pending" if action else "skipped"
    return Row(
        read.number,
        list(read.cells),
        action,
        status,  # type: ignore[arg-type]
        read.issues,
        person.id if person else None,
        key,
        read.email,
    )


def _person(read: Read, known: Known, wish: Wish) -> Person | None:
    by_id = known.by_id.get(read.external_id) if read.external_id else None
    by_email = known.by_email.get(read.email) if read.email else None
    if by_id is not None and by_email is not None and by_id.id != by_email.id:
        read.wrong("external_id_taken", wish.titles["external_id"])
    elif by_id is not None and read.email and by_id.email.lower() != read.email:
        read.wrong("email_differs", wish.titles["email"])
    elif by_email is not None and read.external_id and by_email.external_id not in (None, read.external_id):
        read.wrong("external_id_differs", wish.titles["external_id"])
    elif read.external_id and by_id is None and by_email is not None and wish.kind != "members":
        # Found by address, and the business's own name for them is not known: it must not be believed here.
        read.wrong("unknown_member", wish.titles["external_id"])
    return by_id or by_email


def _member(read: Read, person: Person | None, known: Known, wish: Wish) -> str | None:
    if read.issues:
        return None
    if not may_invite(wish.role, read.values["role"]):
        read.wrong("not_allowed", wish.titles.get("role"))
    elif person is not None and person.status != "removed":
        return _change(read, person, wish)
    elif read.email not in known.invited:
        return "create"
    elif wish.on_duplicate == "fail":
        read.wrong("open_invitation", wish.titles["email"])
    return None


def _change(read: Read, person: Person, wish: Wish) -> str | None:
    values = read.values
    if wish.on_duplicate == "fail":
        read.wrong("already_there", wish.titles.get("external_id", wish.titles["email"]))
    if wish.on_duplicate != "update":
        return None
    if values["says_role"] and values["role"] != person.role:
        read.wrong("role_differs", wish.titles["role"])
        return None
    new_name = bool(values["name"]) and values["name"] != person.name
    new_id = read.external_id is not None and person.external_id is None
    return "update" if new_name or new_id else None


def _record(read: Read, person: Person, known: Known, wish: Wish) -> str | None:
    if read.issues:
        return None
    if wish.kind == "programs":
        return "update"
    of_this = (person.id, read.values["template"])
    if of_this in known.drafts:
        read.wrong("draft_open")
        return None
    if of_this not in known.submitted:
        return "create"
    if wish.on_duplicate == "fail":
        read.wrong("already_there")
    return "update" if wish.on_duplicate == "update" else None


def issue_list(issues: Iterable[RowIssue]) -> list[dict[str, str | None]]:
    """As they are stored."""
    return [{"column": each.column, "code": each.code} for each in issues]
