"""Fairness: how much of each stage of work a tenant may use, and what is not worked on at present.

The outbox holds the backlog. A job that finds no place in its tenant's window stays there (`held`) and gets its turn when
another one ends, or from the relay. What is published nevertheless is held back by its claim, before an attempt counts,
and its message is deleted: SQS would take five such receives for a poisoned message.

One document says how much, the newest row of `limits`; every decision reads it, so that a change acts at once.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

LIMITS = """
-- Only ever added to. `document` as domain/limits.py has it.
create table limits (
    version integer primary key check (version > 0),
    id uuid not null unique,
    document jsonb not null,
    reason text not null,
    changed_by uuid, -- an operator; null: as shipped
    changed_at timestamptz not null default now()
);
insert into limits (version, id, document, reason)
    values (1, gen_random_uuid(), '{"share": 0.5, "window": 8, "stages": {}, "tenants": {}}', 'As shipped');
grant select, insert on limits to ffp_ops;
grant select on limits to ffp_relay;

create function app.limits_of(p_tenant uuid, p_stage text, out paused boolean, out concurrency integer,
    out share double precision, out places integer) language sql stable set search_path = pg_catalog, public as $$
    select coalesce((d.stage ->> 'paused')::boolean, false), (d.stage ->> 'concurrency')::integer,
           coalesce(d.tenant ->> 'share', d.document ->> 'share')::double precision,
           coalesce(d.tenant ->> 'window', d.document ->> 'window')::integer
    from (select document, document -> 'stages' -> p_stage as stage, document -> 'tenants' -> p_tenant::text as tenant
          from limits order by version desc limit 1) d $$;
"""

JOBS = """
-- held: waits in the outbox for its turn. hold_until: it was given its turn, and whoever gave it sends it; the relay
-- does from then on.
alter table jobs add column held boolean not null default false, add column hold_until timestamptz;
create index jobs_held_idx on jobs (stage, tenant_id, id) where held;
create index jobs_in_flight_idx on jobs (stage, tenant_id) where not held and status in ('queued', 'running');
create index jobs_leased_idx on jobs (tenant_id, stage, lease_until) where lease_until is not null;
create policy jobs_owner on jobs to ffp_owner using (true) with check (true);
grant select (held, hold_until), update (held, hold_until) on jobs to ffp_relay;

-- In flight: sent or about to be, and not ended. Who retries waits for its pause and takes no place.
create function app.in_flight(p_tenant uuid, p_stage text, p_most integer) returns integer language sql stable
set search_path = pg_catalog, public as $$
    select count(*)::integer from (select from jobs where stage = p_stage and tenant_id = p_tenant
        and not held and status in ('queued', 'running') limit p_most) f $$;
create function app.in_flight(p_stage text, p_most integer) returns integer language sql stable
set search_path = pg_catalog, public as $$
    select count(*)::integer from (select from jobs where stage = p_stage
        and not held and status in ('queued', 'running') limit p_most) f $$;

-- A job that comes into a stage, new or from the stage before, is published by who commits it, or waits for its turn.
create function app.take_place() returns trigger language plpgsql security definer
set search_path = pg_catalog, public as $$
declare
    l record;
begin
    select * into l from app.limits_of(new.tenant_id, new.stage);
    new.hold_until := null;
    new.held := new.published_at is null and new.status in ('queued', 'running') and (l.paused
        or app.in_flight(new.tenant_id, new.stage, l.places) >= l.places
        or (l.concurrency is not null and app.in_flight(new.stage, l.concurrency) >= l.concurrency)
        or exists (select from jobs where held and stage = new.stage and tenant_id = new.tenant_id)); -- no overtaking
    return new;
end $$;
create trigger jobs_place_made before insert on jobs for each row execute function app.take_place();
create trigger jobs_place_next before update of stage on jobs for each row
    when (old.stage is distinct from new.stage) execute function app.take_place();

create function app.leave_outbox() returns trigger language plpgsql as $$
begin
    new.held := false;
    return new;
end $$;
create trigger jobs_leave_outbox before update on jobs for each row
    when (new.held and (new.published_at is not null or new.lease_until is not null
          or new.status not in ('queued', 'running', 'retrying')))
    execute function app.leave_outbox();
"""

TURNS = """
-- Gives waiting jobs of a stage their turn: each tenant as many as its window has room for once half of it is free,
-- oldest first; a stage with a cap no more than its cap. One of each tenant in turn, who has least in flight first.
-- p_tenant null: of every tenant. They are the caller's to send once this has committed, within `p_hold_s`.
create function app.take_turns(p_tenant uuid, p_stage text, p_most integer, p_hold_s double precision)
returns table (tenant_id uuid, job_id uuid, stage text, correlation_id text, traceparent text, replays integer)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
declare
    l record;
    v_room integer := p_most;
