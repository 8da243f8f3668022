"""`ffp doctor`: what is wrong, and how to mend it."""

import typer

from cli.options import DEFAULT_DIR, DataDir


def doctor(
    data_dir: DataDir = DEFAULT_DIR,
    port: int = typer.Option(8000, min=1, max=65535, help="The port that the API would take."),
) -> None:
    """Check this machine and the stack on it. Ends with 1 when something wants mending."""
    from rich.console import Console

    from infra.local.diagnosis import diagnose

    console = Console()
    findings = diagnose(data_dir, port)
    for finding in findings:
        mark = "[red]✗[/]" if finding.mend else "[green]✓[/]"
        console.print(f"{mark} {finding.subject}: {finding.state}", highlight=False, soft_wrap=True)
        if finding.mend:
            console.print(f"    -> {finding.mend}", highlight=False, soft_wrap=True)
    if any(finding.mend for finding in findings):
        raise typer.Exit(1)
