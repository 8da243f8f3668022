"""The work of an import, chunk by chunk. Every chunk's effects, results and checkpoint commit together, with the end of
its job and the next one: whatever is killed, each row is done once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from domain.errors import NotFound
from domain.imports.faults import FileFault
from domain.imports.limits import CHUNK_ROWS, MOST_ATOMIC_ROWS
from domain.imports.model import Import, Row, RowIssue
from domain.imports.planning import Known, Wish, planned
from domain.imports.reading import Read, Reader
from domain.jobs import Job
from domain.members import Member
from domain.ports import UnitOfWork
from domain.services import bulk_turns, import_members, import_records
from domain.services.import_records import Templates
from domain.tenancy import CARE_ROLES

NewId = Callable[[], UUID]


class RowsFail(Exception):
    """All or nothing, and these rows cannot be applied."""

    def __init__(self, rows: Sequence[Row]) -> None:
        super().__init__("rows_fail")
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a chunk needs to know before it is worked out."""

    found: Import
    actor: Member
    pairs: list[tuple[Read, Row]]
    known: Known
    templates: Templates
    newest: dict[tuple[UUID, str], dict[str, Any]]


def who(uow: UnitOfWork, found: Import) -> Member:
    """Whoever ordered it, if they still may. Raises FileFault."""
    try:
        member = uow.members.get(found.created_by)
    except NotFound:
        raise FileFault("not_allowed") from None
    if member.status != "active" or member.role not in CARE_ROLES:
        raise FileFault("not_allowed")
    return member


def templates(uow: UnitOfWork, found: Import) -> Templates:
    if found.kind == "members":
        return {}
    return {ref.slug: (ref, template) for ref, template in uow.templates.list()}


def reader_of(found: Import, columns: Sequence[str], known: Templates, today: date) -> Reader:
    return Reader(found.kind, columns, found.options, {slug: each for slug, (_, each) in known.items()}, today)


def known_of(uow: UnitOfWork, found: Import, reads: Sequence[Read]) -> Known:
    external = [each.external_id for each in reads if each.external_id]
    emails = [each.email for each in reads if each.email]
    slugs = None if found.kind == "members" else [s for s in {each.values.get("template") for each in reads} if s]
    return uow.imports.known(external, emails, slugs)


def wish_of(found: Import, actor: Member, reader: Reader) -> Wish:
    return Wish(found.kind, found.on_duplicate, found.options, actor.role, reader.titles)


# --- validation ---


def stage(
    uow: UnitOfWork,
    found: Import,
    reader: Reader,
    reads: Sequence[Read],
    columns: Sequence[str],
    file: Mapping[str, Any],
) -> Import:
    """Keep what these rows would do. Raises LeaseLost."""
    known = known_of(uow, found, reads)
    wish = wish_of(found, who(uow, found), reader)
    return uow.imports.stage(found, [planned(read, known, wish) for read in reads], columns, file)


def finish_check(uow: UnitOfWork, job: Job, found: Import, now: datetime) -> None:
    """The report. Raises FileFault, LeaseLost."""
    if not found.staged:
        raise FileFault("empty_file")
    if found.mode == "atomic" and found.staged > MOST_ATOMIC_ROWS:
        raise FileFault("too_many_rows")
    uow.imports.mark_duplicates(found)
    counts = dict.fromkeys(("create", "update", "skip", "fail"), 0) | uow.imports.counts(found.id)
    uow.imports.note("validated", found.id)
    uow.imports.change(found.id, counts=counts, validated_at=now, status="ready")
    if found.mode == "validate_only":
        uow.imports.end(found.id, "completed")
    uow.jobs.finish(job)


