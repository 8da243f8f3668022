"""Dead letters and their groups as tables."""

from typing import Any

from cli.jobs import attempts_table
from cli.operations import facts, moment, rows

_COLUMNS = "!letter, tenant, ?kind, ?stage, !error, ?!group, state, ?>seen, ?>replays, last seen"


def _row(letter: dict[str, Any]) -> list[Any]:
    return [
        letter["id"],
        letter["tenant"],
        letter["kind"],
        letter["stage"],
        letter["error_class"] or letter["error_code"],
        letter["fingerprint"],
        letter["state"],
        letter["times_seen"],
        letter["replays"],
        moment(letter["last_seen_at"]),
    ]


def letters_table(found: list[dict[str, Any]], title: str | None = None) -> Any:
    return rows(_COLUMNS, [_row(letter) for letter in found], title, "No dead letters.")


def groups_table(found: list[dict[str, Any]]) -> Any:
    cells = [
        [
            each["value"],
            each["state"],
            each["open"],
            each["letters"],
            each["tenants"],
            moment(each["first_seen_at"]),
            moment(each["last_seen_at"]),
            each["label"] + (f" (reopened in {each['reopened_in']})" if each["state"] == "reopened" else ""),
        ]
        for each in found
    ]
    headings = "!group, state, >open, ?>letters, ?>tenants, ?first seen, last seen, what"
    return rows(headings, cells, "Groups", "No dead letters.")


def letter_parts(letter: dict[str, Any]) -> list[Any]:
    names = "id tenant tenant_id job_id kind stage queue error_code error_class state resolution times_seen replays"
    parts = [facts(letter, names + " release fingerprint correlation_id first_seen_at last_seen_at")]
    parts.append(rows("stack", [[frame] for frame in letter["frames"] or []], nothing="No stack."))
    parts.append(attempts_table(letter["attempts"]))
    messages = [[m["message_id"], m["queue"], m["size"], moment(m["arrived_at"])] for m in letter["messages"]]
    parts.append(rows("!message, queue, >bytes, arrived", messages, "Messages", "It died without a message."))
    parts.extend(rows("payload", [[message["payload"]]]) for message in letter["messages"])
    events = [
        [moment(each["at"]), each["action"], each["operator_id"][:8], each["reason"]] for each in letter["events"]
    ]
    parts.append(rows("at, what, by, why", events, "What was done", "Nothing was done about it yet."))
    if letter.get("revealed"):
        parts.append(rows("as it came", [[letter["revealed"]["text"]]]))
    return parts


def look_parts(look: dict[str, Any]) -> list[Any]:
    shares = [[each["kind"], each["tenant"], each["count"]] for each in look["shares"]]
    said = f"A dry run: {look['count']} found, {look['taken']} would be replayed. Repeat with --shadow or --execute."
    if look["over_limit"]:
        said += f" {look['over_limit']} of them need a second operator: `ffp replays confirm`."
    return [
        rows("kind, tenant, >letters", shares, "Found", "No dead letter is found."),
        letters_table(look["sample"], "The oldest"),
        said,
    ]
