"""Dead letters, groups of them, and their replay.

A job that is `dead` has a letter: a trigger writes it in the transaction that makes the job dead, whoever does so. The
consumer of the dead-letter queues adds the message to it, and keeps what names no job whole. What an operator orders
(`replays`) is carried out step by step by `app.replay_step`, each step one statement, so that a kill anywhere leaves
either all of a step or nothing.

Operators (ffp_ops) see all but the bytes of messages, which `app.reveal_dead_letter` shows with an audit row. They move
no job: the replayer and the consumer do (ffp_relay), through the functions here alone. Those run as the owner.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

JOBS = """
-- How often a job's attempts ran out, and how often an operator has put it back.
alter table jobs add column deaths integer not null default 0, add column replays integer not null default 0;
-- What went wrong, as a class and places in the code: never a message, which may hold a row.
alter table attempts add column error_class text, add column frames text[], add column signature text,
    add column release text default nullif(current_setting('app.release', true), '');
grant select (replays) on jobs to ffp_relay;

create or replace function app.job_may_move(p_from text, p_to text) returns boolean language sql immutable parallel safe as $$
    select (p_from, p_to) in (
        ('queued', 'running'), ('queued', 'canceled'), ('queued', 'dead'),
        ('running', 'retrying'), ('running', 'succeeded'), ('running', 'failed'), ('running', 'canceled'), ('running', 'dead'),
        ('retrying', 'running'), ('retrying', 'canceled'), ('retrying', 'dead'),
        ('dead', 'retrying'), ('dead', 'running'), ('dead', 'canceled')) $$;

create function app.count_death() returns trigger language plpgsql as $$
begin
    new.deaths := old.deaths + 1;
    return new;
end $$;
create trigger jobs_count_death before update of status on jobs
    for each row when (new.status = 'dead' and old.status <> 'dead') execute function app.count_death();

drop function app.end_attempt;
-- An attempt that ended without its effect: 'retry' gives the lease back, 'failed' ends the job.
create function app.end_attempt(p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_stage text, p_attempt integer,
    p_outcome text, p_code text, p_class text, p_frames text[], p_signature text)
returns boolean language plpgsql as $$
declare
    v jobs;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    update jobs set status = case when p_outcome = 'failed' then 'failed' else 'retrying' end,
            finished_at = case when p_outcome = 'failed' then now() end,
            lease_until = null, error_code = p_code, revision = revision + 1, updated_at = now()
        where tenant_id = p_tenant and id = p_job and stage = p_stage and status = 'running' and attempt = p_attempt
        returning * into v;
    if not found then return false; end if;
    update attempts set ended_at = now(), outcome = p_outcome, error_code = p_code, error_class = p_class,
            frames = p_frames, signature = p_signature
        where tenant_id = p_tenant and job_id = p_job and stage = p_stage and number = p_attempt;
    if p_outcome = 'failed' then
        insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
            values (p_tenant, p_user, p_role, 'job.failed', 'job', p_job, v.user_id, v.correlation_id);
    end if;
    return true;
end $$;
"""

TABLES = """
-- One a stage of a job, or one a message that names no job. tenant_id null: it names none that could be believed.
create table dead_letters (
    tenant_id uuid references tenants (id),
    id uuid not null,
    job_id uuid,
    kind text,
    stage text,
    queue text,          -- of its newest message; null where none has come
    correlation_id text,
    error_code text not null,
    error_class text,
    frames text[],       -- of the last attempt: attempts are not kept for ever
    signature text not null,
    fingerprint text not null,
    release text not null,
    state text not null default 'open' check (state in ('open', 'replaying', 'resolved', 'discarded')),
    resolution text check (resolution in ('succeeded', 'failed', 'canceled')),
    times_seen integer not null default 1,
    replays integer not null default 0,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    constraint dead_letters_tenant_id_id_key unique nulls not distinct (tenant_id, id),
    foreign key (tenant_id, job_id) references jobs (tenant_id, id),
    check ((job_id is null) = (tenant_id is null)),
    check ((state = 'resolved') = (resolution is not null))
);
create unique index dead_letters_job_key on dead_letters (tenant_id, job_id, stage) where job_id is not null;
create index dead_letters_id_idx on dead_letters (id);
create index dead_letters_seen_idx on dead_letters (last_seen_at desc, id desc);
create index dead_letters_group_idx on dead_letters (fingerprint, state);

