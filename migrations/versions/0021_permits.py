"""Permits: a message lets its worker do one job of its stage, whichever tenant's turn it is.

Until now a message was an order to do the job it names, so that a queue without fair delivery served whoever had sent
first. Now the claim chooses: jobs of a stage have turns, given when they are sent. A tenant's own follow one another; who
has none begins where the line stands, not behind it. `permit` is the message that a job was begun by: while the job may
need it to be tried again, no other work uses it up.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

JOBS = """
-- available_at: an attempt has failed, the next one is not before then.
alter table jobs add column turn bigint not null default 0, add column available_at timestamptz, add column permit uuid;
-- The message of another job that began this attempt; null: its own.
alter table attempts add column permit uuid;
create index jobs_turn_idx on jobs (stage, turn, id) where not held and status in ('queued', 'running', 'retrying');
create index jobs_line_idx on jobs (stage, tenant_id, turn) where not held and status in ('queued', 'running', 'retrying');
create index jobs_permit_idx on jobs (permit) where permit is not null and status in ('running', 'retrying');
create index attempts_permit_idx on attempts (permit) where permit is not null;
drop index jobs_in_flight_idx; -- jobs_line_idx has its rows
"""

TURNS = """
-- A job's turn in its stage. Behind the tenant's own; who has none there stands level with whoever is next, never behind a
-- line. So no line can be overtaken for ever: what comes later is never before its head.
create function app.next_turn(p_tenant uuid, p_stage text) returns bigint language sql volatile
set search_path = pg_catalog, public as $$
    select greatest(
        coalesce((select turn from jobs where stage = p_stage and not held and status in ('queued', 'running', 'retrying')
                      and lease_until is null and (available_at is null or available_at <= clock_timestamp())
                  order by turn, id limit 1),
                 (select max(turn) from jobs where stage = p_stage and not held and status in ('queued', 'running', 'retrying')),
                 0),
        coalesce((select max(turn) + 1 from jobs where stage = p_stage and tenant_id = p_tenant and not held
                      and status in ('queued', 'running', 'retrying')), 0)) $$;

create or replace function app.take_place() returns trigger language plpgsql security definer
set search_path = pg_catalog, public as $$
declare
    l record;
begin
    select * into l from app.limits_of(new.tenant_id, new.stage);
    new.hold_until := null;
    new.permit := null;
    new.available_at := null;
    new.held := new.published_at is null and new.status in ('queued', 'running') and (l.paused
        or app.in_flight(new.tenant_id, new.stage, l.places) >= l.places
        or (l.concurrency is not null and app.in_flight(new.stage, l.concurrency) >= l.concurrency)
        or exists (select from jobs where held and stage = new.stage and tenant_id = new.tenant_id)); -- no overtaking
    if not new.held then
        new.turn := app.next_turn(new.tenant_id, new.stage);
    end if;
    return new;
end $$;

-- What leaves the outbox, or is to be tried again, stands at the end of its tenant's line.
create function app.take_turn() returns trigger language plpgsql security definer
set search_path = pg_catalog, public as $$
begin
    if old.status = 'dead' then -- put back by an operator
        new.available_at := null;
        new.permit := null;
    end if;
    new.turn := app.next_turn(new.tenant_id, new.stage);
    return new;
end $$;
create trigger jobs_turn_given before update on jobs for each row
    when (not new.held and (old.held or (new.status = 'retrying' and old.status <> 'retrying'))
          and old.stage is not distinct from new.stage and new.lease_until is null)
    execute function app.take_turn();

-- Whose turn it is now that the caller's jobs of a stage are committed and held: what they wait for may have ended
-- meanwhile without seeing them.
create function app.turns_now(p_tenant uuid, p_user uuid, p_role text, p_stage text, p_hold_s double precision)
returns table (tenant_id uuid, job_id uuid, stage text, correlation_id text, traceparent text, replays integer)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
declare
    v_places integer := (select places from app.limits_of(p_tenant, p_stage));
begin
    perform app.set_context(p_tenant, p_user, p_role);
    if app.in_flight(p_tenant, p_stage, v_places) - v_places / 2 > (
            select count(*) from jobs j where j.tenant_id = p_tenant and j.stage = p_stage and j.lease_until is not null) then
        return; -- somebody will end after this
    end if;
    perform pg_advisory_xact_lock(hashtextextended(p_tenant::text, 15)); -- see app.turns_after
    return query select * from app.take_turns(p_tenant, p_stage, 10, p_hold_s);