begin
    select * into l from app.limits_of(p_tenant, p_stage);
    if l.paused then return; end if;
    if l.concurrency is not null then
        v_room := least(p_most, l.concurrency - app.in_flight(p_stage, l.concurrency));
    end if;
    if v_room <= 0 then return; end if;
    return query
        with recursive tenants_waiting as ( -- from one tenant to the next along the index: the backlog may be long
            (select j.tenant_id from jobs j where j.held and j.stage = p_stage
                and (p_tenant is null or j.tenant_id = p_tenant) order by j.tenant_id limit 1)
            union all
            select (select j.tenant_id from jobs j where j.held and j.stage = p_stage and j.tenant_id > w.tenant_id
                    order by j.tenant_id limit 1)
            from tenants_waiting w where p_tenant is null and w.tenant_id is not null),
        places as (
            select w.tenant_id, t.places, app.in_flight(w.tenant_id, p_stage, t.places) as taken
            from tenants_waiting w cross join lateral app.limits_of(w.tenant_id, p_stage) t
            where w.tenant_id is not null),
        next as (
            select p.tenant_id, j.id, p.taken + row_number() over (partition by p.tenant_id order by j.id) as turn
            from places p cross join lateral (
                select id from jobs where held and stage = p_stage and tenant_id = p.tenant_id
                order by id limit p.places - p.taken) j
            where p.taken <= p.places / 2),
        chosen as (select tenant_id, id from next order by turn, random() limit v_room),
        mine as (
            select j.tenant_id, j.id from jobs j join chosen c on c.tenant_id = j.tenant_id and c.id = j.id
            where j.held for update of j skip locked)
        update jobs j set held = false, hold_until = clock_timestamp() + make_interval(secs => p_hold_s)
            from mine m where j.tenant_id = m.tenant_id and j.id = m.id
            returning j.tenant_id, j.id, j.stage, j.correlation_id, j.traceparent, j.replays;
end $$;

-- What is to be sent when a job has ended its stage: its own next stage, and what now has room. In one statement with
-- the end itself, after it: `p_held` is what that has returned. Where a stage has a cap, the place that is free again
-- is for whoever's turn it is, of all tenants.
create function app.turns_after(p_held boolean, p_tenant uuid, p_job uuid, p_stage text, p_hold_s double precision)
returns table (tenant_id uuid, job_id uuid, stage text, correlation_id text, traceparent text, replays integer)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
declare
    l record;
    v_stage text;
begin
    if p_held is not true then return; end if;
    -- Whoever is about to hold a job back because of this one waits until it is seen to have ended.
    perform pg_advisory_xact_lock_shared(hashtextextended(p_stage, 15)),
            pg_advisory_xact_lock_shared(hashtextextended(p_tenant::text, 15));
    return query select j.tenant_id, j.id, j.stage, j.correlation_id, j.traceparent, j.replays from jobs j
        where j.tenant_id = p_tenant and j.id = p_job and j.stage <> p_stage and j.published_at is null and not j.held
            and j.status in ('queued', 'running');
    select * into l from app.limits_of(p_tenant, p_stage);
    if l.concurrency is not null then
        return query select * from app.take_turns(null, p_stage, 10, p_hold_s);
    end if;
    for v_stage in
        with recursive s as (
            (select stage from jobs where held order by stage limit 1)
            union all
            select (select j.stage from jobs j where j.held and j.stage > s.stage order by j.stage limit 1)
            from s where s.stage is not null)
        select stage from s where stage is not null
    loop
        return query select * from app.take_turns(p_tenant, v_stage, 10, p_hold_s);
    end loop;
end $$;
"""

CLAIM = """
-- Whether the tenant has its share of the workers while another tenant waits. Workers: as many as were seen at work
-- lately, or hold a job now.
create function app.over_share(p_tenant uuid, p_stage text, p_share double precision, p_cap integer) returns boolean
language plpgsql volatile set search_path = pg_catalog, public as $$
declare
    v_mine integer := (select count(*) from jobs where tenant_id = p_tenant and lease_until > clock_timestamp());
    v_slots integer;
