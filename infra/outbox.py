"""Jobs of every tenant as the relay and the sweeper may see them: ids, states and times, as role ffp_relay."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.rows import dict_row

from domain.jobs import QUEUE_OF, Message
from infra import settings, sign_in
from infra.jobs import message_from
from infra.keepalive import KEEPALIVE
from infra.rows import Row

_OPEN = "('queued', 'running', 'retrying')"
_BUCKETS = 5_000  # a sweep


@contextmanager
def transaction() -> Iterator[psycopg.Connection[Row]]:
    url = settings.relay_database_url()
    with psycopg.connect(
        url,
        **KEEPALIVE,
        **sign_in.parameters(url),
        row_factory=dict_row,
        connect_timeout=3,
        application_name="ffp-relay",
        options=f"-c lock_timeout=2s -c statement_timeout=10s -c app.release={settings.release()}",
    ) as connection:
        yield connection


def relay(publish: Callable[[Sequence[Message]], list[Message]], *, grace_s: float, limit: int = 100) -> int:
    """Publish what is committed, unpublished and not held, oldest first; mark what the queue accepted. Returns how many
    it took. What has come into a paused stage is held from now on.

    The rows stay locked while their messages are sent, so that two relays share the work. A crash between sending and
    marking sends twice, which is harmless.
    """
    with transaction() as connection:
        connection.execute(
            f"""update jobs set held = true, hold_until = null
                where published_at is null and not held and status in {_OPEN} and lease_until is null
                    and (select paused from app.limits_of(tenant_id, stage))"""  # noqa: S608
        )
        rows = connection.execute(
            f"""select tenant_id, id as job_id, stage, correlation_id, traceparent, replays from jobs
                where published_at is null and not held and status in {_OPEN}
                    and coalesce(hold_until, updated_at + make_interval(secs => %s)) < now()
                order by updated_at limit %s for update skip locked""",  # noqa: S608
            (grace_s, limit),
        ).fetchall()
        sent = publish([message_from(row) for row in rows]) if rows else []
        _mark(connection, sent)
    return len(sent)


def release(publish: Callable[[Sequence[Message]], list[Message]], *, grace_s: float, limit: int = 100) -> int:
    """Give held jobs the turns that there is room for, and publish them. Returns how many went out.

    Their turn is committed before their messages are sent: a worker that gets one at once finds its job free. What a
    crash leaves unsent is `relay`'s after `grace_s`.
    """
    with transaction() as connection:
        turns = connection.execute(
            """with recursive s as (
                   (select stage from jobs where held order by stage limit 1)
                   union all
                   select (select j.stage from jobs j where j.held and j.stage > s.stage order by j.stage limit 1)
                   from s where s.stage is not null)
               select t.* from s cross join lateral app.take_turns(null, s.stage, %s, %s) t
               where s.stage is not null""",
            (limit, grace_s),
        ).fetchall()
    if not turns:
        return 0
    sent = publish([message_from(row) for row in turns])
    with transaction() as connection:
        _mark(connection, sent)
    return len(sent)


def backlog() -> bool:
    """Whether a job waits for its turn."""
    with transaction() as connection:
        [row] = connection.execute("select exists (select from jobs where held) as waits").fetchall()
    return bool(row["waits"])


def _mark(connection: psycopg.Connection[Row], sent: Sequence[Message]) -> None:
    connection.cursor().executemany(
        "update jobs set published_at = now() where tenant_id = %s and id = %s and stage = %s and published_at is null",
        [(message.tenant_id, message.job_id, message.stage) for message in sent],
    )


def measure_pace() -> None:
    """Note how long each stage takes at present and what waits for it: where estimates come from."""
    with transaction() as connection:
        connection.execute("select app.measure_pace()")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Jobs that wait for their stage, and how long the first of them has waited (seconds)."""

    depth: int = 0
    age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """`dead` jobs wait for an operator; `unsent_s`: how long the oldest job's message has not gone out (seconds)."""

    by_queue: dict[str, Waiting]
    dead: int
    unsent_s: float


def waiting() -> State:
    """Of every work queue, those without a job included."""
    with transaction() as connection:
        rows = connection.execute(
            """select stage, count(*) filter (where status in ('queued', 'retrying')) as depth,
                    coalesce(extract(epoch from max(now() - updated_at)
                        filter (where status in ('queued', 'retrying'))), 0)::float as age_s,
                    count(*) filter (where status = 'dead') as dead,
                    coalesce(extract(epoch from max(now() - updated_at)
                        filter (where status <> 'dead' and published_at is null)), 0)::float as unsent_s
                from jobs where finished_at is null and status in ('queued', 'running', 'retrying', 'dead')
                group by stage"""
        ).fetchall()
    found = {queue: Waiting() for queue in set(QUEUE_OF.values())}
    for row in rows:
        if (queue := QUEUE_OF.get(row["stage"])) is not None:
            had = found[queue]
            found[queue] = Waiting(had.depth + row["depth"], max(had.age_s, row["age_s"]))
    return State(found, sum(row["dead"] for row in rows), max((row["unsent_s"] for row in rows), default=0.0))


def sweep(*, republish_after_s: float, limit: int = 500) -> dict[str, int]:
    """Put back what got stuck. Returns counts by what was done.

    A message out for longer than `republish_after_s` whose job nobody works on may be lost: its job goes back to the
    outbox. A job whose attempts are used up and whose last worker is gone waits for an operator.
    """
    with transaction() as connection:
        dead = connection.execute(
            """update jobs set status = 'dead', error_code = coalesce(error_code, 'attempts_exhausted'),
                    lease_until = null, revision = revision + 1, updated_at = now()
                where finished_at is null and status in ('running', 'retrying') and attempt >= max_attempts
                    and (lease_until is null or lease_until < now())
                    and updated_at < now() - make_interval(secs => %s)""",
            (republish_after_s,),
        ).rowcount
        again = connection.execute(
            f"""update jobs set published_at = null where (tenant_id, id) in (
                    select tenant_id, id from jobs
                    where finished_at is null and status in {_OPEN}
                        and published_at < now() - make_interval(secs => %s)
                        and updated_at < now() - make_interval(secs => %s)
                        and (lease_until is null or lease_until < now()) and attempt < max_attempts
                    order by updated_at limit %s for update skip locked)""",  # noqa: S608
            (republish_after_s, republish_after_s, limit),
        ).rowcount
        expired = connection.execute(
            "delete from idempotency_keys where created_at < now() - interval '24 hours'"
        ).rowcount
    with transaction() as connection:  # of its own: whoever asks meanwhile waits for these rows
        [swept] = connection.execute("select app.sweep_buckets(%s) as rows", (_BUCKETS,)).fetchall()
    return {"dead": dead, "republished": again, "keys_expired": expired, "buckets_swept": swept["rows"]}