end $$;
"""

ATTEMPTS = """
create function app.give_up(v jobs) returns jobs language sql as $$
    update jobs set status = 'dead', lease_until = null, error_code = coalesce(error_code, 'attempts_exhausted'),
            published_at = coalesce(published_at, now()), revision = revision + 1, updated_at = now()
        where tenant_id = v.tenant_id and id = v.id returning * $$;

-- The caller holds the job's lock. `p_own`: the message names this job.
create function app.begin_attempt(v jobs, p_lease_s double precision, p_worker text, p_permit uuid, p_own boolean)
returns table (outcome text, retry_in integer, job jobs, submission submissions, template_id uuid, score jsonb, settings jsonb)
language plpgsql as $$
begin
    update jobs set status = 'running', attempt = attempt + 1, lease_until = now() + make_interval(secs => p_lease_s),
            published_at = coalesce(published_at, now()), started_at = coalesce(started_at, now()),
            available_at = null, permit = p_permit, revision = revision + 1, updated_at = now()
        where tenant_id = v.tenant_id and id = v.id returning * into v;
    insert into attempts (tenant_id, job_id, stage, number, worker, permit)
        values (v.tenant_id, v.id, v.stage, v.attempt, p_worker, case when not p_own then p_permit end);
    return query select 'claimed', 0, v, s, a.template_id, c.result, t.settings
        from tenants t
        left join submissions s on s.tenant_id = t.id and s.assessment_id = v.assessment_id
        left join assessments a on a.tenant_id = s.tenant_id and a.id = s.assessment_id
        left join scores c on c.tenant_id = s.tenant_id and c.submission_id = s.id
        where t.id = v.tenant_id;
end $$;

-- As above, with the time until the next one; an attempt that was the last one ends the job by itself: the message may be
-- another one's, whose receives say nothing about this job.
create function app.end_attempt(p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_stage text, p_attempt integer,
    p_outcome text, p_code text, p_class text, p_frames text[], p_signature text, p_pause_s double precision)
returns boolean language plpgsql as $$
declare
    v jobs;
    v_dead boolean;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    select * into v from jobs where tenant_id = p_tenant and id = p_job and stage = p_stage and status = 'running'
        and attempt = p_attempt for update;
    if not found then return false; end if;
    v_dead := p_outcome <> 'failed' and v.attempt >= v.max_attempts;
    -- Before the job: a letter is written with its last attempt.
    update attempts set ended_at = now(), outcome = p_outcome, error_code = p_code, error_class = p_class,
            frames = p_frames, signature = p_signature
        where tenant_id = p_tenant and job_id = p_job and stage = p_stage and number = p_attempt;
    update jobs set status = case when p_outcome = 'failed' then 'failed' when v_dead then 'dead' else 'retrying' end,
            finished_at = case when p_outcome = 'failed' then now() end, lease_until = null, error_code = p_code,
            available_at = case when p_outcome <> 'failed' and not v_dead then clock_timestamp() + make_interval(secs => p_pause_s) end,
            revision = revision + 1, updated_at = now()
        where tenant_id = p_tenant and id = p_job;
    if p_outcome = 'failed' then
        insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
            values (p_tenant, p_user, p_role, 'job.failed', 'job', p_job, v.user_id, v.correlation_id);
    end if;
    return true;
end $$;
"""

CLAIM = """
-- The next job of a stage, locked; all null: nothing waits. Of the first in line, tenants with their share of the workers
-- come last, then by turn, then who has least at work.
create function app.choose_job(p_stage text) returns jobs language plpgsql security definer
set search_path = pg_catalog, public as $$
declare
    r record;
    v jobs;
    v_any boolean;
