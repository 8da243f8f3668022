"""Dead letters in PostgreSQL: taking them in as ffp_relay, and what operators see and do as ffp_ops."""

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.dead_letters import (
    MAX_KEPT_BYTES,
    DeadLetter,
    Event,
    Group,
    Grouping,
    KeptMessage,
    LetterFilter,
    RevealedMessage,
)
from domain.errors import DeadLetterInOtherState, NotFound
from domain.jobs import QUEUE_OF, TASK_OF, Message
from domain.pages import Page, Window
from domain.tenancy import Operator
from infra import audit, background
from infra.ids import new_id
from infra.listing import Listing
from infra.messages import Unreadable, decode
from infra.rows import Connection, Row

Taken = Literal["kept", "known", "done", "later"]


def take(connection: background.Connection, message_id: str, queue: str, body: str) -> Taken:
    """Store a message of a dead-letter queue and mark its job dead, in one statement. See app.take_dead_letter.

    Raises Unavailable.
    """
    raw = body.encode("utf-8", "surrogatepass")
    try:
        message = decode(body)
    except Unreadable:
        message = None
    given = (
        message and message.tenant_id,
        message and message.job_id,
        message and message.stage,
        message and message.replay,
        message_id,
        queue,
        len(raw),
        hashlib.sha256(raw).hexdigest(),
        raw[:MAX_KEPT_BYTES],
        message and Jsonb(_envelope(message)),
        new_id(),
        message and message.id,
    )
    with background.available():
        [row] = connection.execute(
            "select app.take_dead_letter(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) as outcome", given
        ).fetchall()
    outcome: Taken = row["outcome"]
    return outcome


def _envelope(message: Message) -> dict[str, Any]:
    """What we read in a message, made anew: no value of it but those that `decode` has looked at."""
    return {
        "task": TASK_OF[message.stage],
        "stage": message.stage,
        "replay": message.replay,
        "tenant_id": str(message.tenant_id),
        "job_id": str(message.job_id),
        "correlation_id": message.correlation_id,
        "traceparent": message.traceparent,
    }


LETTER_COLUMNS = ", ".join(
    "t.slug as tenant" if each.name == "tenant" else f"l.{each.name}" for each in fields(DeadLetter)
)
_SELECT = f"""select {LETTER_COLUMNS} from dead_letters l left join tenants t on t.id = l.tenant_id
    where true"""  # noqa: S608 - our own column names
_EQUAL = ("state", "kind", "stage", "tenant_id", "fingerprint", "release", "replays")
_BY = {
    "fingerprint": ("l.fingerprint", "max(l.signature)"),
    "code": ("l.error_code", "l.error_code"),
    "kind": ("coalesce(l.kind, 'none')", "coalesce(l.kind, 'none')"),
    "tenant": ("coalesce(l.tenant_id::text, 'none')", "coalesce(max(t.slug), 'none')"),
    "release": ("l.release", "l.release"),
}


def conditions(wanted: LetterFilter) -> tuple[str, list[object]]:
    """` and ...` for `from dead_letters l`, and its parameters."""
    found: list[tuple[str, tuple[object, ...]]] = [
        (f"l.{name} = %s", (getattr(wanted, name),)) for name in _EQUAL if getattr(wanted, name) is not None
    ]
    if wanted.code is not None:
        found.append(("l.error_code = %s", (wanted.code,)))
    if wanted.queue is not None:
        # By its stage, where it has one: a job that died without a message has been in no dead-letter queue.
        stages = [stage for stage, name in QUEUE_OF.items() if name == wanted.queue]
        found.append(("(l.queue = %s or l.stage = any(%s))", (wanted.queue, stages)))
    if wanted.since is not None:
        found.append(("l.last_seen_at >= %s", (wanted.since,)))
    if wanted.until is not None:
        found.append(("l.last_seen_at < %s", (wanted.until,)))
    return "".join(f" and {text}" for text, _ in found), [value for _, values in found for value in values]