-- Each message that was ever taken from a dead-letter queue, to the byte.
create table dead_letter_messages (
    tenant_id uuid,
    message_id text not null,
    letter_id uuid not null,
    queue text not null,
    size integer not null,     -- bytes; `body` holds the first 256 KiB
    sha256 text not null,
    body bytea not null,
    envelope jsonb,            -- what we read in it; null where it cannot be read
    arrived_at timestamptz not null default now(),
    constraint dead_letter_messages_tenant_id_message_id_key unique nulls not distinct (tenant_id, message_id),
    foreign key (tenant_id, letter_id) references dead_letters (tenant_id, id)
);
create index dead_letter_messages_letter_idx on dead_letter_messages (letter_id);

-- What operators did to a letter, and why.
create table dead_letter_events (
    tenant_id uuid,
    id uuid not null,
    letter_id uuid not null,
    at timestamptz not null default now(),
    operator_id uuid not null,
    action text not null check (action in ('discarded', 'restored', 'revealed', 'replayed')),
    reason text not null,
    constraint dead_letter_events_tenant_id_id_key unique nulls not distinct (tenant_id, id),
    foreign key (tenant_id, letter_id) references dead_letters (tenant_id, id)
);
create index dead_letter_events_letter_idx on dead_letter_events (letter_id);

-- Letters with one fingerprint, of whichever tenants. `notes`: [{at, by, text}].
create table dead_letter_groups (
    fingerprint text primary key,
    signature text not null,
    state text not null default 'open' check (state in ('open', 'resolved', 'reopened')),
    resolved_in text,
    reopened_in text,
    notes jsonb not null default '[]',
    revision integer not null default 1,
    changed_at timestamptz not null default now()
);

-- waiting: for a second operator. stopped: by its canary.
create table replays (
    id uuid primary key,
    mode text not null check (mode in ('shadow', 'execute')),
    state text not null check (state in ('waiting', 'running', 'paused', 'done', 'stopped', 'canceled')),
    selector jsonb not null,
    reason text not null,
    operator_id uuid not null,
    confirmed_by uuid,
    request_id text,
    request_key text not null,
    request_hash text not null,
    total integer not null,
    rate double precision not null check (rate > 0 and rate <= 500),
    canary_first integer check (canary_first > 0),
    canary_share double precision check (canary_share >= 0 and canary_share < 1),
    canary_passed boolean not null default false,
    begun boolean not null default false,
    next_at timestamptz not null default now(),
    revision integer not null default 1,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    finished_at timestamptz,
    unique (operator_id, request_key),
    check ((canary_first is null) = (canary_share is null))
);
create index replays_due_idx on replays (next_at) where state = 'running';

create table replay_letters (
    tenant_id uuid,
    replay_id uuid not null references replays (id),
    letter_id uuid not null,
    position integer not null,
    outcome text not null default 'pending' check (outcome in ('pending', 'skipped', 'replayed', 'succeeded', 'failed',
        'canceled', 'died', 'would_succeed', 'same_error', 'other_error')),
    reason text,      -- why it was skipped
    report jsonb,     -- of a shadow: rows by table, or the error
    replayed_at timestamptz,
    ended_at timestamptz,
    constraint replay_letters_tenant_id_replay_id_letter_id_key unique nulls not distinct (tenant_id, replay_id, letter_id),
    foreign key (tenant_id, letter_id) references dead_letters (tenant_id, id)
);
create index replay_letters_next_idx on replay_letters (replay_id, position) where outcome = 'pending';
create index replay_letters_outcome_idx on replay_letters (replay_id, outcome);
create index replay_letters_letter_idx on replay_letters (letter_id);
"""

LETTERS = """
create function app.fingerprint(p_signature text) returns text language sql stable
set search_path = pg_catalog as $$
    select left(encode(sha256(convert_to(p_signature, 'UTF8')), 'hex'), 16) $$;