begin
    for v_try in 1..8 loop -- whoever is locked is being taken by others
        v_any := false;
        for r in
            with first as materialized (
                select tenant_id, id, turn from jobs
                where stage = p_stage and not held and status in ('queued', 'running', 'retrying')
                    and (lease_until is null or lease_until <= clock_timestamp())
                    and (available_at is null or available_at <= clock_timestamp())
                order by turn, id limit 32),
            at_work as materialized (
                select tenant_id, count(*) as n from jobs where lease_until is not null and lease_until > clock_timestamp()
                group by tenant_id),
            slots as (select greatest((select coalesce(sum(n), 0) + 1 from at_work), (select max(workers) from stage_pace)) as n),
            tenants as materialized (
                select f.tenant_id, coalesce(w.n, 0) as n, w.n is not null and (select count(distinct tenant_id) from first) > 1
                    and (select w.n >= greatest(1, floor(l.share * s.n)) and l.share < 1
                         from slots s, app.limits_of(f.tenant_id, p_stage) l) as full
                from (select distinct tenant_id from first) f left join at_work w using (tenant_id))
            select f.tenant_id, f.id from first f join tenants t using (tenant_id) order by t.full, f.turn, t.n, f.id
        loop
            v_any := true;
            select * into v from jobs where tenant_id = r.tenant_id and id = r.id
                and stage = p_stage and not held and status in ('queued', 'running', 'retrying')
                and (lease_until is null or lease_until <= clock_timestamp())
                and (available_at is null or available_at <= clock_timestamp())
                for update skip locked;
            if not found then continue; end if;
            if v.attempt < v.max_attempts then return v; end if;
            perform app.set_context(v.tenant_id, null, 'worker');
            perform app.give_up(v); -- its worker was lost at its last attempt
        end loop;
        exit when not v_any;
    end loop;
    return null;
end $$;

create function app.waits(p_stage text) returns boolean language sql volatile set search_path = pg_catalog, public as $$
    select exists (select from jobs where stage = p_stage and not held and status in ('queued', 'running', 'retrying')
        and (lease_until is null or lease_until <= clock_timestamp())
        and (available_at is null or available_at <= clock_timestamp())) $$;

-- Whether among the first in line is somebody who has nothing at work, and waits for nothing in the other stage.
create function app.has_newcomer(p_stage text, p_other text) returns boolean language sql volatile
set search_path = pg_catalog, public as $$
    select exists (select from (
            select tenant_id from jobs
            where stage = p_stage and not held and status in ('queued', 'running', 'retrying')
                and (lease_until is null or lease_until <= clock_timestamp())
                and (available_at is null or available_at <= clock_timestamp())
            order by turn, id limit 32) f
        where not exists (select from jobs w where w.tenant_id = f.tenant_id and w.lease_until > clock_timestamp())
            and not exists (select from jobs o where o.tenant_id = f.tenant_id and o.stage = p_other and not o.held
                and o.status in ('queued', 'running', 'retrying')
                and (o.lease_until is null or o.lease_until <= clock_timestamp())
                and (o.available_at is null or o.available_at <= clock_timestamp()))) $$;

-- Whether nothing more may be begun in the stage: it is paused, or its cap is reached, which is exact.
create function app.stage_is_closed(p_stage text) returns boolean language plpgsql volatile
set search_path = pg_catalog, public as $$
declare
    l record;
begin
    select * into l from app.limits_of(null, p_stage);
    if l.paused or l.concurrency is null then return l.paused; end if;
    perform pg_advisory_xact_lock(hashtextextended(p_stage, 15));
    return (select count(*) from jobs where stage = p_stage and lease_until > clock_timestamp()) >= l.concurrency;
end $$;

-- Whether the tenant has its share of a capped stage, and leaves its other places to those who wait in the outbox.
create function app.tenant_is_full(p_tenant uuid, p_stage text) returns boolean language plpgsql volatile
set search_path = pg_catalog, public as $$
declare
    l record;
begin
    select * into l from app.limits_of(p_tenant, p_stage);
    return l.concurrency is not null and l.share < 1
        and (select count(*) from jobs where tenant_id = p_tenant and stage = p_stage and lease_until > clock_timestamp())
            >= greatest(1, floor(l.share * l.concurrency))
        and (exists (select from jobs where held and stage = p_stage and tenant_id > p_tenant)
            or exists (select from jobs where held and stage = p_stage and tenant_id < p_tenant));
end $$;

-- A message is given up without a job having been done: one that it might have served is back in the outbox, the named one
-- if it waits. False: none waits, so that nothing misses the message.
create function app.put_back(p_tenant uuid, p_job uuid, p_stage text) returns boolean language plpgsql security definer
set search_path = pg_catalog, public as $$
declare
    v jobs;
