"""A table that fits a terminal: what has to be copied stays whole, what matters least is left out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

_NARROWEST = 24  # what may be wrapped is not made narrower than this to spare another column
_MARKS = "!?>"


@dataclass(frozen=True, slots=True)
class Rows:
    """See cli.operations.rows."""

    headings: str
    found: list[list[Any]]
    title: str | None

    def __rich_console__(self, _: "Console", options: "ConsoleOptions") -> "RenderResult":
        marked = [heading.strip() for heading in self.headings.split(",")]
        shown = list(range(len(marked)))
        while (left_out := [at for at in shown if "?" in marked[at]]) and self._least(
            marked, shown
        ) > options.max_width:
            shown.remove(left_out[-1])
        yield self._table(marked, shown)
        if missing := [name.lstrip(_MARKS) for at, name in enumerate(marked) if at not in shown]:
            yield f"(Too narrow for {', '.join(missing)}: `-o json` has everything.)"

    def _least(self, marked: list[str], shown: list[int]) -> int:
        """The width that these columns need."""
        return sum(self._needs(marked[at], at) for at in shown) + self._gap(marked, shown) * (len(shown) - 1)

    def _needs(self, heading: str, at: int) -> int:
        from rich.cells import cell_len

        cells = [heading.lstrip(_MARKS), *(str(row[at]) for row in self.found if row[at] is not None)]
        widest = max(map(cell_len, cells))
        return widest if "!" in heading else min(widest, _NARROWEST)

    @staticmethod
    def _gap(marked: list[str], shown: list[int]) -> int:
        return 2 if len(shown) == len(marked) else 1

    def _table(self, marked: list[str], shown: list[int]) -> "Table":
        from rich.markup import escape
        from rich.table import Table

        table = Table(
            title=self.title,
            title_justify="left",
            box=None,
            pad_edge=False,
            padding=(0, self._gap(marked, shown), 0, 0),
            show_header=any(name.lstrip(_MARKS) for name in marked),
        )
        for at in shown:
            table.add_column(
                marked[at].lstrip(_MARKS),
                justify="right" if ">" in marked[at] else "left",
                no_wrap="!" in marked[at],
                min_width=self._needs(marked[at], at) if "!" in marked[at] else None,
                overflow="fold",
            )
        for row in self.found:
            table.add_row(*("" if row[at] is None else escape(str(row[at])) for at in shown))
        return table
