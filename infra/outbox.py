"""Jobs of every tenant as the relay and the sweeper may see them: ids, states and times, as role ffp_relay."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg.rows import dict_row

from domain.jobs import Message
from infra import settings, sign_in
from infra.rows import Row

_OPEN = "('queued', 'running', 'retrying')"
_BUCKETS = 5_000  # a sweep


@contextmanager
def transaction() -> Iterator[psycopg.Connection[Row]]:
    url = settings.relay_database_url()
    with psycopg.connect(
        url,
        **sign_in.parameters(url),
        row_factory=dict_row,
        connect_timeout=3,
        application_name="ffp-relay",
        options=f"-c lock_timeout=2s -c statement_timeout=10s -c app.release={settings.release()}",
    ) as connection:
        yield connection


def relay(publish: Callable[[Sequence[Message]], list[Message]], *, grace_s: float, limit: int = 100) -> int:
    """Publish what is committed and unpublished, oldest first; mark what the queue accepted. Returns how many it took.

    The rows stay locked while their messages are sent, so that two relays share the work. A crash between sending and
    marking sends twice, which is harmless.
    """
    with transaction() as connection:
        rows = connection.execute(
            f"""select tenant_id, id, stage, correlation_id, traceparent, replays from jobs
                where published_at is null and status in {_OPEN} and updated_at < now() - make_interval(secs => %s)
                order by updated_at limit %s for update skip locked""",  # noqa: S608
            (grace_s, limit),
        ).fetchall()
        waiting = [
            Message(
                row["tenant_id"], row["id"], row["stage"], row["correlation_id"], row["traceparent"], row["replays"]
            )
            for row in rows
        ]
        sent = publish(waiting) if waiting else []
        connection.cursor().executemany(
            "update jobs set published_at = now() where tenant_id = %s and id = %s and published_at is null",
            [(message.tenant_id, message.job_id) for message in sent],
        )
    return len(sent)


def measure_pace() -> None:
    """Note how long each stage takes at present and what waits for it: where estimates come from."""
    with transaction() as connection:
        connection.execute("select app.measure_pace()")


def sweep(*, republish_after_s: float, limit: int = 500) -> dict[str, int]:
    """Put back what got stuck. Returns counts by what was done.

    A message out for longer than `republish_after_s` whose job nobody works on may be lost: its job goes back to the
    outbox. A job whose attempts are used up and whose last worker is gone waits for an operator.
    """
    with transaction() as connection:
        dead = connection.execute(
            """update jobs set status = 'dead', error_code = coalesce(error_code, 'attempts_exhausted'),
                    lease_until = null, revision = revision + 1, updated_at = now()
                where status in ('running', 'retrying') and attempt >= max_attempts
                    and (lease_until is null or lease_until < now())
                    and updated_at < now() - make_interval(secs => %s)""",
            (republish_after_s,),
        ).rowcount
        again = connection.execute(
            f"""update jobs set published_at = null where (tenant_id, id) in (
                    select tenant_id, id from jobs
                    where status in {_OPEN} and published_at < now() - make_interval(secs => %s)
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
