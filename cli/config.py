"""`ffp config`: every setting, what it means and whether it is set; and what staging and production would refuse."""

from enum import StrEnum
from typing import Annotated, Any, get_args

import typer

from infra.declared import SETTINGS, Door, Setting

_HEAD = """# Settings

FFP is configured by environment variables alone. This page is made from infra/declared.py:
`ffp config --format markdown > docs/settings.md`.

`ffp config` shows what applies where it runs; of a secret, only whether it is set. Where `FFP_ENV` is `staging` or
`prod`, a process ends at its start with a line for each setting that is only fit for a laptop: a database URL without
`sslmode=verify-full`, an endpoint or queue that is not `https` or is on this machine, credentials that AWS never made,
a cursor key that is missing or short, an origin that is `*`, not `https` or on this machine, logs for a terminal, and
what is missing of what the process needs. `ffp config --check --for api` says the same, and ends with 1.

| variable | what it means | default | needed by |
|---|---|---|---|
"""


class Format(StrEnum):
    table = "table"
    json = "json"
    markdown = "markdown"


class Process(StrEnum):
    api = "api"
    worker = "worker"
    sqs = "sqs"
    media = "media"
    relay = "relay"
    sweeper = "sweeper"
    dead_letters = "dead_letters"
    replays = "replays"
    missed_sessions = "missed_sessions"
    webhooks = "webhooks"
    webhook_sender = "webhook_sender"
    migrate = "migrate"
    all = "all"


def config(
    *,
    shape: Annotated[
        Format, typer.Option("--format", help="A table to read, JSON, or docs/settings.md.")
    ] = Format.table,
    check: Annotated[
        bool, typer.Option("--check", help="Say what FFP_ENV refuses of it instead; end with 1 if anything.")
    ] = False,
    process: Annotated[
        Process | None, typer.Option("--for", help="With --check: also say what this process cannot do without.")
    ] = None,
) -> None:
    """Print every setting that FFP reads: name, meaning, unit, default, and whether it is set. No secret is shown."""
    from infra import settings

    if check:
        _check(process)
        return
    if shape is Format.markdown:
        typer.echo(page(), nl=False)
        return
    rows = [_row(setting, settings.values()) for setting in SETTINGS.values()]
    if shape is Format.json:
        import json

        typer.echo(json.dumps(rows, indent=2))
        return
    _print(rows)


def _row(setting: Setting, values: dict[str, str]) -> dict[str, Any]:
    """`value` is what applies, where anything does; `from` says whose word that is."""
    given = values.get(setting.name)
    value = given or setting.default
    source = "environment" if given else "default" if setting.default is not None else None
    return {
        "name": setting.name,
        "help": setting.help,
        "unit": setting.unit or None,
        "default": setting.default,
        "secret": setting.secret,
        "needed_by": list(setting.needed_by),
        "set": bool(given),
        "from": source,
        "value": ("set" if given else None) if setting.secret else value,
    }


def page() -> str:
    """docs/settings.md: the declarations, without anything of this machine."""
    lines = [_HEAD]
    for setting in SETTINGS.values():
        default = f"`{setting.default}`" if setting.default is not None else ""
        unit = f" {setting.unit}" if default and setting.unit else ""
        secret = " Secret." if setting.secret else ""
        needed = ", ".join(setting.needed_by)
        lines.append(f"| `{setting.name}` | {setting.help}{secret} | {default}{unit} | {needed} |\n")
    return "".join(lines)


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("setting", "value", "from", "meaning"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "setting")
    for row in rows:
        value = row["value"] or ""
        unit = {"seconds": " s"}.get(row["unit"] or "", "") if value else ""
        table.add_row(row["name"], escape(f"{value}{unit}"), row["from"] or "not set", escape(row["help"]))
    Console().print(table, highlight=False)


def _check(process: Process | None) -> None:
    from infra import production, settings

    doors: tuple[Door, ...] = get_args(Door) if process is Process.all else (process.value,) if process else ()
    where = settings.environment()
    strict = where in production.STRICT
    found = production.offences(*doors) if strict else production.malformed()
    for each in found:
        typer.echo(f"{each.name}: {each.reason}", err=True)
    if found:
        raise typer.Exit(1)
    typer.echo(f"FFP_ENV is {where}: nothing to refuse." if strict else f"FFP_ENV is {where}: it refuses nothing.")
