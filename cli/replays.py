"""`ffp replays`: what was ordered about dead letters, and how it goes."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from cli.operations import NOT_WELL, Api, Limit, Output, an_id, facts, moment, operators, rows, say
from infra.local.errors import LocalStackError

app = typer.Typer(help="Replays of dead letters: how they go; hold them, go on, end them.", no_args_is_help=True)

ReplayId = Annotated[str, typer.Argument(metavar="REPLAY", help="Its id.", callback=an_id)]
_PATIENCE_S = 30.0
_WELL = {"succeeded", "would_succeed"}
_COLUMNS = "!replay, mode, state, ?>letters, outcomes, ?>rate, ?by, ?ordered, ?reason"


def counts(of: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(of.items())) or "-"


def _row(replay: dict[str, Any]) -> list[Any]:
    return [
        replay["id"],
        replay["mode"],
        replay["state"],
        replay["total"],
        counts(replay["outcomes"]),
        f"{replay['rate']:g}/s",
        replay["operator_id"][:8],
        moment(replay["created_at"]),
        replay["reason"],
    ]


def replays_table(found: list[dict[str, Any]]) -> Any:
    return rows(_COLUMNS, [_row(each) for each in found], "Replays", "No replays.")


@operators(app)
def ls(api: Api, *, limit: Limit = 20, output: Output = "table") -> None:
    """List them, newest first."""
    found = list(api.every("replays", limit))
    say(found, output, lambda: replays_table(found))


@operators(app)
def show(api: Api, *, replay: ReplayId, limit: Limit = 50, output: Output = "table") -> None:
    """One replay and what became of each of its letters."""
    found = api.get(f"replays/{replay}")
    found["items"] = list(api.every(f"replays/{replay}/letters", limit))
    say(found, output, lambda: [_facts(found), letters_table(found["items"])])


def _facts(replay: dict[str, Any]) -> Any:
    names = "id mode state reason selector total rate canary canary_passed operator_id confirmed_by outcomes skipped"
    shown = replay | {name: counts(replay[name]) for name in ("outcomes", "skipped")}
    return facts(shown, names + " created_at finished_at settled")


def letters_table(items: list[dict[str, Any]]) -> Any:
    cells = [
        [each["position"], each["letter_id"], each["outcome"], each["reason"] or _report(each["report"])]
        for each in items
    ]
    return rows("?>no., !letter, outcome, why", cells, "Letters", "No letters.")


def _report(report: dict[str, Any] | None) -> str | None:
    """Of a shadow: the rows it would have written, or the error."""
    if report is None:
        return None
    if "rows" not in report:
        return f"{report['error_class'] or report['code']} at {(report['frames'] or ['?'])[-1]}"
    return ", ".join(
        f"{table}: " + "/".join(f"{number} {kind}" for kind, number in changes.items())
        for table, changes in report["rows"].items()
    )


@operators(app)
def watch(
    api: Api,
    *,
    replay: ReplayId,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between looks.")] = 0.5,
    output: Output = "table",
) -> None:
    """Say each change until nothing more will change. Ends with 5 unless every letter came out well."""
    finish(followed(api, replay, every, typer.echo if output == "table" else lambda _: None), output)


def followed(api: Api, replay: str, every: float, say_line: Callable[[str], Any]) -> dict[str, Any]:
    """The replay once it has settled, or waits for somebody. Outlives an API that does not answer for half a minute."""
    seen, heard = "", time.monotonic()
    while True:
        try:
            found: dict[str, Any] = api.get(f"replays/{replay}")
        except LocalStackError as error:
            if time.monotonic() - heard > _PATIENCE_S:
                raise LocalStackError(f"{error}. The replay goes on without us: `ffp replays watch {replay}`") from None
            time.sleep(every)
            continue
        heard = time.monotonic()
        line = f"{found['state']}: {counts(found['outcomes'])}"
        if line != seen:
            say_line(line)
            seen = line
        if found["settled"] or found["state"] in {"waiting", "paused"}:
            return found
        time.sleep(every)


def finish(replay: dict[str, Any], output: str) -> None:
    """Print how it ended, and end with what that means."""
    say(replay, output, lambda: _facts(replay))
    if set(replay["outcomes"]) - _WELL or not replay["settled"]:
        raise typer.Exit(NOT_WELL)


def _mover(action: str, help_text: str) -> None:
    def move(api: Api, *, replay: ReplayId, output: Output = "table") -> None:
        found = api.post(f"replays/{replay}/{action}")
        say(found, output, lambda: replays_table([found]))

    move.__doc__ = help_text
    operators(app, action)(move)


_mover("pause", "Hold it: jobs that were put back go on, no other is.")
_mover("resume", "Go on with one that is held.")
_mover("cancel", "End it: the letters that are left stay as they are.")
_mover("confirm", "Agree to a colleague's, where one of its letters was replayed three times.")
