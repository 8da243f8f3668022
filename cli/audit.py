"""`ffp audit`: whether the audit log still is what was sealed, and what to keep elsewhere so that one can tell."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from cli.options import DEFAULT_DIR, DataDir
from infra.local.errors import LocalStackError

if TYPE_CHECKING:
    from infra.audit_verify import Connection, Verdict

app = typer.Typer(help="Verify the audit log's chains of hashes.", no_args_is_help=True)


class Shown(StrEnum):
    table = "table"
    json = "json"


Format = Annotated[Shown, typer.Option("--format", help="For a person or for a program.")]
Tenant = Annotated[str | None, typer.Option(help="Slug or id of one tenant; `ffp` is the chain of FFP's own staff.")]
_STAFF = "ffp"
_MEANS = {
    "altered_row": "the row is not what was sealed",
    "missing_row": "the row is gone",
    "foreign_row": "the row is in another tenant's log",
    "missing_entry": "there is no entry at this position",
    "reordered": "the entry that belongs here is further on",
    "broken_link": "the entry does not follow from the one before it",
    "truncated": "the chain was longer: its end is gone",
    "wrong_head": "the kept end of the chain is not its end",
    "other_anchor": "not what was anchored: the chain was made anew",
}


@app.command()
def verify(
    tenant: Tenant = None,
    since: Annotated[datetime | None, typer.Option(help="Only what was sealed from this time (UTC) on.")] = None,
    anchors: Annotated[
        Path | None, typer.Option(help="What `ffp audit heads` printed, or lines of the log: it must still be there.")
    ] = None,
    output: Format = Shown.table,
    data_dir: DataDir = DEFAULT_DIR,
) -> None:
    """Recompute every chain from its rows. Says the first position that is not what was sealed, and what is wrong with
    it; and which rows have not been sealed for five minutes. Ends with 1 if there is anything.

    It reads with FFP_ADMIN_DATABASE_URL, or FFP_OPS_DATABASE_URL, or of the local stack.
    """
    from infra import audit_verify

    kept = _anchors(anchors) if anchors else {}
    with audit_verify.reading(_url(data_dir)) as connection:
        names = dict.fromkeys(kept) | audit_verify.tenants(connection)
        asked = _asked(connection, tenant) if tenant else sorted(names, key=lambda each: names[each] or "")
        verdicts = [audit_verify.verify(connection, each, since and _utc(since), kept) for each in asked]
    shown = [_shown(verdict, names.get(verdict.tenant_id)) for verdict in verdicts]
    if output is Shown.json:
        typer.echo(json.dumps({"holds": all(each["holds"] for each in shown), "chains": shown}, indent=2))
    else:
        _print(shown)
    raise typer.Exit(0 if all(each["holds"] for each in shown) else 1)


@app.command()
def heads(data_dir: DataDir = DEFAULT_DIR) -> None:
    """Print how long each chain is and how it ends, a line of JSON each. Keep it where the database's administrator
    cannot reach it: `ffp audit verify --anchors` then notices a chain that was cut or made anew.
    """
    from infra import audit_verify

    with audit_verify.reading(_url(data_dir)) as connection:
        for head in audit_verify.heads(connection):
            tenant = str(head.tenant_id) if head.tenant_id else None
            typer.echo(json.dumps({"tenant_id": tenant, "length": head.length, "hash": head.hash}))


@app.command()
def retire(
    before: Annotated[datetime, typer.Option(help="Rows older than this (UTC) go; at least a year ago.")],
    tenant: Tenant = None,
    data_dir: DataDir = DEFAULT_DIR,
) -> None:
    """Retention: take away the oldest rows. The log says that they went, and the rest still verifies.

    It needs FFP_ADMIN_DATABASE_URL, or the local stack.
    """
    from infra import audit_verify

    moment = _utc(before)
    url = _url(data_dir, operators=False)
    with audit_verify.reading(url) as connection:
        asked = _asked(connection, tenant) if tenant else list(audit_verify.tenants(connection))
    try:
        gone = sum(audit_verify.retire(url, each, moment) for each in asked)
    except audit_verify.TooYoung:
        raise LocalStackError("audit rows are kept for a year at least") from None
    typer.echo(f"{gone} rows older than {moment.isoformat()} are gone.")


def _url(data_dir: Path, *, operators: bool = True) -> str:
    from infra import settings
    from infra.local.layout import stack_of

    for read in (settings.admin_database_url, *((settings.ops_database_url,) if operators else ())):
        try:
            return str(read())
        except settings.SettingMissing:
            continue
    return str(stack_of(data_dir)["admin_database_url"])


def _asked(connection: "Connection", tenant: str) -> list[UUID | None]:
    from domain.errors import NotFound
    from infra import audit_verify

    if tenant == _STAFF:
        return [None]
    try:
        return [audit_verify.tenant_named(connection, tenant)]
    except NotFound:
        raise LocalStackError("there is no tenant of this slug or id") from None


def _anchors(file: Path) -> dict[UUID | None, dict[int, bytes]]:
    """Lines of JSON with the three fields of a head, whatever else they hold; other lines are passed over."""
    found: dict[UUID | None, dict[int, bytes]] = {}
    for line in file.read_text().splitlines():
        try:
            head = json.loads(line)
            tenant = UUID(head["tenant_id"]) if head.get("tenant_id") else None
            found.setdefault(tenant, {})[int(head["length"])] = bytes.fromhex(head["hash"])
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    if not found:
        raise LocalStackError(f"{file} holds no head of a chain")
    return found


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _shown(verdict: "Verdict", slug: str | None) -> dict[str, Any]:
    broken = verdict.broken
    return {
        "tenant_id": str(verdict.tenant_id) if verdict.tenant_id else None,
        "tenant": slug or (str(verdict.tenant_id) if verdict.tenant_id else _STAFF),
        "holds": verdict.holds,
        "entries": verdict.entries,
        "length": verdict.length,
        "hash": verdict.hash.hex(),
        "retired": verdict.retired,
        "broken": broken
        and {
            "position": broken.position,
            "wrong": broken.wrong,
            "audit_id": broken.audit_id,
            "means": _MEANS[broken.wrong],
        },
        "unsealed": verdict.unsealed,
        "first_unsealed": verdict.first_unsealed,
    }


def _print(shown: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("tenant", "entries", "retired", ""):
        table.add_column(heading, justify="right" if heading in {"entries", "retired"} else "left", overflow="fold")
    for each in shown:
        table.add_row(each["tenant"], str(each["entries"]), str(each["retired"] or ""), _said(each))
    Console().print(table, highlight=False)


def _said(each: Mapping[str, Any]) -> str:
    said = []
    if each["broken"]:
        row = f" (audit row {each['broken']['audit_id']})" if each["broken"]["audit_id"] else ""
        said.append(f"[red]✗[/] position {each['broken']['position']}{row}: {each['broken']['means']}")
    if each["unsealed"]:
        count, first = each["unsealed"], each["first_unsealed"]
        said.append(f"[red]✗[/] {count} rows unsealed for more than five minutes, such as audit row {first}")
    return "\n".join(said) or "[green]✓[/] holds"
