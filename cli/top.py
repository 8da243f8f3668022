"""`ffp top`: queues, dead letters, replays and the last changes, live."""

import time
from datetime import datetime
from typing import Annotated, Any

import typer

from cli.letters import groups_table
from cli.operations import Api, Output, moment, rows, say
from cli.queues import queues_table
from cli.replays import replays_table
from infra.local.errors import LocalStackError

_JOBS, _GROUPS, _REPLAYS = 12, 6, 4


def top(
    api: Api,
    *,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="One look, and no more.")] = False,
    output: Output = "table",
) -> None:
    """Queues, dead letters, replays and the last changed jobs, live until Ctrl-C."""
    if once or output == "json":
        found = _look(api)
        say(found, output, lambda: _parts(found))
        return
    from rich.console import Group
    from rich.live import Live

    try:
        parts, seen = _parts(_look(api)), datetime.now().astimezone()
        with Live(Group(*parts), auto_refresh=False, screen=True) as live:
            while True:
                time.sleep(every)
                try:
                    parts = _parts(_look(api))
                    seen = datetime.now().astimezone()
                except LocalStackError as error:  # it is looked at because something is wrong: it may come back
                    live.update(Group(*parts, "", f"As of {seen:%H:%M:%S}: {error}"), refresh=True)
                else:
                    live.update(Group(*parts), refresh=True)
    except KeyboardInterrupt:
        return


def _look(api: Api) -> dict[str, Any]:
    return {
        "queues": api.get("queues")["items"],
        "groups": api.get("dead-letters/groups", state="open", limit=_GROUPS)["items"],
        "replays": api.get("replays", limit=_REPLAYS)["items"],
        "jobs": api.get("jobs", limit=_JOBS)["items"],
    }


def _parts(found: dict[str, Any]) -> list[Any]:
    jobs = [
        [
            job["id"],
            job["tenant"],
            job["kind"],
            job["stage"],
            job["status"],
            job["error_code"],
            moment(job["updated_at"]),
        ]
        for job in found["jobs"]
    ]
    return [
        queues_table(found["queues"]),
        "",
        groups_table(found["groups"]),
        "",
        replays_table(found["replays"]),
        "",
        rows("!job, tenant, ?kind, ?stage, status, !error, changed", jobs, "Last changed jobs", "No jobs."),
    ]
