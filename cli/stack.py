"""`ffp up`, `down`, `status`, `env`, `run`: the local stack."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import DEFAULT_DIR, DataDir, Port, Reload, Workers

if TYPE_CHECKING:
    from rich.console import Console


def run(data_dir: DataDir = DEFAULT_DIR, port: Port = None, workers: Workers = 1, reload: Reload = False) -> None:
    """Start the stack, run the main job in front of you, and serve until Ctrl-C."""
    from rich.console import Console

    from cli.demo import show
    from cli.serve import serve
    from infra.local.stack import Wanted

    console = Console()

    def then(content: dict[str, Any]) -> None:
        show(console, content)
        _print_addresses(console, content)
        console.print("Serving until [bold]Ctrl-C[/].")

    serve(data_dir.resolve(), Wanted(port=port, workers=workers, reload=reload), console, then)


def up(
    *,
    data_dir: DataDir = DEFAULT_DIR,
    port: Port = None,
    workers: Workers = 1,
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running and return.")] = False,
    api: Annotated[bool, typer.Option("--api/--no-api", help="With the API.")] = True,
    no_workers: Annotated[bool, typer.Option("--no-workers", help="The same as --workers 0.")] = False,
    reload: Reload = False,
) -> None:
    """Start the stack, or what is missing of it, and serve until Ctrl-C."""
    from rich.console import Console

    from cli.serve import serve, start
    from infra.local.stack import Wanted

    console = Console()
    wanted = Wanted(port=port, api=api, workers=0 if no_workers else workers, reload=reload)
    if detach:
        _print_addresses(console, start(data_dir.resolve(), wanted, console))
        console.print("Running in the background: [bold]ffp status[/], [bold]ffp down[/].")
        return

    def then(content: dict[str, Any]) -> None:
        _print_addresses(console, content)
        console.print("Serving until [bold]Ctrl-C[/].")

    serve(data_dir.resolve(), wanted, console, then)


def down(data_dir: DataDir = DEFAULT_DIR) -> None:
    """Stop every process of the stack. Its data stays."""
    from infra.local.shutdown import stop_stack

    ended = stop_stack(data_dir.resolve())
    typer.echo(f"Stopped {ended} processes." if ended else f"Nothing runs in {data_dir.resolve()}.")


def status(data_dir: DataDir = DEFAULT_DIR) -> None:
    """Say which parts run. Ends with 1 when one does not."""
    from rich.console import Console
    from rich.table import Table

    from infra.local.layout import read_stack, running

    content = read_stack(data_dir.resolve())
    parts = running(data_dir.resolve())
    table = Table(box=None, pad_edge=False)
    for heading in ("part", "state", "pid"):
        table.add_column(heading)
    for name, identity in parts.items():
        state = "[green]running[/]" if identity else "[red]not running[/]"
        table.add_row(name, state, str(identity.pid) if identity else "")
    console = Console()
    console.print(table)
    if content.get("api_url"):
        console.print(f"\n{content['api_url']}/openapi.json", highlight=False)
    if not content or not all(parts.values()):
        raise typer.Exit(1)


def env(data_dir: DataDir = DEFAULT_DIR) -> None:
    """Print the environment of the stack's processes as NAME=value lines."""
    from infra.local.layout import stack_of

    for name, value in stack_of(data_dir)["environment"].items():
        typer.echo(f"{name}={value}")


def _print_addresses(console: "Console", content: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    if content["api_url"]:
        table.add_row("API", content["api_url"], "described at /openapi.json")
        table.add_row("Videos", content["cdn_url"], "see docs/videos.md")
    table.add_row("PostgreSQL", content["database_url"].rpartition("@")[2], "")
    table.add_row("AWS emulator", content["sqs_endpoint_url"], "")
    for user in content["demo_users"]:
        table.add_row(f"Login ({user['role']})", user["email"], user["password"])
    console.print()
    console.print(table, highlight=False)
    console.print()
