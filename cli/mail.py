"""`ffp mail`: what the local stack has sent by e-mail, as its SES has taken it."""

from typing import Annotated

import typer

from cli.options import DEFAULT_DIR, DataDir

app = typer.Typer(help="E-mails that the local stack has sent: invitations, news.", invoke_without_command=True)


@app.callback()
def mail(context: typer.Context, data_dir: DataDir = DEFAULT_DIR) -> None:
    """The list, where no command is named."""
    context.obj = data_dir
    if context.invoked_subcommand is None:
        ls(context)


@app.command("ls")
def ls(context: typer.Context) -> None:
    """All of them, the oldest first."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from infra.local.layout import stack_of
    from infra.local.mailbox import mails

    found = mails(stack_of(context.obj)["sqs_endpoint_url"])
    if not found:
        typer.echo("No e-mail has been sent.")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("no.", "sent", "to", "subject"):
        table.add_column(heading)
    for each in found:
        sent = each.sent_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(str(each.number), sent, escape(each.to), escape(each.subject))
    Console().print(table)


@app.command("show")
def show(context: typer.Context, number: Annotated[int, typer.Argument(min=1, help="As `ffp mail` has it.")]) -> None:
    """One of them, as plain text."""
    from infra.local.layout import stack_of
    from infra.local.mailbox import mails

    found = {each.number: each for each in mails(stack_of(context.obj)["sqs_endpoint_url"])}.get(number)
    if found is None:
        typer.echo(f"ffp: there is no e-mail {number}: see `ffp mail`", err=True)
        raise typer.Exit(1)
    typer.echo(f"From: {found.sender}\nTo: {found.to}\nSubject: {found.subject}\n\n{found.text}", nl=False)
