"""`ffp program check`: a stored program against every rule, as the person who asks may see it."""

import os
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from uuid import UUID

import typer

from cli.options import DEFAULT_DIR, DataDir
from infra.local.errors import LocalStackError
from infra.local.layout import stack_of

if TYPE_CHECKING:
    from domain.programs.invariants import Stored
    from domain.programs.plan import Plan
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
    """Check a program of the local stack, as it is stored, against the invariants I01 to I42.

    Its plan by the exact checker, which shares no code with the generator; what stands around it (its assessment, its
    job, its person's other programs, who sees it) in the database; and that the same again makes the same plan. A
    program that was changed while it was done is checked as a change of the plan that was approved.

    Ends with 0 when every rule holds, 1 when one is broken, 2 when the program cannot be read or was made from
    another library than the one that is packaged here.
    """
    from domain.programs.generator import generate
    from domain.programs.invariants import of_change, of_plan, of_repeated, of_stored
    from domain.programs.milp import solve_week
    from domain.programs.spec import ENGINE_VERSION
    from domain.services.edits import plan_of
    from infra.content import load_library

    content = stack_of(data_dir)
    body, tenant_id = _read(program_id, login, content)
    plan, library = plan_of(_record(body)), load_library()
    if plan.library_hash != library.content_hash:
        _refuse("the program was made from another library than the one packaged here")
    edited = "edited" in body["proof"]
    as_made = None if edited or plan.engine_version != ENGINE_VERSION else generate(plan.spec, library, solve_week)
    if adapted := _is_adapted(plan):
        broken = of_change(as_made or plan, plan, library)
    else:
        broken = [*of_plan(plan, plan.spec, library), *(of_repeated(plan, as_made) if as_made else ())]
    broken += of_stored(_stored(content["database_url"], UUID(tenant_id), program_id, plan))
    for violation in broken:
        typer.echo(f"{violation.rule}  {violation.where}: {violation.message}")
    lines = sum(len(session.items) for week in plan.weeks for session in week.sessions)
    gap = "" if plan.gap is None else f", proven gap {plan.gap:.2%}"
    history = ("edited" * edited, "adapted" * adapted)
    changed = f", {' and '.join(filter(None, history))} since" if any(history) else ""
    typer.echo(f"{len(broken)} rules broken in {len(plan.weeks)} weeks, {lines} lines ({plan.solver}{gap}{changed})")
    if broken:
        raise typer.Exit(1)


def _is_adapted(plan: "Plan") -> bool:
    """Whether a line says that it was changed by what was done, or made smaller for a way back."""
    from domain.sessions.adaptation import RULES

    rules = {rule.partition(":")[0] for week in plan.weeks for s in week.sessions for i in s.items for rule in i.why}
    return bool(rules & {*RULES, "I38"})


def _stored(database_url: str, tenant_id: UUID, program_id: UUID, plan: "Plan") -> "Stored":
    from domain.programs.invariants import Stored
    from domain.tenancy import Context, worker_context
    from infra import pools
    from infra.database import unit_of_work

    os.environ["FFP_DATABASE_URL"] = database_url
    try:
        with unit_of_work(worker_context(tenant_id)) as uow:
            around = uow.programs.around(program_id)
        with unit_of_work(Context(tenant_id, around.pop("user_id"), "member")) as uow:
            seen = uow.programs.is_there(program_id)
    finally:
        pools.close()
    due = [len(session.items) for week in plan.weeks for session in week.sessions]
    there, lines = len(around["planned_on"]), around.pop("lines")
    return Stored(**around, sessions=(there, len(due)), lines=(lines, sum(due)), seen_by_member=seen)


def _read(program_id: UUID, login: str | None, content: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The program as the API shows it, and the tenant it is of."""
    from cli.client import Client

    people = [u for u in content["demo_users"] if (u["email"] == login if login else u["tenant_id"])]
    for person in people:
        try:
            client = Client.signed_in(content["api_url"], person["email"], person["password"])
            return client.get(f"/v1/programs/{program_id}"), person["tenant_id"]
        except LocalStackError as error:
            if "not_found" not in str(error):
                raise
    return _refuse("nobody of these demo logins may see a program of this id")


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
