"""The queue's statements read few rows whatever the planner believes.

Between two rounds of autovacuum a queue is empty and then ten thousand long. A partial index that was empty when
PostgreSQL counted it is taken for empty, and so for cheaper than the primary key: one job was found by reading all that
are open. So none of these statements says of the one row it looks up what would let such an index answer, or it asks for
the rows one by one; and what is open can only be read in the order of its line.
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# `finished_at is null`: open, or dead. Only what reads all of these says so.
INDEXES = """
create index jobs_unfinished_idx on jobs (updated_at) where finished_at is null;
drop index jobs_open_idx;
grant select (finished_at) on jobs to ffp_relay;
drop index jobs_permit_idx;
create index jobs_permit_idx on jobs (permit) where permit is not null and (lease_until is not null or available_at is not null);
"""

# As before, but for how it finds the rows.
TURNS = """
create or replace function app.take_turns(p_tenant uuid, p_stage text, p_most integer, p_hold_s double precision)
returns table (tenant_id uuid, job_id uuid, stage text, correlation_id text, traceparent text, replays integer)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
declare
    l record;
    r record;
    v jobs;
    v_room integer := p_most;
begin
    select * into l from app.limits_of(p_tenant, p_stage);
    if l.paused then return; end if;
    if l.concurrency is not null then
        v_room := least(p_most, l.concurrency - app.in_flight(p_stage, l.concurrency));
    end if;
    if v_room <= 0 then return; end if;
    for r in
        with recursive tenants_waiting as ( -- from one tenant to the next along the index: the backlog may be long
            (select j.tenant_id from jobs j where j.held and j.stage = p_stage
                and (p_tenant is null or j.tenant_id = p_tenant) order by j.tenant_id limit 1)
            union all
            select (select j.tenant_id from jobs j where j.held and j.stage = p_stage and j.tenant_id > w.tenant_id
                    order by j.tenant_id limit 1)
            from tenants_waiting w where p_tenant is null and w.tenant_id is not null),
        places as materialized (
            select w.tenant_id, t.places, app.in_flight(w.tenant_id, p_stage, t.places) as taken
            from tenants_waiting w cross join lateral app.limits_of(w.tenant_id, p_stage) t
            where w.tenant_id is not null),
        next as (
            select p.tenant_id, j.id, p.taken + row_number() over (partition by p.tenant_id order by j.id) as turn
            from places p cross join lateral (
                select id from jobs where held and stage = p_stage and tenant_id = p.tenant_id
                order by id limit p.places - p.taken) j
            where p.taken <= p.places / 2)
        select n.tenant_id, n.id from next n order by n.turn, random() limit v_room
    loop
        select * into v from jobs j where j.tenant_id = r.tenant_id and j.id = r.id for update skip locked;
        continue when not found or not v.held;
        update jobs j set held = false, hold_until = clock_timestamp() + make_interval(secs => p_hold_s)
            where j.tenant_id = r.tenant_id and j.id = r.id;
        return query select v.tenant_id, v.id, v.stage, v.correlation_id, v.traceparent, v.replays;
    end loop;
end $$;
"""

# Parts of functions that are otherwise as they were: what stood there, and what stands there now.
_RUNNING = ("and status = 'running'", "and status is not distinct from 'running'")
_BEGUN = (
    "where permit = p_permit and status in ('running', 'retrying')",
    """where permit = p_permit and (lease_until is not null or available_at is not null)
            and (status is not distinct from 'running' or status is not distinct from 'retrying')""",
)
PARTS = (
    ("claim_next", *_BEGUN),
    ("take_dead_letter", *_BEGUN),
    ("finish_scoring", *_RUNNING),
    ("finish_generation", *_RUNNING),
    ("finish_job", *_RUNNING),
    ("end_attempt", *_RUNNING),
    (
        "turns_after",
        "and j.status in ('queued', 'running')",
        "and (j.status is not distinct from 'queued' or j.status is not distinct from 'running')",
    ),
    (
        "choose_job",
        """select * into v from jobs where tenant_id = r.tenant_id and id = r.id
                and stage = p_stage and not held and status in ('queued', 'running', 'retrying')
                and (lease_until is null or lease_until <= clock_timestamp())
                and (available_at is null or available_at <= clock_timestamp())
                for update skip locked;
            if not found then continue; end if;""",
        """select * into v from jobs where tenant_id = r.tenant_id and id = r.id for update skip locked;
            continue when not found or v.stage <> p_stage or v.held or v.status not in ('queued', 'running', 'retrying')
                or v.lease_until > clock_timestamp() or v.available_at > clock_timestamp();""",
    ),
    (
        "measure_pace",
        """where status in ('queued', 'retrying')
              or (status = 'running' and lease_until is null)""",
        """where finished_at is null and (status in ('queued', 'retrying')
              or (status = 'running' and lease_until is null))""",
    ),
)


def upgrade() -> None:
    op.execute(INDEXES)
    op.execute(TURNS)
    for name, before, after in PARTS:
        _replace(name, before, after)


def _replace(name: str, before: str, after: str) -> None:
    """In each function of this name that has it. What is not there to be replaced stops the migration."""
    connection = op.get_bind()
    found = connection.exec_driver_sql(
        "select pg_get_functiondef(oid) from pg_proc where pronamespace = 'app'::regnamespace and proname = %s", (name,)
    )
    sources = [row[0] for row in found if before in row[0]]
    if not sources:
        raise RuntimeError(f"app.{name} is another one than this migration knows")
    for source in sources:
        connection.exec_driver_sql(source.replace(before, after))


def downgrade() -> None:
    op.execute("create index jobs_open_idx on jobs (updated_at) where status in ('queued', 'running', 'retrying')")
    op.execute("drop index jobs_unfinished_idx")
