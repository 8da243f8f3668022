"""`ffp jobs`: jobs of every tenant."""

import json
import time
from typing import Annotated, Any

import typer

from cli.operations import Api, Execute, Limit, Output, an_id, facts, moment, operators, rows, say

app = typer.Typer(help="Jobs of every tenant: metadata, nobody's health data.", no_args_is_help=True)

_OVERLAP_S = 10.0
_COLUMNS = "!job, tenant, ?kind, ?stage, status, ?>attempt, ?>replays, !error, changed"
Status = Annotated[str | None, typer.Option(help="queued, running, retrying, succeeded, failed, canceled or dead.")]
Kind = Annotated[str | None, typer.Option(help="Such as assessment.")]
Stage = Annotated[str | None, typer.Option(help="Such as generating.")]
Tenant = Annotated[str | None, typer.Option(help="A tenant's id.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Its id.", callback=an_id)]


def _row(job: dict[str, Any]) -> list[Any]:
    return [
        job["id"],
        job["tenant"],
        job["kind"],
        job["stage"],
        job["status"],
        f"{job['attempt']}/{job['max_attempts']}",
        job["replays"] or None,
        job["error_code"],
        moment(job["updated_at"]),
    ]


@operators(app)
def ls(
    api: Api,
    *,
    status: Status = None,
    kind: Kind = None,
    stage: Stage = None,
    tenant: Tenant = None,
    limit: Limit = 30,
    output: Output = "table",
) -> None:
    """List them, last changed first."""
    found = list(api.every("jobs", limit, status=status, kind=kind, stage=stage, tenant_id=tenant))
    say(found, output, lambda: rows(_COLUMNS, [_row(job) for job in found], nothing="No such job."))


@operators(app)
def show(api: Api, *, job: JobId, output: Output = "table") -> None:
    """One job with its attempts and where they failed."""
    found = api.get(f"jobs/{job}")
    say(found, output, lambda: [_facts(found), attempts_table(found["attempts"])])


def _facts(job: dict[str, Any]) -> Any:
    names = "id tenant kind stage status attempt max_attempts replays error_code correlation_id created_at updated_at"
    return facts(job, names + " published_at lease_until finished_at dead_letters")


def attempts_table(attempts: list[dict[str, Any]]) -> Any:
    """Each with the innermost place of its error."""
    found = [
        [
            each["stage"],
            each["number"],
            moment(each["started_at"]),
            each["outcome"] or "lost or at it",
            each["error_class"] or each["error_code"],
            (each["frames"] or [None])[-1],
            each["release"],
            each["worker"],
        ]
        for each in attempts
    ]
    return rows("stage, >no., started, outcome, error, where, ?release, ?worker", found, "Attempts", "No attempts.")


@operators(app)
def tail(
    api: Api,
    *,
    tenant: Tenant = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between looks.")] = 1.0,
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop after so long.", show_default="Ctrl-C")] = None,
    output: Output = "table",
) -> None:
    """Say each change of a job as it happens."""
    end = None if seconds is None else time.monotonic() + seconds
    newest = next((job["updated_at"] for job in api.every("jobs", 1, tenant_id=tenant)), None)
    told = {_version(job) for job in _changed(api, newest, tenant)}
    try:
        while end is None or time.monotonic() < end:
            changed = _changed(api, newest, tenant)
            for job in reversed(changed):
                if _version(job) not in told:
                    row = "  ".join(str(cell or "-") for cell in _row(job))
                    typer.echo(json.dumps(job) if output == "json" else row)
            if changed:
                newest, told = changed[0]["updated_at"], {_version(job) for job in changed}
            time.sleep(every)
    except KeyboardInterrupt:
        return


def _changed(api: Api, newest: str | None, tenant: str | None) -> list[dict[str, Any]]:
    """Jobs that have changed since a while before the newest change that was seen, the last changed first. A change has
    the time of its transaction's beginning: what is committed now may be older than what was committed before.
    """
    from datetime import datetime, timedelta

    since = "1970-01-01T00:00:00Z"
    if newest is not None:
        since = (datetime.fromisoformat(newest) - timedelta(seconds=_OVERLAP_S)).isoformat()
    return list(api.every("jobs", 1000, changed_since=since, tenant_id=tenant))


def _version(job: dict[str, Any]) -> tuple[Any, ...]:
    return job["id"], job["updated_at"], job["status"], job["attempt"]


@operators(app)
def cancel(api: Api, *, job: JobId, execute: Execute = False, output: Output = "table") -> None:
    """End a job of whichever tenant. On record in that tenant's log."""
    found = api.get(f"jobs/{job}")
    if not execute:
        say(found, output, lambda: [_facts(found), "Would be canceled: repeat with --execute."])
        return
    ended = api.post(f"jobs/{job}/cancel")
    say(ended, output, lambda: rows(_COLUMNS, [_row(ended)]))
