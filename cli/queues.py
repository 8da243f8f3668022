"""`ffp queues`: the work queues by what waits, runs and is stuck."""

from typing import Any

from cli.operations import Api, Output, rows, say


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
