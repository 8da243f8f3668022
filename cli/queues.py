"""`ffp queues`: the work queues by what waits, runs and is stuck; hold one, go on with it."""

from typing import Any

import typer
from typer.core import TyperGroup

from cli.limits import add_queue_movers
from cli.operations import Api, Output, operators, rows, say


class _ShownByDefault(TyperGroup):
    """`ffp queues` alone shows them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if named else ["show", *args])


app = typer.Typer(cls=_ShownByDefault, help="The work queues: what waits, runs, is stuck; hold one, go on with it.")


@operators(app, "show")
def queues(api: Api, *, output: Output = "table") -> None:
    """The work queues: what waits, runs, is stuck, and has died."""
    found = api.get("queues")["items"]
    say(found, output, lambda: queues_table(found))


def queues_table(found: list[dict[str, Any]]) -> Any:
    """`lost`: the worker's lease has ended without a word; `unsent`: the message is not out yet."""
    cells = [
        [
            each["queue"],
            each["waiting"],
            each["running"],
            each["lost"],
            each["unpublished"],
            None if each["oldest_s"] is None else f"{each['oldest_s']:.0f} s",
            each["dead_letters"],
        ]
        for each in found
    ]
    return rows("queue, >waiting, >running, >lost, >unsent, >oldest, >dead letters", cells, "Queues")


add_queue_movers(app)
