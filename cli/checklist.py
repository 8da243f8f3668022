"""What a person watches while a stack starts: one line for each part, with how long it took."""

import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table


@dataclass
class _Line:
    started: float
    took_s: float | None = None
    detail: str = ""
    spinner: Spinner = field(default_factory=lambda: Spinner("dots"))


class Checklist:
    """Redrawn in place on a terminal; elsewhere a line is printed when a part is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: dict[str, _Line] = {}
        self._live = Live(self, console=console, refresh_per_second=12) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for part, line in self._lines.items():
            if line.took_s is None:
                table.add_row(line.spinner, part, f"[dim]{time.monotonic() - line.started:5.1f} s[/]", "")
            else:
                table.add_row("[green]✓[/]", part, f"{line.took_s:5.1f} s", f"[dim]{line.detail}[/]")
        return table

    def begin(self, part: str) -> None:
        self._lines[part] = _Line(time.monotonic())

    def done(self, part: str, detail: str) -> None:
        line = self._lines[part]
        line.took_s = time.monotonic() - line.started
        line.detail = detail
        if not self._live:
            self._console.print(f"✓ {part:<16} {line.took_s:5.1f} s  {detail}", highlight=False)