begin
    if p_share >= 1 then return false; end if;
    v_slots := greatest((select count(*) + 1 from jobs where lease_until is not null and lease_until > clock_timestamp()),
                        (select max(workers) from stage_pace));
    if v_mine = 0 then return false; end if;
    if p_cap is not null
            and (select count(*) from jobs where tenant_id = p_tenant and stage = p_stage and lease_until > clock_timestamp())
                >= greatest(1, floor(p_share * p_cap))
            and (exists (select from jobs where held and stage = p_stage and tenant_id > p_tenant)
                or exists (select from jobs where held and stage = p_stage and tenant_id < p_tenant)) then
        return true;
    end if;
    return v_mine >= greatest(1, floor(p_share * v_slots))
        and exists (select from jobs where not held and status in ('queued', 'running') and tenant_id <> p_tenant
            and coalesce(published_at, hold_until) is not null and (lease_until is null or lease_until < clock_timestamp()));
end $$;

-- Whether the job may not be worked on now. Then it is back in the outbox, and nothing is counted.
create function app.hold_back(p_tenant uuid, p_job uuid, p_stage text) returns boolean language plpgsql security definer
set search_path = pg_catalog, public as $$
declare
    v jobs;
    l record;
    v_hold boolean;
begin
    select * into v from jobs where tenant_id = p_tenant and id = p_job for update;
    if not found or v.stage <> p_stage or v.status not in ('queued', 'running', 'retrying') or v.attempt >= v.max_attempts
            or v.lease_until > clock_timestamp() then
        return false; -- the claim itself knows what to say
    end if;
    select * into l from app.limits_of(p_tenant, p_stage);
    v_hold := l.paused;
    if not v_hold and l.concurrency is not null then
        perform pg_advisory_xact_lock(hashtextextended(p_stage, 15));
        v_hold := (select count(*) from jobs where stage = p_stage and lease_until > clock_timestamp()) >= l.concurrency;
    end if;
    if not v_hold and app.over_share(p_tenant, p_stage, l.share, l.concurrency) then
        perform pg_advisory_xact_lock(hashtextextended(p_tenant::text, 15));
        v_hold := app.over_share(p_tenant, p_stage, l.share, l.concurrency);
    end if;
    if v_hold then
        update jobs set held = true, hold_until = null, published_at = null, lease_until = null
            where tenant_id = p_tenant and id = p_job;
    end if;
    return v_hold;
end $$;

create function app.claim_job_in_turn(p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_stage text,
    p_lease_s double precision, p_worker text)
returns table (outcome text, retry_in integer, job jobs, submission submissions, template_id uuid, score jsonb, settings jsonb)
language plpgsql as $$
begin
    perform app.set_context(p_tenant, p_user, p_role), set_config('synchronous_commit', 'off', true);
    if app.hold_back(p_tenant, p_job, p_stage) then
        return query select 'held', 0, null::jobs, null::submissions, null::uuid, null::jsonb, null::jsonb;
    else
        return query select * from app.claim_job(p_tenant, p_user, p_role, p_job, p_stage, p_lease_s, p_worker);
    end if;
end $$;
"""

PACE = """
-- `workers` follows what is there: those of the last two minutes where there were any.
create or replace function app.measure_pace() returns void language plpgsql as $$
begin
    insert into stage_pace as p (stage, waiting, workers, duration_s)
        select coalesce(w.stage, d.stage), coalesce(w.waiting, 0), coalesce(d.workers, 0), d.duration_s
        from (select stage, count(*) as waiting from jobs where status in ('queued', 'retrying')
              or (status = 'running' and lease_until is null) group by stage) w
        full join (select stage, count(distinct worker) filter (where ended_at > now() - interval '2 minutes') as workers,
                          percentile_cont(0.5) within group (order by extract(epoch from ended_at - started_at)) as duration_s
                   from attempts where outcome = 'succeeded' and ended_at > now() - interval '10 minutes'
                   group by stage) d using (stage)
        on conflict (stage) do update set waiting = excluded.waiting,
            workers = case when excluded.workers > 0 then excluded.workers else greatest(p.workers, 1) end,
            duration_s = coalesce(excluded.duration_s, p.duration_s), measured_at = now();
end $$;
"""

RIGHTS = """
revoke execute on function app.limits_of, app.in_flight(uuid, text, integer), app.in_flight(text, integer), app.take_place,
    app.leave_outbox, app.take_turns, app.turns_after, app.over_share, app.hold_back, app.claim_job_in_turn from public;
grant execute on function app.turns_after, app.hold_back, app.claim_job_in_turn to ffp_app;
grant execute on function app.take_turns, app.limits_of to ffp_relay;
"""


def upgrade() -> None:
    for statements in (LIMITS, JOBS, TURNS, CLAIM, PACE, RIGHTS):
        op.execute(statements)


def downgrade() -> None:
    raise RuntimeError("jobs that wait for their turn would never be sent")
