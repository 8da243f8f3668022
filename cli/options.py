"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DIR = Path(".ffp")
DataDir = Annotated[Path, typer.Option("--data-dir", envvar="FFP_DATA_DIR", help="Where it keeps everything.")]
Port = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        help="Port of the API; 0 takes a free one.",
        show_default="that of last time, or 8000",
    ),
]
Workers = Annotated[int, typer.Option(min=0, max=64, help="How many worker processes.")]
Reload = Annotated[bool, typer.Option("--reload", help="Restart the API and the workers when code changes.")]
