"""Replays in PostgreSQL: what operators order as ffp_ops, and the replayer's steps as ffp_relay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from domain.dead_letters import MAX_REPLAYS, DeadLetter
from domain.errors import IdempotencyKeyReused, NotFound
from domain.jobs import Message, Stage
from domain.pages import Page, Window
from domain.replays import DryRun, Order, Replay, ReplayedLetter, Selector, Share, State
from domain.tenancy import Operator
from infra import audit
from infra.dead_letters import LETTER_COLUMNS, conditions
from infra.listing import Listing
from infra.rows import Connection, Row

_SAMPLE = 5
_REPLAY = ", ".join(f"r.{each.name}" for each in fields(Replay) if each.name not in {"outcomes", "skipped"})
_COUNTED = f"""
    select {_REPLAY},
        (select coalesce(jsonb_object_agg(outcome, n), '{{}}') from (
            select outcome, count(*) as n from replay_letters where replay_id = r.id group by outcome) o) as outcomes,
        (select coalesce(jsonb_object_agg(reason, n), '{{}}') from (
            select reason, count(*) as n from replay_letters
            where replay_id = r.id and outcome = 'skipped' group by reason) s) as skipped
    from replays r where true"""  # noqa: S608 - our own column names
_LETTERS = f"""select {", ".join(each.name for each in fields(ReplayedLetter))}
    from replay_letters where replay_id = %s"""  # noqa: S608


def _selected(selector: Selector) -> tuple[str, list[object]]:
    """`from ... where ...` of the letters that a selector finds: the named ones, or the open ones of its filter."""
    if selector.ids:
        return "from dead_letters l left join tenants t on t.id = l.tenant_id where l.id = any(%s)", [
            list(selector.ids)
        ]
    text, params = conditions(selector.filter)
    return f"from dead_letters l left join tenants t on t.id = l.tenant_id where l.state = 'open'{text}", params


class ReplayRepository:
    """Of every tenant, as ffp_ops. Each order and each word on one is on record."""

    def __init__(self, connection: Connection[Operator]) -> None:
        self._connection = connection

    def dry_run(self, selector: Selector, most: int) -> DryRun:
        found, params = _selected(selector)
        shares = self._connection.execute(
            f"""select l.kind, l.tenant_id, max(t.slug) as tenant, count(*) as count,
                   count(*) filter (where l.replays >= %s) as over
                {found} group by l.kind, l.tenant_id order by 4 desc, 1, 2""",
            (MAX_REPLAYS, *params),
        )
        sample = self._connection.execute(
            f"select {LETTER_COLUMNS} {found} order by l.first_seen_at, l.id limit %s",
            (*params, _SAMPLE),
        )
        count = sum(row["count"] for row in shares)
        return DryRun(
            count=count,
            taken=min(count, most),
            over_limit=sum(row.pop("over") for row in shares),
            shares=[Share(**row) for row in shares],
            sample=[DeadLetter(**row) for row in sample],
        )

    def known(self, order: Order) -> Replay | None:
        """What this operator's key has ordered before. Raises IdempotencyKeyReused where that was something else."""
        rows = self._connection.execute(
            "select id, request_hash from replays where operator_id = %s and request_key = %s",
            (self._connection.context.user_id, order.key),
        )
        if not rows:
            return None
        if rows[0]["request_hash"] != order.request_hash:
            raise IdempotencyKeyReused
        return self.read(rows[0]["id"])

    def add(self, replay_id: UUID, order: Order, state: State) -> Replay | None:
        """With its letters as the selector finds them now, oldest first. None where the key was used meanwhile."""
        who = self._connection.context
        found, params = _selected(order.selector)
        canary = order.canary
        made = self._connection.execute(
            """insert into replays (id, mode, state, selector, reason, operator_id, request_id, request_key,
                   request_hash, total, rate, canary_first, canary_share)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, 0, %s, %s, %s)
               on conflict (operator_id, request_key) do nothing returning id""",
            (
                replay_id,
                order.mode,
                state,
                Jsonb(dict(order.document)),
                order.reason,
                who.user_id,
                who.request_id,
                order.key,
                order.request_hash,
                order.rate,
                canary and canary.first,
                canary and canary.max_failure_share,
            ),
        )
        if not made:
            return None
        self._connection.execute(
            f"""insert into replay_letters (tenant_id, replay_id, letter_id, position)
                select l.tenant_id, %s, l.id, row_number() over (order by l.first_seen_at, l.id) {found}
                order by l.first_seen_at, l.id limit %s""",
            (replay_id, *params, order.most),
        )
        self._connection.execute(
            "update replays set total = (select count(*) from replay_letters where replay_id = %s) where id = %s",
            (replay_id, replay_id),
        )
        audit.record(self._connection, "replay.ordered", "replay", replay_id, None)
        self._tell()
        return self.read(replay_id)

    def read(self, replay_id: UUID) -> Replay:
        rows = self._connection.execute(f"{_COUNTED} and r.id = %s", (replay_id,))
        if not rows:
            raise NotFound
        return Replay(**rows[0])

    def page(self, window: Window) -> Page[Replay]:
        """Newest first."""
        listing = Listing(_COUNTED, ("r.created_at", "r.id"), descending=True)
        return listing.page(self._connection, (), window, lambda row: Replay(**row))

    def letters(self, replay_id: UUID, window: Window, outcome: str | None) -> Page[ReplayedLetter]:
        text = _LETTERS if outcome is None else f"{_LETTERS} and outcome = %s"
        params = (replay_id,) if outcome is None else (replay_id, outcome)
        listing = Listing(text, ("position",), descending=False)
        return listing.page(self._connection, params, window, lambda row: ReplayedLetter(**row))

    def move(self, replay_id: UUID, before: frozenset[str], after: State, action: str) -> bool:
        """Whether it was in one of the states `before`."""
        moved = self._connection.execute(
            """update replays set state = %s, revision = revision + 1, changed_at = now(),
                   next_at = greatest(next_at, now()), finished_at = case when %s = 'canceled' then now() end,
                   confirmed_by = case when %s = 'confirm' then %s else confirmed_by end
               where id = %s and state = any(%s) returning id""",
            (after, after, action, self._connection.context.user_id, replay_id, list(before)),
        )
        if moved:
            audit.record(self._connection, f"replay.{_PAST[action]}", "replay", replay_id, None)
            self._tell()
        return bool(moved)

    def _tell(self) -> None:
        """Replayers that wait, with this transaction's commit."""
        self._connection.execute("select pg_notify('ffp_replays', '')")