class DeadLetterRepository:
    """Of every tenant, as ffp_ops."""

    def __init__(self, connection: Connection[Operator]) -> None:
        self._connection = connection

    def page(self, window: Window, wanted: LetterFilter) -> Page[DeadLetter]:
        text, params = conditions(wanted)
        listing = Listing(_SELECT + text, ("l.last_seen_at", "l.id"), descending=True)
        return listing.page(self._connection, params, window, lambda row: DeadLetter(**row))

    def read(self, letter_id: UUID) -> DeadLetter:
        rows = self._connection.execute(f"{_SELECT} and l.id = %s", (letter_id,))
        if not rows:
            raise NotFound
        return DeadLetter(**rows[0])

    def of_job(self, tenant_id: UUID, job_id: UUID) -> list[DeadLetter]:
        rows = self._connection.execute(
            f"{_SELECT} and l.tenant_id = %s and l.job_id = %s order by l.first_seen_at", (tenant_id, job_id)
        )
        return [DeadLetter(**row) for row in rows]

    def messages(self, letter_id: UUID) -> list[KeptMessage]:
        rows = self._connection.execute(
            """select message_id, queue, size, sha256, envelope, arrived_at from dead_letter_messages
               where letter_id = %s order by arrived_at, message_id""",
            (letter_id,),
        )
        return [KeptMessage(**row) for row in rows]

    def events(self, letter_id: UUID) -> list[Event]:
        rows = self._connection.execute(
            "select at, operator_id, action, reason from dead_letter_events where letter_id = %s order by at, id",
            (letter_id,),
        )
        return [Event(**row) for row in rows]

    def reveal(self, letter_id: UUID, reason: str) -> RevealedMessage | None:
        """The newest message as it came; None where none did. On record either way. Raises NotFound."""
        self.read(letter_id)
        rows = self._connection.read(
            """select message_id, queue, size, sha256, body, arrived_at
               from app.reveal_dead_letter(%s, %s, %s, %s, %s, %s, %s)""",
            (letter_id, new_id(), reason, self._connection.context.request_id),
        )
        return RevealedMessage(**rows[0]) if rows else None

    def move(self, letter_id: UUID, before: str, after: str, action: str, reason: str) -> DeadLetter:
        """Raises DeadLetterInOtherState unless it is `before`, NotFound."""
        letter = self.read(letter_id)
        moved = self._connection.execute(
            """update dead_letters set state = %s, changed_at = now()
               where id = %s and state = %s returning id""",
            (after, letter_id, before),
        )
        if not moved:
            raise DeadLetterInOtherState
        who = self._connection.context
        self._connection.execute(
            """insert into dead_letter_events (tenant_id, id, letter_id, operator_id, action, reason)
               values (%s, %s, %s, %s, %s, %s)""",
            (letter.tenant_id, new_id(), letter_id, who.user_id, action, reason),
        )
        audit.record(
            self._connection, f"dead_letter.{action}", "dead_letter", letter_id, None, of_tenant=letter.tenant_id
        )
        return self.read(letter_id)

    def groups(self, by: Grouping, wanted: LetterFilter, most: int) -> list[Group]:
        """Largest first, by letters that wait."""
        text, params = conditions(wanted)
        value, label = _BY[by]
        rows = self._connection.execute(
            f"""select {value} as value, {label} as label, count(*) as letters, count(distinct l.tenant_id) as tenants,
                   count(*) filter (where l.state in ('open', 'replaying')) as open,
                   min(l.first_seen_at) as first_seen_at, max(l.last_seen_at) as last_seen_at
                from dead_letters l left join tenants t on t.id = l.tenant_id where true{text}
                group by {value} order by 5 desc, 7 desc limit %s""",  # noqa: S608 - our own column names
            (*params, most),
        )
        return self._with_states(rows) if by == "fingerprint" else [Group(**row) for row in rows]

    def _with_states(self, rows: Sequence[Row]) -> list[Group]:
        stored = {
            row.pop("fingerprint"): row
            for row in self._connection.execute(
                """select fingerprint, state, resolved_in, reopened_in, notes from dead_letter_groups
                   where fingerprint = any(%s)""",
                ([row["value"] for row in rows],),
            )
        }
        groups = []
        for row in rows:
            known = dict(stored[row["value"]])
            if known["state"] != "resolved" and not row["open"]:
                known["state"] = "resolved"  # nothing of it waits any more
            groups.append(Group(**row, **known))
        return groups

    def group(self, fingerprint: str) -> Group:
        """Raises NotFound."""
        found = self.groups("fingerprint", LetterFilter(fingerprint=fingerprint), 1)
        if not found:
            raise NotFound
        return found[0]

    def note(self, fingerprint: str, text: str) -> None:
        self._change_group(
            fingerprint,
            """notes = notes || jsonb_build_array(jsonb_build_object('at', now(), 'by', %s::text, 'text', %s::text))""",
            (str(self._connection.context.user_id), text),
            "noted",
        )

    def resolve(self, fingerprint: str, release: str) -> None:
        """Say that this release mends it: a letter that comes later opens the group again."""
        self._change_group(fingerprint, "state = 'resolved', resolved_in = %s", (release,), "resolved")

    def _change_group(self, fingerprint: str, change: str, params: Sequence[object], action: str) -> None:
        rows = self._connection.execute(
            f"""update dead_letter_groups set {change}, revision = revision + 1, changed_at = now()
                where fingerprint = %s returning fingerprint""",  # noqa: S608 - our own columns
            (*params, fingerprint),
        )
        if not rows:
            raise NotFound
        # The log names its subjects by uuid: a fingerprint is 16 of its 32 digits.
        audit.record(self._connection, f"dead_letter_group.{action}", "dead_letter_group", UUID(fingerprint * 2), None)
