"""`ffp dlq`: dead letters, from the alarm to a safe replay."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cli import replays
from cli.incident import report
from cli.jobs import Kind, Stage, Tenant
from cli.letters import groups_table, letter_parts, letters_table, look_parts
from cli.operations import Api, Execute, Limit, Output, Reason, a_group, an_id, moment, operators, rows, say

app = typer.Typer(help="Dead letters: what died and why; replay, discard, restore, export.", no_args_is_help=True)

LetterId = Annotated[str, typer.Argument(metavar="LETTER", help="Its id.", callback=an_id)]
LetterIds = Annotated[list[str], typer.Argument(metavar="LETTER...", help="Their ids.", callback=an_id)]
Group = Annotated[str | None, typer.Option(help="A group, as `ffp dlq groups` has it.")]
Queue = Annotated[str | None, typer.Option(help="Such as scoring.")]
Code = Annotated[str | None, typer.Option(help="An error code.")]
Release = Annotated[str | None, typer.Option(help="The release that failed.")]
Replayed = Annotated[int | None, typer.Option("--replayed", min=0, help="Replayed exactly this often.")]
Since = Annotated[str | None, typer.Option("--from", help="Last seen at this time or later, RFC 3339.")]
Until = Annotated[str | None, typer.Option("--to", help="Last seen before this time, RFC 3339.")]


@operators(app)
def groups(
    api: Api,
    *,
    by: Annotated[
        Literal["fingerprint", "code", "kind", "tenant", "release"], typer.Option(help="What they have in common.")
    ] = "fingerprint",
    state: Annotated[str | None, typer.Option(help="open, replaying, resolved or discarded.")] = None,
    tenant: Tenant = None,
    output: Output = "table",
) -> None:
    """Dead letters that have something in common, most of them first."""
    found = api.get("dead-letters/groups", by=by, state=state, tenant_id=tenant)["items"]
    say(found, output, lambda: groups_table(found))


@operators(app)
def ls(
    api: Api,
    *,
    state: Annotated[str | None, typer.Option(help="open, replaying, resolved or discarded.")] = None,
    queue: Queue = None,
    kind: Kind = None,
    stage: Stage = None,
    tenant: Tenant = None,
    code: Code = None,
    fingerprint: Group = None,
    release: Release = None,
    replayed: Replayed = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 30,
    output: Output = "table",
) -> None:
    """List them, last seen first."""
    wanted = _filter(queue, kind, stage, tenant, code, fingerprint, release, replayed, since, until)
    found = list(api.every("dead-letters", limit, state=state, **wanted))
    say(found, output, lambda: letters_table(found))


def _filter(*values: Any) -> dict[str, Any]:
    names = ("queue", "kind", "stage", "tenant_id", "code", "fingerprint", "release", "replays", "from", "to")
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


@operators(app)
def show(
    api: Api,
    *,
    letter: LetterId,
    reveal: Annotated[
        str | None, typer.Option("--reveal", metavar="REASON", help="Show its message as it came. On record.")
    ] = None,
    output: Output = "table",
) -> None:
    """One of them: attempts, stack, messages with masked payloads, what was done about it."""
    found = api.get(f"dead-letters/{letter}")
    if reveal is not None:
        found["revealed"] = api.post(f"dead-letters/{letter}/reveal", {"reason": reveal})["message"]
    say(found, output, lambda: letter_parts(found))


@operators(app)
def diff(api: Api, *, letter: LetterId, output: Output = "table") -> None:
    """What changed from attempt to attempt."""
    found = api.get(f"dead-letters/{letter}/diff")["items"]
    cells = [
        [each["stage"], f"{each['before']} -> {each['after']}", name, before, after]
        for each in found
        for name, (before, after) in (each["changes"] or {"nothing": (None, None)}).items()
    ]
    say(found, output, lambda: rows("stage, attempts, what, before, after", cells, nothing="Fewer than two attempts."))


def _canary(value: str | None) -> dict[str, Any] | None:
    if value is None:
        return None
    first, _, share = value.partition(":")
    try:
        found = {"first": int(first), "max_failure_share": float(share or 0)}
    except ValueError:
        found = {"first": 0, "max_failure_share": 0}
    if not (found["first"] >= 1 and 0 <= found["max_failure_share"] < 1):
        raise typer.BadParameter("takes FIRST or FIRST:SHARE, such as 10:0.2", param_hint="--canary")
    return found


@operators(app)
def replay(
    api: Api,
    *,
    letters: Annotated[
        list[str] | None, typer.Argument(metavar="[LETTER...]", help="Their ids.", callback=an_id)
    ] = None,
    fingerprint: Group = None,
    queue: Queue = None,
    kind: Kind = None,
    stage: Stage = None,
    tenant: Tenant = None,
    code: Code = None,
    release: Release = None,
    replayed: Replayed = None,
    since: Since = None,
    until: Until = None,
    everything: Annotated[bool, typer.Option("--all", help="Every open one.")] = False,
    reason: Reason = "",
    shadow: Annotated[bool, typer.Option("--shadow", help="Try each, undo it, and report.")] = False,
    execute: Execute = False,
    expected_count: Annotated[
        int | None, typer.Option(min=0, help="Refuse unless there are so many.", show_default="as many as there are")
    ] = None,
    most: Annotated[int, typer.Option("--max", min=1, max=10_000, help="No more than so many, oldest first.")] = 1000,
    rate: Annotated[float, typer.Option(min=0.001, max=500, help="Letters a second.")] = 5.0,
    canary: Annotated[
        str | None, typer.Option(metavar="FIRST[:SHARE]", help="So many first; stop where a larger share fails.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it to its end.")] = True,
    output: Output = "table",
) -> None:
    """Put their jobs back, or with --shadow try them without effect. Without --execute or --shadow: a dry run."""
    wanted = _filter(queue, kind, stage, tenant, code, fingerprint, release, replayed, since, until)
    if (letters and (wanted or everything)) or not (letters or wanted or everything):
        raise typer.BadParameter("name letters, or say which by options, or --all")
    if shadow and execute:
        raise typer.BadParameter("--shadow or --execute, not both")
    if execute and not reason:
        raise typer.BadParameter("to execute takes a --reason")
    order: dict[str, Any] = {
        "selector": {"ids": letters} if letters else {"filter": wanted},
        "max": most,
        "rate": rate,
        "canary": _canary(canary),
        "reason": reason or "A look.",
    }
    look = api.post("replays", order)
    if not (shadow or execute):
        say(look, output, lambda: look_parts(look))
        return
    count = look["count"] if expected_count is None else expected_count
    made = api.post("replays", order | {"mode": "shadow" if shadow else "execute", "expected_count": count})
    if not wait:
        say(made, output, lambda: replays.replays_table([made]))
        return
    ended = replays.followed(api, made["id"], 0.3, typer.echo if output == "table" else lambda _: None)
    if shadow:
        ended["items"] = list(api.every(f"replays/{made['id']}/letters", most))
        if output == "table":
            say(ended, output, lambda: replays.letters_table(ended["items"]))
    replays.finish(ended, output)


def _each(api: Api, action: str, letters: list[str], reason: str, execute: bool, output: str) -> None:
    if not execute:
        found = [api.get(f"dead-letters/{letter}") for letter in letters]
        say(found, output, lambda: [letters_table(found), f"Would be {action}ed: repeat with --execute."])
        return
    moved = [api.post(f"dead-letters/{letter}/{action}", {"reason": reason}) for letter in letters]
    say(moved, output, lambda: letters_table(moved))


@operators(app)
def discard(
    api: Api, *, letters: LetterIds, reason: Reason, execute: Execute = False, output: Output = "table"
) -> None:
    """Put them out of the way of replays. Their jobs stay as they are: to end one, `ffp jobs cancel`."""
    _each(api, "discard", letters, reason, execute, output)


@operators(app)
def restore(
    api: Api, *, letters: LetterIds, reason: Reason, execute: Execute = False, output: Output = "table"
) -> None:
    """Take discarded ones back."""
    _each(api, "restore", letters, reason, execute, output)


Fingerprint = Annotated[str, typer.Argument(metavar="GROUP", help="As `ffp dlq groups` has it.", callback=a_group)]


@operators(app)
def note(
    api: Api,
    *,
    group: Fingerprint,
    text: Annotated[str, typer.Argument(help="What to note.")],
    output: Output = "table",
) -> None:
    """Add a note to a group, for colleagues."""
    found = api.post(f"dead-letters/groups/{group}/notes", {"text": text})
    notes = [[moment(each["at"]), each["by"][:8], each["text"]] for each in found["notes"]]
    say(found, output, lambda: [groups_table([found]), rows("at, by, note", notes)])


@operators(app)
def resolve(
    api: Api,
    *,
    group: Fingerprint,
    release: Annotated[str, typer.Option(help="The release that mends it.")],
    output: Output = "table",
) -> None:
    """Say which release mends a group: a letter that comes later opens it again."""
    found = api.post(f"dead-letters/groups/{group}/resolve", {"release": release})
    say(found, output, lambda: groups_table([found]))


@operators(app)
def export(
    api: Api,
    *,
    group: Fingerprint,
    to: Annotated[Path | None, typer.Option(help="A file.", show_default="standard output")] = None,
    limit: Limit = 200,
) -> None:
    """Write an incident report of a group in Markdown: what, since when, whom it touched, what was done."""
    found = api.get(f"dead-letters/groups/{group}")
    letters = list(api.every("dead-letters", limit, fingerprint=group))
    details = [api.get(f"dead-letters/{letter['id']}") for letter in letters]
    ordered = [each for each in api.every("replays", limit) if group in str(each["selector"]) or _names(each, letters)]
    text = report(found, letters, details, ordered)
    if to is None:
        typer.echo(text, nl=False)
    else:
        to.write_text(text)
        typer.echo(f"Written to {to}.")


def _names(ordered: dict[str, Any], letters: list[dict[str, Any]]) -> bool:
    return bool({letter["id"] for letter in letters} & set(ordered["selector"].get("ids", ())))