begin
    select * into v from jobs where tenant_id = p_tenant and id = p_job and stage = p_stage and not held
        and status in ('queued', 'running', 'retrying') and (lease_until is null or lease_until <= clock_timestamp())
        for update skip locked;
    if not found then
        select * into v from jobs where stage = p_stage and not held
            and status in ('queued', 'running', 'retrying') and (lease_until is null or lease_until <= clock_timestamp())
            and (available_at is null or available_at <= clock_timestamp())
            order by turn desc limit 1 for update skip locked;
    end if;
    if v.id is null then return false; end if;
    update jobs set held = true, hold_until = null, published_at = null, lease_until = null
        where tenant_id = v.tenant_id and id = v.id;
    return true;
end $$;

-- What the message `p_permit`, which names a job, lets its worker do. `p_other`: another stage that the worker does as well,
-- null for none. It comes first where somebody waits there only, with nothing at work, and last where nothing may be begun
-- here: so a surplus of permits of one stage makes up for what the other lacks.
--   claimed    `job`, of whichever tenant: the work is done in that job's tenant
--   held       nothing now: a job is back in the outbox in its place
--   done       nothing waits
--   busy       in `retry_in` seconds again: a job that it has begun is at work, or waits to be tried again; or whoever is next
--              is being taken by others
--   exhausted  its own job has used up its attempts
--   unknown    it names no job of this tenant and stage
create function app.claim_next(p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_stage text, p_other text,
    p_lease_s double precision, p_worker text, p_permit uuid, p_hold_s double precision)
returns table (outcome text, retry_in integer, job jobs, submission submissions, template_id uuid, score jsonb, settings jsonb)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
declare
    m jobs; -- that the message names
    c jobs; -- that it has begun
    v jobs;
    v_until timestamptz;
    v_stages text[] := array[p_stage];
    v_stage text;
    v_closed text[] := '{}';
    v_full jobs; -- whose turn it was, but for its tenant's share
begin
    perform app.set_context(p_tenant, p_user, p_role), set_config('synchronous_commit', 'off', true);
    if p_role is distinct from 'worker' then raise exception 'not a worker' using errcode = '42501'; end if;
    select * into m from jobs where tenant_id = p_tenant and id = p_job;
    -- What is wrong with a message makes it no permit, and a dead job's own message tells the operators.
    if m.id is null or (m.stage <> p_stage and not (m.stage = 'generating' and p_stage = 'scoring')) or m.status = 'dead'
            or (m.stage = p_stage and m.attempt >= m.max_attempts and m.status in ('queued', 'running', 'retrying')
                and (m.lease_until is null or m.lease_until <= clock_timestamp())) then
        return query select * from app.claim_job(p_tenant, p_user, p_role, p_job, p_stage, p_lease_s, p_worker);
        return;
    end if;
    select * into c from jobs where permit = p_permit and status in ('running', 'retrying')
        order by greatest(lease_until, available_at) desc nulls last limit 1;
    if c.id is null and m.stage = p_stage and m.permit is null and m.status in ('running', 'retrying') then
        c := m; -- begun by its own message, and by a release that did not say so
    end if;
    v_until := greatest(c.lease_until, c.available_at);
    if v_until > clock_timestamp() then
        return query select 'busy', ceil(extract(epoch from v_until - clock_timestamp()))::integer, c, null::submissions,
            null::uuid, null::jsonb, null::jsonb;
        return;
    end if;
    if p_other is not null then
        v_stages := case when app.has_newcomer(p_other, p_stage) then array[p_other, p_stage] else array[p_stage, p_other] end;
    end if;
    -- In one order, whichever comes first: each may wait for whoever counts the same stage.
    foreach v_stage in array array[least(p_stage, p_other), greatest(p_stage, p_other)] loop
        if v_stage <> all(v_closed) and app.stage_is_closed(v_stage) then
            v_closed := v_closed || v_stage;
        end if;
    end loop;
    foreach v_stage in array v_stages loop
        continue when v_stage = any(v_closed);
        v := app.choose_job(v_stage);
        exit when v.id is not null and not app.tenant_is_full(v.tenant_id, v_stage);
        if v.id is not null then
            v_full := v;
            v_closed := v_closed || v_stage;
        end if;
        v := null;
    end loop;
    if v.id is null and exists (select from unnest(v_stages) s where s <> all(v_closed) and app.waits(s)) then
        return query select 'busy', 0, m, null::submissions, null::uuid, null::jsonb, null::jsonb;
        return;
    elsif v.id is null and v_closed = '{}' then
        return query select 'done', 0, m, null::submissions, null::uuid, null::jsonb, null::jsonb;
        return;
    elsif v.id is null then
        v_stage := coalesce(v_full.stage, case when p_stage = any(v_closed) then p_stage end, p_other);
        return query select case when app.put_back(coalesce(v_full.tenant_id, p_tenant), coalesce(v_full.id, p_job), v_stage)
            then 'held' else 'done' end, 0, m, null::submissions, null::uuid, null::jsonb, null::jsonb;
        return;
    end if;
    if v.id <> m.id and v.published_at is null and m.published_at is not null then
        -- Whoever was about to send its message may be gone; then the relay sends one for the job that this message named.
        update jobs set published_at = null, hold_until = clock_timestamp() + make_interval(secs => p_hold_s)
            where tenant_id = m.tenant_id and id in (
                select id from jobs where tenant_id = m.tenant_id and id = m.id and stage = p_stage and not held
                    and status in ('queued', 'running', 'retrying') and lease_until is null for update skip locked);
    end if;
    perform app.set_context(v.tenant_id, p_user, p_role);
    return query select * from app.begin_attempt(v, p_lease_s, p_worker, p_permit, v.tenant_id = m.tenant_id and v.id = m.id);