-- A letter of this group was opened. A group without open letters is done with: then it is reopened.
create function app.open_group(p_fingerprint text, p_signature text, p_release text) returns void language sql
set search_path = pg_catalog, public as $$
    insert into dead_letter_groups as g (fingerprint, signature) values (p_fingerprint, p_signature)
    on conflict (fingerprint) do update set state = 'reopened', reopened_in = p_release, revision = g.revision + 1,
            changed_at = now()
        where g.state = 'resolved' or not exists (
            select from dead_letters l where l.fingerprint = p_fingerprint and l.state in ('open', 'replaying')) $$;

-- The job's letter for the stage it died in, made or opened again.
create function app.open_letter(p jobs) returns void language plpgsql security definer
set search_path = pg_catalog, public as $$
declare
    a attempts;
    v_code text := coalesce(p.error_code, 'attempts_exhausted');
    v_signature text;
    v_release text;
    v_letter uuid;
begin
    select * into a from attempts t where t.tenant_id = p.tenant_id and t.job_id = p.id and t.stage = p.stage
        order by number desc limit 1;
    -- A worker that was killed told nothing: then the error of an attempt before it would be the wrong one.
    if a.number is null or a.ended_at is null then
        v_code := case when a.number is null then 'never_started' else 'worker_lost' end;
    end if;
    v_signature := coalesce(a.signature, v_code || ' in ' || p.stage);
    v_release := coalesce(a.release, nullif(current_setting('app.release', true), ''), 'unknown');
    perform app.open_group(app.fingerprint(v_signature), v_signature, v_release);
    insert into dead_letters as l (tenant_id, id, job_id, kind, stage, correlation_id, error_code, error_class, frames,
                                   signature, fingerprint, release)
        values (p.tenant_id, gen_random_uuid(), p.id, p.kind, p.stage, p.correlation_id, v_code, a.error_class, a.frames,
                v_signature, app.fingerprint(v_signature), v_release)
        on conflict (tenant_id, job_id, stage) where job_id is not null do update set state = 'open', resolution = null,
            error_code = excluded.error_code, error_class = excluded.error_class, frames = excluded.frames,
            signature = excluded.signature, fingerprint = excluded.fingerprint, release = excluded.release,
            times_seen = l.times_seen + 1, last_seen_at = now(), changed_at = now()
        returning id into v_letter;
    update replay_letters set outcome = 'died', ended_at = now()
        where letter_id = v_letter and tenant_id = p.tenant_id and outcome = 'replayed';
end $$;

-- What becomes of a job that was ever dead becomes of its letters, in the same commit.
create function app.follow_job() returns trigger language plpgsql security definer
set search_path = pg_catalog, public as $$
declare
    v_end text := case when new.stage <> old.stage then 'succeeded' else new.status end;
begin
    if new.status = 'dead' and old.status <> 'dead' then
        perform app.open_letter(new);
    end if;
    if v_end in ('succeeded', 'failed', 'canceled') then
        with ended as (
            update dead_letters set state = 'resolved', resolution = v_end, changed_at = now()
            where tenant_id = new.tenant_id and job_id = new.id and stage = old.stage and state <> 'resolved'
            returning tenant_id, id)
        update replay_letters r set outcome = v_end, ended_at = now() from ended e
            where r.tenant_id = e.tenant_id and r.letter_id = e.id and r.outcome = 'replayed';
    end if;
    return null;
end $$;
create trigger jobs_follow after update on jobs for each row
    when (new.deaths > 0 and (new.status <> old.status or new.stage <> old.stage)) execute function app.follow_job();
