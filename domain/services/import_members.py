"""Bring in the members of an import, and take them back."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from domain.imports.model import Import, Row, RowIssue
from domain.imports.people import Newcomer
from domain.imports.planning import Known
from domain.imports.reading import Read
from domain.members import Member
from domain.ports import UnitOfWork
from domain.services import business
from domain.services.invitations import letter_params

NewId = Callable[[], UUID]
_CONFLICT = [RowIssue(None, "conflict")]


def apply(
    uow: UnitOfWork, found: Import, actor: Member, pairs: Sequence[tuple[Read, Row]], known: Known, new_id: NewId
) -> list[Row]:
    """Each row as it ended. Who came in by another way since they were looked at is a conflict, and nobody else's."""
    ended = {row.number: row for _, row in pairs}
    create = [(read, row) for read, row in pairs if row.status == "pending" and row.action == "create"]
    update = [(read, row) for read, row in pairs if row.status == "pending" and row.action == "update"]
    if create:
        ended |= _create(uow, found, actor, create, known, new_id)
    if update:
        ended |= _update(uow, found, actor, update, known)
    return [ended[number] for number in sorted(ended)]


def _create(
    uow: UnitOfWork,
    found: Import,
    actor: Member,
    pairs: Sequence[tuple[Read, Row]],
    known: Known,
    new_id: NewId,
) -> dict[int, Row]:
    until = uow.import_effects.until(business.read(uow).invitation_days)
    name = uow.members.business_name()
    people = []
    for read, row in pairs:
        invitation, email = new_id(), read.email or ""
        # Who was here before comes back by accepting, not by our saying so.
        adds = found.options.intake == "add" and email not in known.by_email
        params = letter_params(name, actor, invitation, read.values["role"], until)
        people.append(
            Newcomer(
                row.number, invitation, new_id() if adds else None, email, read.values["name"], read.values["role"],
                read.external_id, new_id(), new_id(), params,
            )
        )  # fmt: skip
    done = uow.import_effects.bring_in(people, until, actor.id, actor.role, found.correlation_id)
    rows = {row.number: row for _, row in pairs}
    ended = {}
    for each in people:
        before = {"invitation": str(each.invitation)}
        ended[each.number] = (
            replace(
                rows[each.number],
                status="done",
                user_id=each.person,
                result_type="invitation" if each.person is None else "user",
                result_id=each.person or each.invitation,
                before=before,
            )
            if each.number in done
            else replace(rows[each.number], status="failed", issues=_CONFLICT)
        )
    return ended


def _update(
    uow: UnitOfWork, found: Import, actor: Member, pairs: Sequence[tuple[Read, Row]], known: Known
) -> dict[int, Row]:
    people = {each.id: each for each in known.people}
    changes: list[dict[str, Any]] = []
    for read, row in pairs:
        person = people[_known_id(row)]
        changes.append(
            {
                "id": str(person.id),
                "name": read.values["name"] or person.name,
                "external_id": person.external_id or read.external_id,
            }
        )
    changed = uow.import_effects.rename(changes, actor.id, actor.role, found.correlation_id)
    ended = {}
    for (_, row), change in zip(pairs, changes, strict=True):
        person = people[_known_id(row)]
        before = {"name": person.name, "external_id": person.external_id, "set_name": change["name"]}
        ended[row.number] = (
            replace(row, status="done", result_type="user", result_id=person.id, before=before)
            if person.id in changed
            else replace(row, status="failed", issues=_CONFLICT)
        )
    return ended


def undo(uow: UnitOfWork, row: Row) -> bool:
    """False where it has been used since."""
    before = row.before or {}
    if "invitation" in before:
        return uow.import_effects.uninvite(UUID(before["invitation"]), row.user_id)
    return uow.import_effects.rename_back(_known_id(row), before["name"], before["external_id"], before["set_name"])


def _known_id(row: Row) -> UUID:
    if row.user_id is None:
        raise ValueError("the row is about nobody")
    return row.user_id
