"""The work of a bulk action, chunk by chunk. Effects, outcomes and checkpoint of a chunk commit together, with the end
of its job and the next one: whatever is killed, each member is done once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.bulk_actions.model import CHUNK_MEMBERS, BulkAction, MemberStatus, Outcome, Prospect
from domain.errors import NotFound
from domain.imports.model import Row
from domain.imports.reading import Read
from domain.jobs import Job
from domain.members import Member
from domain.ports import UnitOfWork
from domain.services import bulk_turns, import_records
from domain.services.import_records import Ready, Source, Templates
from domain.tenancy import CARE_ROLES

NewId = Callable[[], UUID]


class MayNot(Exception):
    """Whoever ordered the action may not do it any more, or what it needs is gone: `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Prepared:
    """Of a chunk that makes programs, what is to be worked out before it is stored."""

    found: BulkAction
    actor: Member
    prospects: list[Prospect]
    templates: Templates
    pairs: list[tuple[Read, Row]]
    newest: dict[tuple[UUID, str], dict[str, Any]]


def who(uow: UnitOfWork, found: BulkAction) -> Member:
    """Whoever ordered it. Raises MayNot."""
    try:
        member = uow.members.get(found.created_by)
    except NotFound:
        raise MayNot("not_allowed") from None
    if member.status != "active" or member.role not in CARE_ROLES:
        raise MayNot("not_allowed")
    return member


def do_chunk(uow: UnitOfWork, found: BulkAction, now: datetime, new_id: NewId) -> list[Outcome]:
    """The next members of assign, remind or archive, as they ended. Raises MayNot."""
    actor = who(uow, found)
    prospects = uow.bulk_actions.chunk(found, (), now, CHUNK_MEMBERS[found.action])
    wanted = [each for each in prospects if each.code is None]
    by = (actor.id, actor.role, found.correlation_id)
    done: dict[UUID, tuple[str, UUID]] = {}
    if found.action == "archive":
        archived = uow.import_effects.archive([each.user_id for each in wanted], *by)
        done = {person: ("program", program) for person, program in archived.items()}
    elif found.action == "assign":
        try:
            template = uow.templates.find(found.options.template or "")
        except NotFound:
            raise MayNot("unknown_template") from None
        made = uow.action_effects.assign([_assigned(each, new_id) for each in wanted], template.id, by)
        done = {person: ("assessment", assessment) for person, assessment in made.items()}
    elif found.action == "remind":
        told = uow.action_effects.remind([_reminder(each, new_id) for each in wanted], by)
        reminded = [each for each in wanted if each.user_id in told]
        done = {each.user_id: (each.kind or "", each.subject) for each in reminded if each.subject}
    return [_outcome(each, done.get(each.user_id), _OVERTAKEN[found.action]) for each in prospects]


# What somebody else has done between the judgement and the deed.
_OVERTAKEN = {"archive": "no_program", "assign": "draft_open", "remind": "reminded_today"}


def _outcome(prospect: Prospect, done: tuple[str, UUID] | None, overtaken: str) -> Outcome:
    if done is not None:
        return Outcome(prospect.number, prospect.user_id, "done", None, *done)
    return Outcome(prospect.number, prospect.user_id, "skipped", prospect.code or overtaken)


def _assigned(prospect: Prospect, new_id: NewId) -> dict[str, str]:
    assessment = str(new_id())
    return _told(prospect, "assessment", assessment, new_id) | {"assessment": assessment}


def _reminder(prospect: Prospect, new_id: NewId) -> dict[str, str]:
    return _told(prospect, prospect.kind or "", str(prospect.subject), new_id)


def _told(prospect: Prospect, kind: str, subject: str, new_id: NewId) -> dict[str, str]:
    return {
        "person": str(prospect.user_id), "kind": kind, "subject": subject, "letter": str(new_id()),
        "job": str(new_id()),
    }  # fmt: skip


# --- programs ---


def prepare(uow: UnitOfWork, found: BulkAction, now: datetime) -> Prepared:
    """The next members of regenerate, with the answers that their programs are made of. Raises MayNot."""
    actor = who(uow, found)
    templates: Templates = {ref.slug: (ref, template) for ref, template in uow.templates.list()}
    prospects = uow.bulk_actions.chunk(found, list(templates), now, CHUNK_MEMBERS[found.action])
    slug = found.options.template
    wanted = [each for each in prospects if each.code is None]
    pairs = [
        (
            Read(each.number, [], values={"action": "regenerate", "template": slug}),
            Row(each.number, [], "update", "pending", [], each.user_id),
        )
        for each in wanted
    ]
    newest = uow.import_effects.newest([each.user_id for each in wanted], slug) if wanted else {}
    return Prepared(
        found, actor, prospects, templates, pairs, {(person, slug or ""): row for person, row in newest.items()}
    )


def store(
    uow: UnitOfWork,
    prepared: Prepared,
    ready: Sequence[Ready],
    ended: Sequence[Row],
    worker: str,
    now: datetime,
) -> list[Outcome]:
    """Each member up to the first for whom nothing has been worked out yet. They are judged once more: a program that
    has been paused meanwhile stays as it is.
    """
    found = prepared.found
    people = {each.row.number: each.row.user_id for each in ready if each.row.user_id is not None}
    slugs = list(prepared.templates)
    late = uow.bulk_actions.judged(found, list(people.values()), slugs, now) if people else {}
    source = Source(found.id, found.correlation_id, again=True, skips=False)
    rows = import_records.store(
        uow, source, prepared.actor, [each for each in ready if people[each.row.number] not in late], worker
    )
    referred = {each.row.number for each in ready if each.values["referral"]}
    outcomes = {row.number: _of_row(row, referred=row.number in referred) for row in [*rows, *ended]}
    for each in prepared.prospects:
        code = each.code or late.get(each.user_id)
        if code is not None:
            outcomes[each.number] = Outcome(each.number, each.user_id, "skipped", code)
    contiguous = []
    for each in prepared.prospects:
        if each.number not in outcomes:
            break
        contiguous.append(outcomes[each.number])
    return contiguous


def _of_row(row: Row, *, referred: bool) -> Outcome:
    if row.user_id is None:
        raise ValueError("the row is about nobody")
    code = row.issues[0].code if row.issues else "referral" if referred and row.status == "done" else None
    status: MemberStatus = "skipped" if row.status == "skipped" else "done" if row.status == "done" else "failed"
    return Outcome(row.number, row.user_id, status, code, row.result_type, row.result_id)


# --- the end of a chunk ---


def checkpoint(uow: UnitOfWork, job: Job, found: BulkAction, outcomes: Sequence[Outcome], new_id: NewId) -> Job | None:
    """After the effects of a chunk, in their unit. Returns the job that goes on, here or for who waited.

    Raises LeaseLost: then nothing may be committed.
    """
    uow.bulk_actions.keep_outcomes(found.id, outcomes)
    found = uow.bulk_actions.advance(found, outcomes)
    return _go_on(uow, job, found, new_id, more=bool(outcomes) and uow.bulk_actions.has_more(found))


def finish_export(uow: UnitOfWork, job: Job, found: BulkAction, new_id: NewId) -> Job | None:
    """Its file is where it belongs. Raises LeaseLost."""
    return _go_on(uow, job, uow.bulk_actions.finish_export(found), new_id, more=False)


def _go_on(uow: UnitOfWork, job: Job, found: BulkAction, new_id: NewId, *, more: bool) -> Job | None:
    uow.jobs.finish(job)
    if more:
        return uow.jobs.enqueue(new_id(), bulk_turns.RUN_ACTION, found.created_by, found.id)
    uow.bulk_actions.end(found.id, "completed")
    return bulk_turns.release(uow, new_id)


def refuse(uow: UnitOfWork, job: Job, found: BulkAction, code: str, new_id: NewId) -> Job | None:
    """The end of an action that may not go on. Returns the job of whoever comes next."""
    current = uow.bulk_actions.locked(found.id)
    uow.jobs.finish(job)
    if current.status != "running":
        return None
    uow.bulk_actions.end(found.id, "failed", code)
    return bulk_turns.release(uow, new_id)


def stopped(uow: UnitOfWork, job: Job, found: BulkAction) -> bool:
    """Whether the action was held or ended while this job worked for it: then the job ends too."""
    if uow.bulk_actions.locked(found.id).status == found.status:
        return False
    uow.jobs.finish(job)
    return True