_PAST: Mapping[str, str] = {"pause": "paused", "resume": "resumed", "cancel": "canceled", "confirm": "confirmed"}
Outcome = Literal["replayed", "skipped", "waits", "done", "stopped", "idle"]


@dataclass(frozen=True, slots=True)
class Step:
    """`message` is to be sent now: its job is in the outbox. `wait_s`: until a step is due; None: there is none."""

    outcome: Outcome
    wait_s: float | None
    replay_id: UUID | None
    message: Message | None


def step(connection: psycopg.Connection[Row]) -> Step:
    """Put back one letter of whichever replay is due, in one transaction. See app.replay_step."""
    [row] = connection.execute("select * from app.replay_step()").fetchall()
    message = None
    if row["outcome"] == "replayed":
        message = Message(
            row["tenant_id"], row["job_id"], row["stage"], row["correlation_id"], row["traceparent"], row["replay"]
        )
    return Step(row["outcome"], row["wait_s"], row["replay_id"], message)


def settle(connection: psycopg.Connection[Row]) -> None:
    """Returns once every step so far is on disk: a commit with something in it waits for all that came before."""
    connection.execute("select pg_logical_emit_message(true, 'ffp', '')")


def mark_published(connection: psycopg.Connection[Row], messages: Sequence[Message]) -> None:
    connection.execute(
        """update jobs j set published_at = now()
           from unnest(%s::uuid[], %s::uuid[], %s::integer[]) as m (tenant_id, id, replays)
           where j.tenant_id = m.tenant_id and j.id = m.id and j.replays = m.replays and j.published_at is null""",
        (
            [message.tenant_id for message in messages],
            [message.job_id for message in messages],
            [message.replay for message in messages],
        ),
    )


def listen(connection: psycopg.Connection[Row]) -> None:
    connection.execute("listen ffp_replays")


def wait(connection: psycopg.Connection[Row], seconds: float) -> None:
    """Returns after `seconds`, or as soon as an operator has ordered something."""
    for _ in connection.notifies(timeout=seconds, stop_after=1):
        pass


@dataclass(frozen=True, slots=True)
class ShadowLetter:
    replay_id: UUID
    letter_id: UUID
    signature: str
    message: Message

    @property
    def stage(self) -> Stage:
        return self.message.stage


def next_shadow(connection: psycopg.Connection[Row], lease_s: float) -> ShadowLetter | None:
    """The next letter to try without effect; for `lease_s` nobody else gets one of its replay."""
    row = connection.execute("select * from app.next_shadow(%s)", (lease_s,)).fetchone()
    if row is None:
        return None
    message = Message(row["tenant_id"], row["job_id"], row["stage"], row["correlation_id"], None, row["replay"])
    return ShadowLetter(row["replay_id"], row["letter_id"], row["signature"], message)


def note_shadow(
    connection: psycopg.Connection[Row],
    letter: ShadowLetter,
    outcome: str,
    reason: str | None,
    report: Mapping[str, Any] | None,
) -> None:
    connection.execute(
        "select app.note_shadow(%s, %s, %s, %s, %s, %s)",
        (
            letter.replay_id,
            letter.message.tenant_id,
            letter.letter_id,
            outcome,
            reason,
            None if report is None else Jsonb(dict(report)),
        ),
    )