end $$;
"""

LETTERS = """
-- As before, for a message that says which it is. One that was used up by other jobs than its own is no reason for its own
-- to die: that goes back to the outbox, and so does a job that waits for this message to be tried again.
create function app.take_dead_letter(
    p_tenant uuid, p_job uuid, p_stage text, p_replay integer, p_message text, p_queue text, p_size integer, p_sha256 text,
    p_body bytea, p_envelope jsonb, p_letter uuid, p_permit uuid)
returns text language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    c jobs;
    v_others boolean := exists (select from attempts where permit = p_permit);
begin
    select * into c from jobs where permit = p_permit and status in ('running', 'retrying')
        and not (tenant_id = p_tenant and id = p_job) limit 1 for update;
    if found then
        if c.lease_until > clock_timestamp() then return 'later'; end if;
        perform app.set_context(c.tenant_id, null, 'worker');
        if c.attempt >= c.max_attempts then
            perform app.give_up(c);
        else
            update jobs set published_at = null, permit = null, lease_until = null,
                    hold_until = coalesce(greatest(available_at, clock_timestamp()), clock_timestamp())
                where tenant_id = c.tenant_id and id = c.id;
        end if;
    end if;
    if v_others then
        update jobs set published_at = null, hold_until = clock_timestamp()
            where tenant_id = p_tenant and id = p_job and stage = p_stage and not held and attempt < max_attempts
                and status in ('queued', 'running', 'retrying') and (lease_until is null or lease_until <= clock_timestamp());
        if found then return 'done'; end if;
    end if;
    return app.take_dead_letter(p_tenant, p_job, p_stage, p_replay, p_message, p_queue, p_size, p_sha256, p_body, p_envelope,
                                p_letter);
end $$;
"""

# A window does not decide any more who is next, only how many messages of a tenant are out. Where an operator has chosen
# one, theirs stays.
LIMITS = """
insert into limits (version, id, document, reason)
    select version + 1, gen_random_uuid(), document || '{"window": 100}', 'As shipped: a message is a permit'
    from (select * from limits order by version desc limit 1) l where version = 1 and changed_by is null;
"""

RIGHTS = """
revoke execute on function app.next_turn, app.take_turn, app.turns_now, app.give_up, app.begin_attempt, app.choose_job, app.waits, app.has_newcomer, app.stage_is_closed,
    app.tenant_is_full, app.put_back, app.claim_next from public;
revoke execute on function app.end_attempt(uuid, uuid, text, uuid, text, integer, text, text, text, text[], text, double precision),
    app.take_dead_letter(uuid, uuid, text, integer, text, text, integer, text, bytea, jsonb, uuid, uuid) from public;
grant execute on function app.turns_now, app.claim_next to ffp_app;
grant execute on function app.end_attempt(uuid, uuid, text, uuid, text, integer, text, text, text, text[], text, double precision)
    to ffp_app;
grant execute on function app.take_dead_letter(uuid, uuid, text, integer, text, text, integer, text, bytea, jsonb, uuid, uuid)
    to ffp_relay;
"""


def upgrade() -> None:
    for statements in (JOBS, TURNS, ATTEMPTS, CLAIM, LETTERS, LIMITS, RIGHTS):
        op.execute(statements)


def downgrade() -> None:
    raise RuntimeError("a release before this one holds jobs back that this one has sent")
