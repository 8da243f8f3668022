"""`ffp demo`: the main job in front of a person, from the sign-in to the program."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import DEFAULT_DIR, DataDir
from infra.local.errors import LocalStackError

if TYPE_CHECKING:
    from rich.console import Console

    from cli.client import Client

LOGIN = "member@acme.example"
FINAL = ("succeeded", "failed", "canceled")
_POLL_S = 0.05
_PATIENCE_S = 60.0


def demo(
    data_dir: DataDir = DEFAULT_DIR,
    *,
    mend: Annotated[
        bool, typer.Option("--mend", help="Take away what makes the demo's dead letters fail: then replay them.")
    ] = False,
) -> None:
    """Run the main job on a stack that is up: sign in, answer, submit, watch, score, program."""
    from rich.console import Console

    from infra.local.layout import stack_of

    content = stack_of(data_dir)
    if mend:
        from infra.local.poison import mend as take_away

        take_away(content["admin_database_url"])
        typer.echo("Mended. Replay them: `ffp dlq replay --all --execute --reason mended`.")
        return
    show(Console(), content)


def show(console: "Console", content: dict[str, Any]) -> None:
    """`content` is that of stack.json. Raises LocalStackError where the job does not end as it should."""
    from cli.client import Client
    from cli.persona import PAGES, TEMPLATE, safety_answers
    from cli.tables import program_tables, score_table

    if not content["api_url"]:
        raise LocalStackError("the stack was started without its API: start it with `ffp up --detach`")
    password = next(user["password"] for user in content["demo_users"] if user["email"] == LOGIN)
    console.rule("The main job")
    client = Client.signed_in(content["api_url"], LOGIN, password)
    _said(console, f"signed in as {LOGIN}")
    template = client.template(TEMPLATE)
    assessment = client.start(TEMPLATE)
    _said(console, f"started the assessment [bold]{template['title']['en']}[/]")
    pages = (*PAGES, safety_answers(template["document"]["items"]))
    for page in pages:
        assessment = client.save(assessment, page)
    _said(console, f"saved {sum(len(page) for page in pages)} answers in {len(pages)} steps")
    before = time.monotonic()
    job = _watch(console, client, client.submit(assessment))
    console.print(
        f"\n[green]✓[/] {job['status']} {time.monotonic() - before:.2f} s after the submission",
        highlight=False,
    )
    if job["status"] != "succeeded":
        raise LocalStackError(f"the job ended as {job['status']}: {job['error']}")
    console.print(score_table(client.get(job["links"]["result"])))
    if job["result"]["type"] == "program":
        for table in program_tables(client.get(job["result"]["href"])):
            console.print(table)


def _said(console: "Console", text: str) -> None:
    console.print(f"[green]✓[/] {text}", highlight=False)


def _watch(console: "Console", client: "Client", job: dict[str, Any]) -> dict[str, Any]:
    """Polls until the job has ended, and says each change once."""
    deadline = time.monotonic() + _PATIENCE_S
    seen = ""
    while True:
        state = f"{job['status']} ({job['stage']})" if job["status"] in ("running", "retrying") else job["status"]
        if state != seen:
            console.print(f"  job {job['id']}: {state}, {job['progress']['percent']} %", highlight=False)
            seen = state
        if job["status"] in FINAL:
            return job
        if time.monotonic() > deadline:
            raise LocalStackError(f"the job is still {state} after {_PATIENCE_S:.0f} s: see `ffp doctor`")
        time.sleep(_POLL_S)
        job = client.get(job["links"]["self"])
