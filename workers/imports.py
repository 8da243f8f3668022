"""What imports ask of a worker: look at a file, run what was confirmed, collect what became of it.

A job is one chunk. It looks at the import, works things out while no transaction is open, and stores effects, results
and checkpoint in one commit with its own end and the job that goes on: that one waits in the queue like anybody's.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from domain.errors import Unavailable
from domain.imports.faults import FileFault
from domain.imports.limits import MOST_ROWS, STAGED_AT_ONCE, STAGED_CHARS_AT_ONCE
from domain.imports.model import Import, Row
from domain.imports.reading import Read
from domain.jobs import Job, LeaseLost, Transient
from domain.records import Claim
from domain.services import import_records, import_runs
from domain.services.import_records import Templates
from infra import archives, content, files, settings, sheets
from infra.ids import new_id
from infra.units import UnitOfWork
from workers import plans

Open = Callable[[], AbstractContextManager[UnitOfWork]]
_BUDGET_S = 20.0  # after which a job leaves the rest to the next one; well within the lease


def check(begin: Open, claim: Claim) -> bool:
    """Read the whole file, keep its rows with what each would do, and report."""
    with begin() as uow:
        found = uow.imports.read(claim.job.subject_id)
        known = import_runs.templates(uow, found)
        if found.status != "validating":
            uow.jobs.finish(claim.job)
            return False
    try:
        with archives.scratch() as directory:
            file = _fetched(claim.job, found, directory)
            _stage_all(begin, claim.job, found, file, known)
    except FileFault as fault:
        _refuse(begin, claim.job, found, fault)
    except LeaseLost:
        return _stopped(begin, claim.job, found)
    return False


def _stage_all(begin: Open, job: Job, found: Import, file: sheets.File, known: Templates) -> Job | None:
    table, today, until = sheets.opened(file), datetime.now(UTC).date(), monotonic() + _BUDGET_S
    facts = {"format": file.format, "size": file.size, "sha256": file.sha256}
    reader = import_runs.reader_of(found, table.columns, known, today)
    reads: list[Read] = []
    chars = table.chars

    def keep() -> Import:
        with begin() as uow:
            kept = import_runs.stage(uow, found, reader, reads, table.columns, facts)
            uow.imports.hold(job, settings.lease_s())
        reads.clear()
        return kept

    count = 0
    for number, cells in table:
        count += 1
        if count > MOST_ROWS:
            raise FileFault("too_many_rows", number)
        if number <= found.last_row:
            continue  # an earlier job has kept it
        if len(table.columns) > reader.width:  # JSON brings names as it goes
            reader = import_runs.reader_of(found, table.columns, known, today)
        reads.append(reader.read(number, cells))
        if len(reads) == STAGED_AT_ONCE or table.chars - chars > STAGED_CHARS_AT_ONCE:
            found, chars = keep(), table.chars
            if monotonic() > until:
                return _handed_on(begin, job)
    if reads or not found.staged:
        found = keep()
    with begin() as uow:
        import_runs.finish_check(uow, job, found, datetime.now(UTC))
    return None


def _handed_on(begin: Open, job: Job) -> Job:
    with begin() as uow:
        uow.imports.locked(job.subject_id)  # a unit that begins with the end of its job is over with it
        uow.jobs.finish(job)
        return uow.jobs.enqueue(new_id(), job.kind, job.user_id, _subject(job))


def run(begin: Open, claim: Claim) -> bool:
    """One chunk of what was confirmed, or of what is to be undone."""
    with begin() as uow:
        found = uow.imports.read(claim.job.subject_id)
        if found.status not in {"running", "undoing"}:
            uow.jobs.finish(claim.job)
            return False
    try:
        if found.status == "running" and found.position == 0 and not found.worked_on:
            _same_file(claim.job, found)
        _chunk(begin, claim, found)
    except FileFault as fault:
        _refuse(begin, claim.job, found, fault)
    except import_runs.RowsFail as failure:
        with begin() as uow:
            import_runs.fail_all(uow, claim.job, found, failure.rows, new_id)
    except LeaseLost:
        return _stopped(begin, claim.job, found)
    return False


def _chunk(begin: Open, claim: Claim, found: Import) -> Job | None:
    job = claim.job
    if found.status == "undoing":
        with begin() as uow:
            return import_runs.checkpoint(uow, job, found, import_runs.undo_chunk(uow, found), new_id)
    today = datetime.now(UTC).date()
    if found.kind == "members":
        with begin() as uow:
            prepared = import_runs.prepare(uow, found, today)
            return import_runs.checkpoint(uow, job, found, import_runs.apply_members(uow, prepared, new_id), new_id)
    with begin() as uow:
        prepared = import_runs.prepare(uow, found, today)
    given, ended = import_records.answers_of(prepared.pairs, prepared.templates, prepared.newest, today)
    candidates = import_records.candidates(
        given, prepared.templates, content.load_red_flags(), content.load_library(), claim.settings
    )
    ready, left = plans.worked_out(begin, job, candidates, all_of_them=found.mode == "atomic")
    ordered = [pair for pair in prepared.pairs if pair[0].values.get("action") in {"assign", "archive"}]
    first_left = left[0].row.number if left else None
    with begin() as uow:
        uow.imports.read(found.id)
        done = import_records.store(uow, import_records.source_of(found), prepared.actor, ready, worker_name())
        done += import_records.order(uow, found, prepared.actor, _before(ordered, first_left))
        done += [row for row in ended if first_left is None or row.number < first_left]
        return import_runs.checkpoint(uow, job, found, sorted(done, key=lambda row: row.number), new_id)


def _before(pairs: list[tuple[Read, Row]], number: int | None) -> list[tuple[Read, Row]]:
    return [pair for pair in pairs if number is None or pair[1].number < number]


def collect(begin: Open, claim: Claim) -> bool:
    """What became of each row, as CSV and as a workbook, each row in memory once."""
    from infra.import_results import written  # noqa: PLC0415 - its library is for this alone

    with begin() as uow:
        found = uow.imports.read(claim.job.subject_id)
    with archives.scratch() as directory:
        with begin() as uow:
            made = written(directory, found, uow.imports.all_rows(found.id))
        try:
            for name, file in made.items():
                files.put(files.results_key(claim.job.tenant_id, found.id, name), file)
        except Unavailable:
            raise Transient("storage_unavailable") from None
    with begin() as uow:
        uow.jobs.finish(claim.job)
    return False


def _fetched(job: Job, found: Import, directory: Path) -> sheets.File:
    """As it was when any of it was first read. Raises FileFault, Transient."""
    target = directory / "source"
    try:
        if not files.get(files.source_key(job.tenant_id, found.id), target):
            raise FileFault("missing_file")
    except Unavailable:
        raise Transient("storage_unavailable") from None
    file = sheets.inspected(target)
    if found.sha256 not in (None, file.sha256):
        raise FileFault("changed_file")
    return file


def _same_file(job: Job, found: Import) -> None:
    """Raises FileFault where what lies there is not what was validated."""
    with archives.scratch() as directory:
        _fetched(job, found, directory)


def _refuse(begin: Open, job: Job, found: Import, fault: FileFault) -> Job | None:
    with begin() as uow:
        return import_runs.refuse(uow, job, found, fault, new_id)


def _stopped(begin: Open, job: Job, found: Import) -> bool:
    """Held or ended meanwhile: so is this job. Otherwise somebody else has it: raises LeaseLost."""
    with begin() as uow:
        if import_runs.stopped(uow, job, found):
            return False
    raise LeaseLost


def _subject(job: Job) -> Any:
    return job.subject_id


def worker_name() -> str:
    from workers.work import name  # noqa: PLC0415 - it imports this module

    return name()