"""

TAKE = """
-- A message from a dead-letter queue. It may be deleted there unless the answer is 'later':
--   kept   it is stored here, and its job, if it has one, waits for an operator
--   known  it has been stored before
--   done   its job has gone on without it: ended, past its stage, or put back since the message was sent
--   later  somebody works on its job at present
-- p_tenant null: unreadable. `p_letter` is the id of a letter that names no job.
create function app.take_dead_letter(
    p_tenant uuid, p_job uuid, p_stage text, p_replay integer, p_message text, p_queue text, p_size integer, p_sha256 text,
    p_body bytea, p_envelope jsonb, p_letter uuid)
returns text language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v jobs;
    v_letter uuid;
    v_code text := case when p_tenant is null then 'unreadable_message' else 'unknown_job' end;
    v_signature text := v_code || ' in queue ' || p_queue;
    v_release text := coalesce(nullif(current_setting('app.release', true), ''), 'unknown');
begin
    if p_tenant is not null then
        perform app.set_context(p_tenant, null, 'worker');
        select * into v from jobs where tenant_id = p_tenant and id = p_job for update;
    end if;
    if v.id is not null and v.stage <> p_stage and exists (
            select from attempts where tenant_id = p_tenant and job_id = p_job and stage = p_stage and outcome = 'succeeded') then
        return 'done';
    end if;
    if v.id is null or v.stage <> p_stage then
        insert into dead_letter_messages (tenant_id, message_id, letter_id, queue, size, sha256, body, envelope)
            values (null, p_message, p_letter, p_queue, p_size, p_sha256, p_body, p_envelope) on conflict do nothing;
        if not found then return 'known'; end if;
        perform app.open_group(app.fingerprint(v_signature), v_signature, v_release);
        insert into dead_letters (id, stage, queue, correlation_id, error_code, signature, fingerprint, release)
            values (p_letter, p_stage, p_queue, p_envelope ->> 'correlation_id', v_code, v_signature,
                    app.fingerprint(v_signature), v_release);
        return 'kept';
    end if;
    if exists (select from dead_letter_messages where tenant_id = p_tenant and message_id = p_message) then return 'known'; end if;
    if v.status in ('succeeded', 'failed', 'canceled') or p_replay < v.replays then return 'done'; end if;
    if v.status <> 'dead' and v.lease_until > now() then return 'later'; end if;
    if v.status <> 'dead' then
        update jobs set status = 'dead', error_code = coalesce(error_code, 'attempts_exhausted'), lease_until = null,
                published_at = coalesce(published_at, now()), revision = revision + 1, updated_at = now()
            where tenant_id = p_tenant and id = p_job;
    elsif not exists (select from dead_letters where tenant_id = p_tenant and job_id = p_job and stage = p_stage) then
        perform app.open_letter(v);
    end if;
    select id into strict v_letter from dead_letters where tenant_id = p_tenant and job_id = p_job and stage = p_stage;
    insert into dead_letter_messages (tenant_id, message_id, letter_id, queue, size, sha256, body, envelope)
        values (p_tenant, p_message, v_letter, p_queue, p_size, p_sha256, p_body, p_envelope);
    update dead_letters set queue = p_queue, changed_at = now() where tenant_id = p_tenant and id = v_letter;
    return 'kept';
end $$;
"""

REPLAY = """
-- Why a letter is not replayed; null: it may be. The caller holds the locks of job and letter.
create function app.skip_reason(l dead_letters, j jobs, p_confirmed boolean) returns text language sql immutable as $$
    select case
        when l.job_id is null then l.error_code -- unreadable_message, unknown_job: there is nothing to run
        when j.status = 'succeeded' or l.stage <> j.stage then 'already_succeeded'
        when j.status in ('failed', 'canceled') then 'job_' || j.status
        when l.state = 'discarded' then 'discarded'
        when j.status <> 'dead' then 'already_running'
        when l.replays >= 3 and not p_confirmed then 'needs_second_operator'
    end $$;

