"""`ffp limits`: how much of the work a tenant may use. `ffp queues pause`, `ffp kinds pause`: what is not worked on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.operations import Api, Limit, Output, Reason, facts, moment, operators, rows, say

if TYPE_CHECKING:
    from domain.jobs import Stage

app = typer.Typer(help="Fairness: caps, shares, windows, pauses.", no_args_is_help=True)
kinds = typer.Typer(help="Kinds of jobs: hold one, go on with it.", no_args_is_help=True)


@operators(app)
def show(api: Api, *, output: Output = "table") -> None:
    """The limits in force."""
    _say(api.get("limits"), output)


@operators(app)
def history(api: Api, *, limit: Limit = 20, output: Output = "table") -> None:
    """What they were, newest first."""
    found = list(api.every("limits/history", limit))
    cells = [
        [each["version"], moment(each["changed_at"]), (each["changed_by"] or "")[:8], each["reason"], _line(each)]
        for each in found
    ]
    say(found, output, lambda: rows(">version, changed, by, reason, limits", cells, "Limits"))


@operators(app, "set")
def change(
    api: Api,
    *,
    file: Annotated[Path, typer.Argument(help="The whole document: `limits` of `ffp limits show -o json`.")],
    reason: Reason,
    output: Output = "table",
) -> None:
    """Put another document in force, unless somebody has changed it meanwhile."""
    try:
        document = json.loads(file.read_text())
    except ValueError:
        raise typer.BadParameter(f"{file} is not JSON") from None
    _put(api, api.get("limits"), document, reason, output)


def _put(api: Api, found: dict[str, Any], document: Any, reason: str, output: str) -> None:
    body = {"limits": document, "reason": reason}
    _say(api.put("limits", body, found["version"]), output)


def _say(found: dict[str, Any], output: str) -> None:
    def table() -> list[Any]:
        limits = found["limits"]
        stages = [
            [name, each["concurrency"] or "", "paused" if each["paused"] else ""]
            for name, each in sorted(limits["stages"].items())
        ]
        tenants = [
            [name, each["share"] or "", each["window"] or ""] for name, each in sorted(limits["tenants"].items())
        ]
        known = found | {"share": limits["share"], "window": limits["window"]}
        return [
            facts(known, "version share window reason changed_by changed_at"),
            rows("stage, >at once, paused", stages, "Stages", "No stage has a limit of its own."),
            rows("tenant, >share, >window", tenants, "Tenants", "No tenant has a limit of its own."),
        ]

    say(found, output, table)


def _line(version: dict[str, Any]) -> str:
    return json.dumps(version["limits"], separators=(",", ":"))


def _mover(of: Callable[[str], "list[Stage]"], what: str, paused: bool) -> Callable[..., None]:
    def move(
        api: Api,
        *,
        name: Annotated[str, typer.Argument(metavar="NAME")],
        reason: Reason = f"ffp {what} {'pause' if paused else 'resume'}",
        output: Output = "table",
    ) -> None:
        from domain.limits import Limits

        if not (stages := of(name)):
            raise typer.BadParameter(f"there is no such {what}: {name}")
        found = api.get("limits")
        limits = Limits.model_validate(found["limits"]).with_paused(stages, paused)
        _put(api, found, limits.model_dump(mode="json"), reason, output)

    return move


def _of_queue(name: str) -> "list[Stage]":
    from domain.limits import stages_of_queue

    return stages_of_queue(name)


def _of_kind(name: str) -> "list[Stage]":
    from domain.limits import stages_of_kind

    return stages_of_kind(name)


def add_movers(to: typer.Typer, of: Callable[[str], "list[Stage]"], what: str) -> None:
    for action, paused, does in (
        ("pause", True, "Send and begin nothing more of it. What runs goes on, and nothing is lost."),
        ("resume", False, "Go on with it, oldest first."),
    ):
        move = _mover(of, what, paused)
        move.__doc__ = does
        operators(to, action)(move)


def add_queue_movers(to: typer.Typer) -> None:
    add_movers(to, _of_queue, "queue")


add_movers(kinds, _of_kind, "kind")
