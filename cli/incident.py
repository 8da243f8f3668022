"""An incident report in Markdown, out of what the API says about a group of dead letters."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any


def report(
    group: dict[str, Any],
    letters: Sequence[dict[str, Any]],
    details: Sequence[dict[str, Any]],
    replays: Sequence[dict[str, Any]],
) -> str:
    """`letters` are the newest of the group, `details` the same in full: the first one's stack, and what was done about
    each. Ids and codes only, no payload.
    """
    first, last = group["first_seen_at"], group["last_seen_at"]
    lines = [
        f"# Incident {group['value']}",
        "",
        f"`{group['label']}`",
        "",
        f"- State: {group['state']}"
        + (f", resolved in {group['resolved_in']}" if group["resolved_in"] else "")
        + (f", reopened in {group['reopened_in']}" if group["reopened_in"] else ""),
        f"- First seen {first}, last seen {last}",
        f"- {group['letters']} dead letters of {group['tenants']} tenants; {group['open']} still wait",
        "",
        "## Whom it touched",
        "",
        *_table(["tenant", "kind", "stage", "release", "letters"], _shares(letters)),
        "",
        "## Where it failed",
        "",
        *(line for detail in details[:1] for line in _failure(detail)),
        "## What was done",
        "",
        *_done(group, details, replays),
        "",
        "## Letters" if len(letters) >= group["letters"] else f"## The newest {len(letters)} letters",
        "",
        *_table(
            ["letter", "job", "state", "seen", "replays", "last seen"],
            (
                [x["id"], x["job_id"] or "none", x["state"], x["times_seen"], x["replays"], x["last_seen_at"]]
                for x in letters
            ),
        ),
    ]
    return "\n".join(lines) + "\n"


def _shares(letters: Sequence[dict[str, Any]]) -> list[list[Any]]:
    found = Counter((x["tenant"] or "none", x["kind"] or "none", x["stage"] or "none", x["release"]) for x in letters)
    return [[*key, count] for key, count in found.most_common()]


def _failure(letter: dict[str, Any]) -> list[str]:
    frames = letter["frames"] or ["(no stack: the worker told nothing)"]
    return [
        f"{letter['error_class'] or letter['error_code']}, innermost last, as letter {letter['id']} has it:",
        "",
        "```",
        *frames,
        "```",
        "",
        *_table(
            ["attempt", "started", "outcome", "error", "release"],
            (
                [
                    x["number"],
                    x["started_at"],
                    x["outcome"] or "lost",
                    x["error_class"] or x["error_code"],
                    x["release"],
                ]
                for x in letter["attempts"]
            ),
        ),
        "",
    ]


def _done(group: dict[str, Any], details: Sequence[dict[str, Any]], replays: Sequence[dict[str, Any]]) -> list[str]:
    notes = [(note["at"], f"note by {note['by']}: {_line(note['text'])}") for note in group["notes"]]
    events = [
        (event["at"], f"letter {detail['id']} {event['action']} by {event['operator_id']}: {_line(event['reason'])}")
        for detail in details
        for event in detail["events"]
    ]
    ordered = [(each["created_at"], _replay(each)) for each in replays]
    return [f"- {at}: {text}" for at, text in sorted(notes + events + ordered)] or ["Nothing yet."]


def _replay(replay: dict[str, Any]) -> str:
    outcomes = ", ".join(f"{number} {name}" for name, number in replay["outcomes"].items())
    who = f"{replay['mode']} {replay['id']} ({replay['state']}) by {replay['operator_id']}"
    return f"{who}: {outcomes}. {_line(replay['reason'])}"


def _line(text: str) -> str:
    """What somebody wrote, on one line and without a meaning in Markdown."""
    return " ".join(text.split()).replace("|", "\\|").replace("`", "'").replace("<", "&lt;")


def _table(headings: Sequence[str], found: Iterable[Sequence[Any]]) -> list[str]:
    return [
        "| " + " | ".join(headings) + " |",
        "|" + "---|" * len(headings),
        *("| " + " | ".join(_line(str(cell)) for cell in row) + " |" for row in found),
    ]