-- Whether the first letters of a replay have come out well: null while one of them has not ended.
create function app.canary_holds(r replays) returns boolean language sql stable set search_path = pg_catalog, public as $$
    select case when count(*) filter (where outcome in ('died', 'failed')) > r.canary_share * r.canary_first then false
                when bool_or(outcome = 'replayed') then null else true end
    from replay_letters where replay_id = r.id and outcome not in ('pending', 'skipped') $$;

-- Puts back the next letter of the replay that is due longest. One letter a call, and a call is one transaction.
-- `outcome`: replayed (then there is a message to send), skipped, waits (for its canary), done, stopped, idle.
-- `wait_s`: until there is something to do again. Its commit does not wait for the disk: the caller does, once for some
-- steps, before it sends their messages. What a crash of the server takes back is as if it had not begun.
create function app.replay_step()
returns table (outcome text, wait_s double precision, replay_id uuid, tenant_id uuid, job_id uuid, stage text,
               correlation_id text, traceparent text, replay integer)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
declare
    r replays;
    i replay_letters;
    l dead_letters;
    j jobs;
    v_holds boolean;
    v_reason text;
begin
    perform set_config('synchronous_commit', 'off', true);
    select * into r from replays where state = 'running' and mode = 'execute' and next_at <= clock_timestamp()
        order by next_at limit 1 for update skip locked;
    if not found then
        return query select 'idle', extract(epoch from min(next_at) - clock_timestamp())::double precision,
                null::uuid, null::uuid, null::uuid, null, null, null, 0
            from replays where state = 'running';
        return;
    end if;
    select * into i from replay_letters where replay_id = r.id and outcome = 'pending' order by position limit 1;
    if i.letter_id is null then
        update replays set state = 'done', finished_at = now(), revision = revision + 1, changed_at = now() where id = r.id;
        return query select 'done', 0::double precision, r.id, null::uuid, null::uuid, null, null, null, 0;
        return;
    end if;
    if r.canary_first is not null and not r.canary_passed and r.canary_first <= (
            select count(*) from replay_letters where replay_id = r.id and outcome not in ('pending', 'skipped')) then
        v_holds := app.canary_holds(r);
        if not v_holds then
            update replays set state = 'stopped', finished_at = now(), revision = revision + 1, changed_at = now() where id = r.id;
            return query select 'stopped', 0::double precision, r.id, null::uuid, null::uuid, null, null, null, 0;
            return;
        elsif v_holds is null then
            update replays set next_at = clock_timestamp() + interval '250 milliseconds' where id = r.id;
            return query select 'waits', 0.25::double precision, r.id, null::uuid, null::uuid, null, null, null, 0;
            return;
        end if;
        update replays set canary_passed = true where id = r.id;
    end if;
    -- The job before its letter: the order in which whatever ends a job locks them.
    select * into l from dead_letters where tenant_id is not distinct from i.tenant_id and id = i.letter_id;
    if l.job_id is not null then
        perform app.set_context(l.tenant_id, null, 'worker');
        select * into j from jobs where tenant_id = l.tenant_id and id = l.job_id for update;
        select * into l from dead_letters where tenant_id = i.tenant_id and id = i.letter_id for update;
    end if;
    v_reason := app.skip_reason(l, j, r.confirmed_by is not null);
    if v_reason is not null then
        update replay_letters set outcome = 'skipped', reason = v_reason, ended_at = now()
            where replay_id = r.id and tenant_id is not distinct from i.tenant_id and letter_id = i.letter_id;
        return query select 'skipped', 0::double precision, r.id, null::uuid, null::uuid, null, null, null, 0;
        return;
    end if;
    -- Five attempts more: as many as the queue gives a message.
    update jobs set status = 'retrying', max_attempts = attempt + 5, replays = replays + 1, published_at = null,
            lease_until = null, revision = revision + 1, updated_at = now()
        where tenant_id = j.tenant_id and id = j.id returning * into j;
    update dead_letters set state = 'replaying', replays = replays + 1, changed_at = now()
        where tenant_id = l.tenant_id and id = l.id;
    update replay_letters set outcome = 'replayed', replayed_at = now()
        where replay_id = r.id and tenant_id = l.tenant_id and letter_id = l.id;
    -- No letter goes before its time, counted from the first; half a second of being late may be caught up.
    update replays set next_at = make_interval(secs => 1 / rate) + case when begun then
            greatest(next_at, clock_timestamp() - interval '500 milliseconds') else clock_timestamp() end, begun = true
        where id = r.id;
    insert into dead_letter_events (tenant_id, id, letter_id, operator_id, action, reason)
        values (l.tenant_id, gen_random_uuid(), l.id, r.operator_id, 'replayed', r.reason);
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (l.tenant_id, r.operator_id, 'operator', 'dead_letter.replayed', 'dead_letter', l.id, j.user_id, r.request_id);
    return query select 'replayed', 0::double precision, r.id, j.tenant_id, j.id, j.stage, j.correlation_id, j.traceparent, j.replays;
