"""`ffp program check`: a stored program against every rule, as the person who asks may see it."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from uuid import UUID

import typer

from cli.options import DEFAULT_DIR, DataDir
from infra.local.errors import LocalStackError
from infra.local.layout import stack_of

if TYPE_CHECKING:
    from domain.records import Program

app = typer.Typer(no_args_is_help=True, help="Programs that have been stored.")


@app.callback()
def _programs() -> None:
    """Keeps `check` a command of its own name while it is the only one."""


@app.command()
def check(
    program_id: Annotated[UUID, typer.Argument(help="The id of a program.", show_default=False)],
    login: Annotated[
        str | None,
        typer.Option(help="E-mail of the demo login to read it as.", show_default="each, until one may see it"),
    ] = None,
    data_dir: DataDir = DEFAULT_DIR,
) -> None:
    """Check a program of the local stack with the exact checker, which shares no code with the generator.

    Ends with 0 when every rule holds, 1 when one is broken, 2 when the program cannot be read or was made from
    another library than the one that is packaged here.
    """
    from domain.programs.checker import check as violations
    from domain.services.edits import plan_of
    from infra.content import load_library

    plan = plan_of(_record(_read(program_id, login, stack_of(data_dir))))
    library = load_library()
    if plan.library_hash != library.content_hash:
        _refuse("the program was made from another library than the one packaged here")
    broken = violations(plan, plan.spec, library)
    for violation in broken:
        typer.echo(f"{violation.rule}  {violation.where}: {violation.message}")
    lines = sum(len(session.items) for week in plan.weeks for session in week.sessions)
    gap = "" if plan.gap is None else f", proven gap {plan.gap:.2%}"
    typer.echo(f"{len(broken)} rules broken in {len(plan.weeks)} weeks, {lines} lines ({plan.solver}{gap})")
    if broken:
        raise typer.Exit(1)


def _read(program_id: UUID, login: str | None, content: dict[str, Any]) -> dict[str, Any]:
    from cli.client import Client

    people = [u for u in content["demo_users"] if (u["email"] == login if login else u["tenant_id"])]
    found: dict[str, Any] | None = None
    while people and found is None:
        person = people.pop(0)
        try:
            client = Client.signed_in(content["api_url"], person["email"], person["password"])
            found = client.get(f"/v1/programs/{program_id}")
        except LocalStackError as error:
            if "not_found" not in str(error):
                raise
    return found or _refuse("nobody of these demo logins may see a program of this id")


def _record(body: dict[str, Any]) -> "Program":
    """The program as GET /v1/programs/{id} shows it, as a record."""
    from domain.records import Prescribed, Program, Session

    sessions = [
        Session(
            UUID(session["id"]),
            week["number"],
            session["number"],
            week["deload"],
            date.fromisoformat(session["scheduled_on"]),
            session["minutes"],
            [Prescribed(**item) for item in session["items"]],
        )
        for week in body["weeks"]
        for session in week["sessions"]
    ]
    known = {name: body[name] for name in ("status", "spec", "proof", "input_hash", "library_hash", "engine_version")}
    return Program(
        id=UUID(body["id"]),
        user_id=UUID(int=0),
        assessment_id=UUID(body["assessment_id"]),
        weeks=len(body["weeks"]),
        start_on=date.fromisoformat(body["start_on"]),
        created_at=datetime.fromisoformat(body["created_at"]),
        sessions=sessions,
        **known,
    )


def _refuse(message: str) -> NoReturn:
    typer.echo(f"ffp: {message}", err=True)
    raise typer.Exit(2)
