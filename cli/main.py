"""The `ffp` command: the local stack, the database, and the processes of the other two doors by name.

Every command imports what it needs when it runs, so that `ffp --help` and `ffp down` are quick.
"""

import sys
from importlib.metadata import version as installed_version
from typing import Any

import typer
from typer.core import TyperGroup

from cli import (
    audit,
    config,
    database,
    demo,
    dlq,
    doctor,
    doors,
    jobs,
    limits,
    mail,
    plan,
    program,
    queues,
    replays,
    score,
    stack,
    template,
    tenant,
    top,
)
from cli.operations import operators
from infra.local.errors import LocalStackError
from infra.settings import SettingMissing


class _OneLineErrors(TyperGroup):
    """What a person can mend is one line, not a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (LocalStackError, SettingMissing) as error:
            typer.echo(f"ffp: {error}", err=True)
            sys.exit(1)
        except BrokenPipeError:
            raise  # the reader of a pipe went away: not worth a line
        except OSError as error:
            typer.echo(f"ffp: {error}", err=True)  # says which file, and why not
            sys.exit(1)


app = typer.Typer(
    name="ffp",
    cls=_OneLineErrors,
    help="FFP, assessments and exercise programs: the local stack, the database, the demo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(stack.run)
app.command()(stack.up)
app.command()(stack.down)
app.command()(stack.status)
app.command()(stack.env)
app.command()(demo.demo)
app.command()(plan.plan)
app.command()(score.score)
app.add_typer(template.app, name="template")
app.add_typer(program.app, name="program")
app.add_typer(audit.app, name="audit")
app.add_typer(tenant.app, name="tenant")
app.add_typer(mail.app, name="mail")
app.add_typer(jobs.app, name="jobs")
app.add_typer(dlq.app, name="dlq")
app.add_typer(replays.app, name="replays")
app.add_typer(queues.app, name="queues")
app.add_typer(limits.kinds, name="kinds")
app.add_typer(limits.app, name="limits")
operators(app)(top.top)
app.command()(doctor.doctor)
app.command()(config.config)
app.command()(database.migrate)
app.command()(doors.api)
app.command()(doors.worker)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(installed_version("ffp"))