end $$;

-- The next letter to try without effect. For `p_lease_s` nobody else is given one of the same replay.
create function app.next_shadow(p_lease_s double precision)
returns table (replay_id uuid, tenant_id uuid, letter_id uuid, job_id uuid, stage text, correlation_id text, signature text,
               replay integer)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
declare
    r replays;
    i replay_letters;
    l dead_letters;
    j jobs;
    v_reason text;
begin
    select * into r from replays where state = 'running' and mode = 'shadow' and next_at <= clock_timestamp()
        order by next_at limit 1 for update skip locked;
    if not found then return; end if;
    loop
        select * into i from replay_letters where replay_id = r.id and outcome = 'pending' order by position limit 1;
        if not found then
            update replays set state = 'done', finished_at = now(), revision = revision + 1, changed_at = now() where id = r.id;
            return;
        end if;
        select * into l from dead_letters where tenant_id is not distinct from i.tenant_id and id = i.letter_id;
        perform app.set_context(l.tenant_id, null, 'worker');
        select * into j from jobs where tenant_id = l.tenant_id and id = l.job_id;
        v_reason := app.skip_reason(l, j, true);
        exit when v_reason is null;
        update replay_letters set outcome = 'skipped', reason = v_reason, ended_at = now()
            where replay_id = r.id and tenant_id is not distinct from i.tenant_id and letter_id = i.letter_id;
    end loop;
    update replays set next_at = clock_timestamp() + make_interval(secs => p_lease_s) where id = r.id;
    return query select r.id, j.tenant_id, l.id, j.id, j.stage, j.correlation_id, l.signature, j.replays;
end $$;

create function app.note_shadow(p_replay uuid, p_tenant uuid, p_letter uuid, p_outcome text, p_reason text, p_report jsonb)
returns void language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    update replay_letters set outcome = p_outcome, reason = p_reason, report = p_report, ended_at = now()
        where replay_id = p_replay and tenant_id = p_tenant and letter_id = p_letter and outcome = 'pending';
    update replays set next_at = greatest(clock_timestamp(), now() + make_interval(secs => 1 / rate)) where id = p_replay;
end $$;
"""

OPERATORS = """
-- The bytes of a letter's newest message. To see them is on record, in the log of the letter's tenant.
create function app.reveal_dead_letter(p_tenant uuid, p_user uuid, p_role text, p_letter uuid, p_event uuid, p_reason text, p_request text)
returns table (message_id text, queue text, size integer, sha256 text, body bytea, envelope jsonb, arrived_at timestamptz)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
declare
    l dead_letters;
