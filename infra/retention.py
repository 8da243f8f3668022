"""What is not kept for good, as role ffp_relay: row-level security shows it only what is past the shortest period that
any environment may choose. Batches are bounded: a backlog is worked off over some minutes, not in one transaction.
"""

from infra.outbox import transaction
from infra.settings import RetentionSettings

_EXPIRED = {
    "notifications": """delete from notifications where (tenant_id, id) in (
        select tenant_id, id from notifications where read_at < now() - make_interval(secs => %s) limit %s)""",
    "emails": """delete from emails where (tenant_id, id) in (
        select tenant_id, id from emails where created_at < now() - make_interval(secs => %s) limit %s)""",
    # A job that waits for an operator keeps its history, however old.
    "attempts": """delete from attempts where (tenant_id, job_id, stage, number) in (
        select a.tenant_id, a.job_id, a.stage, a.number from attempts a
        join jobs j on j.tenant_id = a.tenant_id and j.id = a.job_id
        where a.started_at < now() - make_interval(secs => %s) and j.status in ('succeeded', 'failed', 'canceled')
        limit %s)""",
    "exports": """delete from exports where (tenant_id, id) in (
        select tenant_id, id from exports where expires_at < now() - make_interval(secs => %s) limit %s)""",
}
# Not a setting: what people uploaded is theirs to keep, and the policy says so as well.
_UPLOADED = """delete from import_rows where (tenant_id, import_id, number) in (
    select tenant_id, import_id, number from import_rows where created_at < now() - interval '30 days' limit %s)"""
# Nor these: of whom a bulk action was is as long ago as an import's rows; a report's file is gone from its bucket by
# then, and nobody is reminded of what is two months ago.
_OVER = {
    "bulk_action_members": """delete from bulk_action_members where (tenant_id, action_id, number) in (
        select tenant_id, action_id, number from bulk_action_members
        where created_at < now() - interval '30 days' limit %s)""",
    "reports": """delete from reports where (tenant_id, id) in (
        select tenant_id, id from reports where expires_at < now() limit %s)""",
    "reminders": """delete from reminders where (tenant_id, user_id, kind, on_day) in (
        select tenant_id, user_id, kind, on_day from reminders
        where created_at < now() - interval '60 days' limit %s)""",
}
_DAY_S = 86_400


def prune(keep: RetentionSettings, most: int = 1000) -> dict[str, int]:
    """Delete at most `most` rows of each kind. Returns how many it were."""
    pruned = {}
    for kind, statement in _EXPIRED.items():
        with transaction() as connection:
            pruned[kind] = connection.execute(statement, (getattr(keep, kind) * _DAY_S, most)).rowcount
    with transaction() as connection:
        pruned["import_rows"] = connection.execute(_UPLOADED, (most,)).rowcount
    for kind, statement in _OVER.items():
        with transaction() as connection:
            pruned[kind] = connection.execute(statement, (most,)).rowcount
    return pruned


def enqueue_erasures(most: int = 100) -> int:
    """A job for everybody whose time to be erased has come. Returns how many were made."""
    with transaction() as connection:
        [row] = connection.execute("select app.enqueue_erasures(%s) as made", (most,)).fetchall()
    made: int = row["made"]
    return made
