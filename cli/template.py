"""`ffp template`: check a template, and carry it to FHIR and back. No database."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli.documents import Unreadable

if TYPE_CHECKING:
    from domain.assessments.template import Template

app = typer.Typer(help="Check templates, and exchange them with FHIR.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(show_default=False, help="A template or a FHIR Questionnaire, JSON or YAML.")]
Finding = dict[str, str]


class Shown(StrEnum):
    table = "table"
    json = "json"


class Written(StrEnum):
    fhir = "fhir"
    json = "json"


@app.command()
def lint(
    file: File,
    output: Annotated[Shown, typer.Option("--format", help="For a person or for a program.")] = Shown.table,
) -> None:
    """Say what must be mended before a template can be published, and how.

    Ends with 0 when there is nothing, 1 with findings, 2 when the file cannot be read.
    """
    from cli.template_files import findings_of

    findings = findings_of(_document(file))
    if output is Shown.json:
        typer.echo(json.dumps({"findings": findings}, ensure_ascii=False, indent=2))
    else:
        _show(findings)
    raise typer.Exit(1 if findings else 0)


@app.command()
def export(
    slug: Annotated[str, typer.Argument(show_default=False, help="The id of a shipped template, such as knee-pain.")],
    output: Annotated[
        Written, typer.Option("--format", help="A FHIR R4 Questionnaire, or our own JSON.")
    ] = Written.fhir,
) -> None:
    """Print a shipped template."""
    from domain.fhir import export_questionnaire
    from infra.content import load_templates

    templates = {template.id: template for template in load_templates()}
    if slug not in templates:
        _refuse(f"there is no template of this id. Known: {', '.join(templates)}")
    template = templates[slug]
    _print(export_questionnaire(template) if output is Written.fhir else _ours(template))


@app.command("import")
def import_(file: File) -> None:
    """Read a FHIR R4 Questionnaire and print it as a template.

    Ends with 1 and every reason when it asks for things a template cannot do, 2 when the file cannot be read.
    """
    from domain.fhir import NotImportable, import_questionnaire

    document = _document(file)
    try:
        _print(_ours(import_questionnaire(document)))
    except NotImportable as error:
        for reason in error.reasons:
            typer.echo(f"{reason.pointer or '/'}: {reason.code}: {reason.message}", err=True)
        raise typer.Exit(1) from None


def _document(file: Path) -> dict[str, Any]:
    from cli.template_files import read_document

    try:
        return read_document(file)
    except Unreadable as error:
        _refuse(f"cannot read {file}: {error}")


def _ours(template: "Template") -> dict[str, Any]:
    return template.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _print(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _show(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if not findings:
        console.print("Nothing to mend.")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("where", "what", "how to mend it"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        table.add_row(escape(finding["where"]), finding["code"], escape(finding["mend"]))
    console.print(table)
    console.print(f"{len(findings)} to mend.", highlight=False)


def _refuse(message: str) -> NoReturn:
    typer.echo(f"ffp: {message}", err=True)
    raise typer.Exit(2)
