"""What waiting clients hear, and how long they may have to wait.

One channel says whose job or notification has changed; it replaces the calls inside each function, so that nothing that
changes a job can forget to tell. `stage_pace` is measured by the sweeper from what was done lately, over all tenants:
counts and durations only.
"""

import re

from alembic import op
from sqlalchemy import text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CHANGES = """
-- Payload: kind, tenant, user, id. Nobody waits for an e-mail.
create function app.tell_change() returns trigger language plpgsql as $$
begin
    perform pg_notify('ffp_changes', concat_ws(' ', tg_argv[0], new.tenant_id, new.user_id, new.id));
    return null;
end $$;
create trigger jobs_tell_made after insert on jobs for each row
    when (new.kind <> 'email') execute function app.tell_change('job');
create trigger jobs_tell_changed after update on jobs for each row
    when (old.revision is distinct from new.revision and new.kind <> 'email') execute function app.tell_change('job');
create trigger notifications_tell after insert on notifications for each row
    execute function app.tell_change('notification');
create index jobs_user_idx on jobs (tenant_id, user_id, updated_at desc);
"""

PACE = """
create table stage_pace (
    stage text primary key,
    waiting integer not null,    -- jobs that wait for a worker
    workers integer not null,    -- that have done this stage lately; 0: none
    duration_s double precision, -- median of an attempt that succeeded lately
    measured_at timestamptz not null default now()
);
grant select on stage_pace to ffp_app, ffp_ops;
create index attempts_ended_idx on attempts (ended_at) where outcome = 'succeeded';

create function app.measure_pace() returns void language plpgsql as $$
begin
    insert into stage_pace as p (stage, waiting, workers, duration_s)
        select coalesce(w.stage, d.stage), coalesce(w.waiting, 0), coalesce(d.workers, 0), d.duration_s
        from (select stage, count(*) as waiting from jobs where status in ('queued', 'retrying')
              or (status = 'running' and lease_until is null) group by stage) w
        full join (select stage, count(distinct worker) as workers,
                          percentile_cont(0.5) within group (order by extract(epoch from ended_at - started_at)) as duration_s
                   from attempts where outcome = 'succeeded' and ended_at > now() - interval '10 minutes'
                   group by stage) d using (stage)
        on conflict (stage) do update set waiting = excluded.waiting, workers = greatest(excluded.workers, p.workers, 1),
            duration_s = coalesce(excluded.duration_s, p.duration_s), measured_at = now();
end $$;

-- Seconds to the end of a job, by what its stages took lately and what waits before it. Null where that is not known.
create function app.estimate_s(p_job jobs) returns double precision language sql stable as $$
    select case when p_job.status in ('queued', 'running', 'retrying')
            and count(p.duration_s) = case when p_job.stage = 'scoring' then 2 else 1 end then
        round(sum(case when p.stage = p_job.stage and p_job.lease_until is not null
            then greatest(p.duration_s - extract(epoch from now() - p_job.updated_at), 0)
            else p.duration_s * (1 + p.waiting::double precision / greatest(p.workers, 1)) end)::numeric, 1) end
    from stage_pace p
    where (p.stage = p_job.stage or (p_job.stage = 'scoring' and p.stage = 'generating'))
        and p.measured_at > now() - interval '5 minutes' $$;
revoke execute on function app.estimate_s from public;
grant execute on function app.estimate_s to ffp_app;
grant insert, update, select on stage_pace to ffp_relay;
grant select (stage, worker, started_at, ended_at, outcome) on attempts to ffp_relay;
create policy attempts_relay on attempts for select to ffp_relay using (true);
revoke execute on function app.measure_pace from public;
grant execute on function app.measure_pace to ffp_relay;
"""


def _silence(pattern: str) -> None:
    """Take the calls of the old channel out of every function of ours that has them."""
    bodies = op.get_bind().execute(
        text("""select pg_get_functiondef(p.oid) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                where n.nspname = 'app' and p.prosrc like '%pg_notify(''ffp_jobs''%'""")
    )
    for (body,) in bodies.fetchall():
        op.get_bind().exec_driver_sql(re.sub(pattern, "", body).replace("%", "%%"))


def upgrade() -> None:
    op.execute(CHANGES)
    op.execute(PACE)
    _silence(r"[ \t]*perform pg_notify\('ffp_jobs', [a-z_.]+::text\);\n?")


def downgrade() -> None:
    raise RuntimeError("the functions that tell of changes themselves are not put back")