begin
    select * into l from dead_letters where id = p_letter;
    if not found or p_role is distinct from 'operator' then return; end if;
    insert into dead_letter_events (tenant_id, id, letter_id, operator_id, action, reason)
        values (l.tenant_id, p_event, l.id, p_user, 'revealed', p_reason);
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, request_id)
        values (l.tenant_id, p_user, 'operator', 'dead_letter.revealed', 'dead_letter', l.id, p_request);
    return query select m.message_id, m.queue, m.size, m.sha256, m.body, m.envelope, m.arrived_at
        from dead_letter_messages m where m.tenant_id is not distinct from l.tenant_id and m.letter_id = l.id
        order by m.arrived_at desc, m.message_id desc limit 1;
end $$;

-- Ends a job of whichever tenant. FF409 where it has ended, FF404 where it is not there.
create function app.cancel_any_job(p_tenant uuid, p_user uuid, p_role text, p_job_tenant uuid, p_job uuid, p_request text)
returns void language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v jobs;
begin
    perform app.set_context(p_job_tenant, null, 'worker');
    select * into v from jobs where tenant_id = p_job_tenant and id = p_job for update;
    if not found or p_role is distinct from 'operator' then raise exception 'no such job' using errcode = 'FF404'; end if;
    if v.status in ('succeeded', 'failed', 'canceled') then raise exception 'job is final' using errcode = 'FF409'; end if;
    update attempts set ended_at = now(), outcome = 'canceled'
        where tenant_id = v.tenant_id and job_id = v.id and stage = v.stage and number = v.attempt and ended_at is null;
    update jobs set status = 'canceled', lease_until = null, revision = revision + 1, updated_at = now(), finished_at = now()
        where tenant_id = v.tenant_id and id = v.id;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (v.tenant_id, p_user, 'operator', 'job.canceled', 'job', v.id, v.user_id, p_request);
    perform app.set_context(p_tenant, p_user, p_role);
end $$;
"""

TENANTED = ("dead_letters", "dead_letter_messages", "dead_letter_events", "replay_letters")

RIGHTS = """
create policy attempts_owner on attempts for select to ffp_owner using (true);
grant select on dead_letters, dead_letter_events, dead_letter_groups, replays, replay_letters to ffp_ops;
grant select (tenant_id, message_id, letter_id, queue, size, sha256, envelope, arrived_at) on dead_letter_messages to ffp_ops;
grant update (state, changed_at) on dead_letters to ffp_ops;
grant insert on dead_letter_events, replays, replay_letters to ffp_ops;
grant update (state, resolved_in, notes, revision, changed_at) on dead_letter_groups to ffp_ops;
grant update (state, total, confirmed_by, next_at, revision, changed_at, finished_at) on replays to ffp_ops;
revoke execute on function app.count_death, app.end_attempt, app.fingerprint, app.open_group, app.open_letter, app.follow_job,
    app.take_dead_letter, app.skip_reason, app.canary_holds, app.replay_step, app.next_shadow, app.note_shadow,
    app.reveal_dead_letter, app.cancel_any_job from public;
grant execute on function app.end_attempt to ffp_app;
grant execute on function app.take_dead_letter, app.replay_step, app.next_shadow, app.note_shadow to ffp_relay;
grant execute on function app.reveal_dead_letter, app.cancel_any_job to ffp_ops;

-- Jobs that died before there were letters.
alter table jobs no force row level security;
update jobs set deaths = 1 where status = 'dead';
select app.open_letter(j) from jobs j where status = 'dead';
alter table jobs force row level security;
"""


def upgrade() -> None:
    for statements in (JOBS, TABLES, LETTERS, TAKE, REPLAY, OPERATORS):
        op.execute(statements)
    for table in TENANTED:
        mine = "(select app.role()) = 'operator' and operator_id = (select app.user_id())"
        op.execute(f"""
            alter table {table} enable row level security, force row level security;
            create policy {table}_owner on {table} to ffp_owner using (true) with check (true);
            create policy {table}_ops on {table} to ffp_ops using (true)
                with check ({mine if table == "dead_letter_events" else "true"});
        """)
    op.execute(RIGHTS)


def downgrade() -> None:
    raise RuntimeError("dead letters are not thrown away")
