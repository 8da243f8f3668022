"""What bulk actions ask of a worker: do the next members, write an export, collect what became of each.

A job is one chunk, as of an import. An export is one job: its file is written as a whole, or written again.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from domain.bulk_actions.model import BulkAction, ShownOutcome
from domain.bulk_actions.reasons import message
from domain.cohorts import Found
from domain.errors import Unavailable
from domain.jobs import Job, LeaseLost, Transient
from domain.records import Claim
from domain.services import bulk_action_runs, import_records
from infra import archives, content, files, settings
from infra.ids import new_id
from infra.units import UnitOfWork
from workers import plans

Open = Callable[[], AbstractContextManager[UnitOfWork]]
_PART = 2_000  # members in memory at a time
_RESULTS = ("_number", "external_id", "email", "name", "_status", "_code", "_message", "_result")
_EXPORT = (
    "id", "external_id", "email", "name", "role", "status", "joined_at", "program_status", "completion_percent",
    "adherence_percent", "last_activity_at",
)  # fmt: skip


def run(begin: Open, claim: Claim) -> bool:
    """The next members of what was ordered."""
    job = claim.job
    with begin() as uow:
        found = uow.bulk_actions.read(job.subject_id)
        if found.status != "running":
            uow.jobs.finish(job)
            return False
    try:
        _DO.get(found.action, _chunk)(begin, claim, found)
    except bulk_action_runs.MayNot as error:
        with begin() as uow:
            bulk_action_runs.refuse(uow, job, found, error.code, new_id)
    except LeaseLost:
        with begin() as uow:
            if bulk_action_runs.stopped(uow, job, found):
                return False
        raise
    return False


def _chunk(begin: Open, claim: Claim, found: BulkAction) -> Job | None:
    with begin() as uow:
        outcomes = bulk_action_runs.do_chunk(uow, found, datetime.now(UTC), new_id)
        return bulk_action_runs.checkpoint(uow, claim.job, found, outcomes, new_id)


def _regenerate(begin: Open, claim: Claim, found: BulkAction) -> Job | None:
    from workers.work import name  # noqa: PLC0415 - it imports this module

    now = datetime.now(UTC)
    with begin() as uow:
        prepared = bulk_action_runs.prepare(uow, found, now)
    given, ended = import_records.answers_of(prepared.pairs, prepared.templates, prepared.newest, now.date())
    candidates = import_records.candidates(
        given, prepared.templates, content.load_red_flags(), content.load_library(), claim.settings
    )
    ready, _ = plans.worked_out(begin, claim.job, candidates)
    with begin() as uow:
        outcomes = bulk_action_runs.store(uow, prepared, ready, ended, name(), now)
        return bulk_action_runs.checkpoint(uow, claim.job, found, outcomes, new_id)


def _export(begin: Open, claim: Claim, found: BulkAction) -> Job | None:
    """Everybody who was fixed, as they are now."""
    from infra.result_tables import written  # noqa: PLC0415 - its library is for files alone

    with begin() as uow:
        bulk_action_runs.who(uow, found)
    with archives.scratch() as directory:
        made = written(directory, "members", _EXPORT, map(_exported, _everybody(begin, claim.job, found)))
        name = f"members.{found.options.format}"
        _put(claim.job, found, name, made[name])
    with begin() as uow:
        return bulk_action_runs.finish_export(uow, claim.job, found, new_id)


_DO = {"regenerate": _regenerate, "export": _export}


def _everybody(begin: Open, job: Job, found: BulkAction) -> Iterator[Found]:
    """Part by part, none of which holds a connection while it is written. Raises LeaseLost."""
    after, more = 0, True
    while more:
        with begin() as uow:
            part = uow.bulk_actions.exported(found, after, _PART)
            uow.bulk_actions.hold(job, settings.lease_s())
        yield from (member for _, member in part)
        after, more = (part[-1][0], True) if part else (after, False)


def _exported(found: Found) -> list[str]:
    member = found.member
    cells = (
        member.id, found.external_id, member.email, member.name, member.role, member.status, member.created_at,
        found.program_status, found.completion, found.adherence, found.last_activity_at,
    )  # fmt: skip
    return ["" if cell is None else cell.isoformat() if isinstance(cell, datetime) else str(cell) for cell in cells]


def collect(begin: Open, claim: Claim) -> bool:
    """What became of each member, as CSV and as a workbook."""
    from infra.result_tables import written  # noqa: PLC0415 - as above

    with begin() as uow:
        found = uow.bulk_actions.read(claim.job.subject_id)
    with archives.scratch() as directory:
        with begin() as uow:
            lines = map(_result, uow.bulk_actions.all_members(found.id))
            made = written(directory, "results", _RESULTS, lines)
        for name, file in made.items():
            _put(claim.job, found, name, file)
    with begin() as uow:
        uow.jobs.finish(claim.job)
    return False


def _result(shown: ShownOutcome) -> list[str]:
    outcome, person = shown.outcome, shown.person
    result = f"{outcome.result_type}/{outcome.result_id}" if outcome.result_id else ""
    return [
        str(outcome.number), person.external_id or "", person.email, person.name, outcome.status, outcome.code or "",
        message(outcome.code) if outcome.code else "", result,
    ]  # fmt: skip


def _put(job: Job, found: BulkAction, name: str, file: Path) -> None:
    try:
        files.put(files.results_key(job.tenant_id, found.id, name), file)
    except Unavailable:
        raise Transient("storage_unavailable") from None