def refuse(uow: UnitOfWork, job: Job, found: Import, fault: FileFault, new_id: NewId) -> Job | None:
    """The end of an import whose file cannot be taken. Returns the job of whoever comes next."""
    current = uow.imports.locked(found.id)
    if current.status != found.status:
        uow.jobs.finish(job)
        return None
    uow.imports.end(found.id, "invalid" if current.status == "validating" else "failed", fault.code, fault.row)
    uow.jobs.finish(job)
    return bulk_turns.release(uow, new_id) if current.status in {"running", "undoing"} else None


# --- the run ---


def prepare(uow: UnitOfWork, found: Import, today: date) -> Prepared:
    """The next rows, looked at again with what is there now. Raises FileFault."""
    actor, known_templates = who(uow, found), templates(uow, found)
    reader = reader_of(found, found.columns, known_templates, today)
    most = MOST_ATOMIC_ROWS if found.mode == "atomic" else CHUNK_ROWS[found.kind]
    rows = uow.imports.chunk(found, "pending", most)
    reads = [reader.read(row.number, row.cells) for row in rows]
    known = known_of(uow, found, reads)
    wish = wish_of(found, actor, reader)
    pairs = [(read, planned(read, known, wish)) for read in reads]
    return Prepared(found, actor, pairs, known, known_templates, _newest(uow, pairs))


def _newest(uow: UnitOfWork, pairs: Sequence[tuple[Read, Row]]) -> dict[tuple[UUID, str], dict[str, Any]]:
    found = {}
    wanted = [
        (read.values["template"], row.user_id) for read, row in pairs if read.values.get("action") == "regenerate"
    ]
    for slug in {each for each, _ in wanted}:
        people = [person for each, person in wanted if each == slug and person is not None]
        for person, row in uow.import_effects.newest(people, slug).items():
            found[person, slug or ""] = row
    return found


def apply_members(uow: UnitOfWork, prepared: Prepared, new_id: NewId) -> list[Row]:
    return import_members.apply(uow, prepared.found, prepared.actor, prepared.pairs, prepared.known, new_id)


def checkpoint(uow: UnitOfWork, job: Job, found: Import, rows: Sequence[Row], new_id: NewId) -> Job | None:
    """After the effects of a chunk, in their unit. Returns the job that goes on, here or for who waited.

    Raises LeaseLost, and RowsFail for an import that is all or nothing: then nothing may be committed.
    """
    if found.mode == "atomic" and found.status == "running" and any(row.status == "failed" for row in rows):
        raise RowsFail([row for row in rows if row.status == "failed"])
    uow.imports.keep_results(found.id, rows)
    found = uow.imports.advance(found, rows)
    uow.jobs.finish(job)
    left = "done" if found.status == "undoing" else "pending"
    if uow.imports.chunk(found, left, 1):
        return uow.jobs.enqueue(new_id(), bulk_turns.RUN_IMPORT, found.created_by, found.id)
    uow.imports.end(found.id, "undone" if found.status == "undoing" else "completed")
    return bulk_turns.release(uow, new_id)


def fail_all(uow: UnitOfWork, job: Job, found: Import, rows: Sequence[Row], new_id: NewId) -> Job | None:
    """Nothing was applied: say which rows were why."""
    uow.imports.keep_results(found.id, rows)
    return refuse(uow, job, found, FileFault("rows_fail"), new_id)


def undo_chunk(uow: UnitOfWork, found: Import, most: int = 100) -> list[Row]:
    """Take back the next rows, as far as nobody has used them."""
    actor = who(uow, found)
    ended = []
    for row in uow.imports.chunk(found, "done", most):
        gone = (
            import_members.undo(uow, row)
            if found.kind == "members"
            else import_records.undo(uow, row, actor, found.correlation_id)
        )
        ended.append(replace(row, status="undone") if gone else replace(row, issues=[RowIssue(None, "in_use")]))
    return ended


def stopped(uow: UnitOfWork, job: Job, found: Import) -> bool:
    """Whether the import was held or ended while this job worked for it: then the job ends too."""
    current = uow.imports.locked(found.id)
    if current.status == found.status:
        return False
    uow.jobs.finish(job)
    return True
