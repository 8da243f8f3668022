"""Doing the program: what was done in a session, missed ones, adaptations, check-ins, and the ways of a program."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

IN_TENANT = "tenant_id = (select app.tenant_id())"
OWN = f"{IN_TENANT} and (user_id = (select app.user_id()) or (select app.sees_tenant()))"
CARE = "(select app.role()) in ('business_owner', 'business_admin', 'clinician')"

PROGRAMS = f"""
alter table programs drop constraint programs_status_check,
    add constraint programs_status_check
        check (status in ('pending_review', 'active', 'paused_safety', 'rejected', 'archived', 'ended')),
    add column status_at timestamptz not null default now(), -- since when it is in this status
    add column next_due date,        -- of an active one: its first open session; null: to be looked up
    add column counted_from date,    -- adherence and gaps count from here; null: from start_on
    add column gap_from date,        -- the last day of training before the gap that a re-entry was made for
    add column fewer_days_on date,   -- when fewer days a week were last offered
    add column reassess_on date;     -- when a new assessment is due
-- A paused program still is the one of its person: no other is begun beside it.
drop index programs_active_key;
create unique index programs_active_key on programs (tenant_id, user_id) where status in ('active', 'paused_safety');
create index programs_due_idx on programs (tenant_id, next_due) where status = 'active';

drop policy programs_own on programs;
create policy programs_own on programs
    using ({IN_TENANT} and ((select app.sees_tenant()) or (user_id = (select app.user_id())
        and status in ('active', 'paused_safety', 'archived', 'ended'))))
    with check ({OWN});
-- The functions below that look for due work over all tenants.
create policy programs_owner on programs for select to ffp_owner using (true);

create function app.date_reassessment() returns trigger language plpgsql as $$
begin
    new.reassess_on := coalesce(new.reassess_on, new.start_on + 7 * ((new.proof ->> 'reassess_week')::integer - 1));
    return new;
end $$;
create trigger programs_reassess before insert on programs for each row execute function app.date_reassessment();
update programs set reassess_on = start_on + 7 * ((proof ->> 'reassess_week')::integer - 1);

create or replace function app.archive_program(p_user uuid) returns void language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(p_user::text, 1));
    update programs set status = 'archived', status_at = now(), next_due = null, revision = revision + 1
        where tenant_id = app.tenant_id() and user_id = p_user and status in ('active', 'paused_safety');
end $$;
"""

SESSIONS = f"""
alter table sessions
    add column status text not null default 'planned'
        check (status in ('planned', 'started', 'done', 'missed', 'dropped')),
    add column planned_on date,      -- where it was first, once it has been moved
    add column misses integer not null default 0,
    add column started_at timestamptz,
    add column finished_at timestamptz;
create index sessions_user_idx on sessions (tenant_id, user_id, scheduled_on);
-- The dose before a re-entry made it smaller: sets, reps, seconds, minutes, effort, why.
alter table prescribed_exercises add column base jsonb;
grant delete on prescribed_exercises to ffp_app;

-- What a client said happened, in the order it said so; never changed.
create table session_events (
    tenant_id uuid not null,
    session_id uuid not null,
    id uuid not null,                -- the client's
    user_id uuid not null,
    at timestamptz not null,         -- the client's clock
    received_at timestamptz not null default now(),
    type text not null check (type in
        ('started', 'exercise_done', 'exercise_skipped', 'exercise_swapped', 'pain_after', 'finished')),
    position integer,
    body jsonb not null default '{{}}',
    primary key (tenant_id, session_id, id),
    foreign key (tenant_id, session_id) references sessions (tenant_id, id) on delete cascade
);
create index session_events_user_idx on session_events (tenant_id, user_id);

-- What the events come to, line by line.
create table exercise_results (
    tenant_id uuid not null,
    session_id uuid not null,
    position integer not null,
    user_id uuid not null,
    exercise text not null,
    status text not null check (status in ('open', 'done', 'skipped')),
    sets integer,
    reps integer,
    seconds integer,
    pain_during integer check (pain_during between 0 and 10),
    pain_after_24h integer check (pain_after_24h between 0 and 10),
    effort integer check (effort between 0 and 10),
    reason text,
    note text,
    done_at timestamptz,
    primary key (tenant_id, session_id, position),
    foreign key (tenant_id, session_id) references sessions (tenant_id, id) on delete cascade
);
create index exercise_results_user_idx on exercise_results (tenant_id, user_id, done_at);

-- What was decided of an exercise after a session, by which rule, and what it changed.
create table adaptations (
    tenant_id uuid not null,
    id uuid not null,
    program_id uuid not null,
    session_id uuid not null,
    user_id uuid not null,
    exercise text not null,
    rule text not null,
    action text not null check (action in ('progress', 'hold', 'reduce', 'regress', 'leave_out', 'reassess')),
    -- kept: the decision changed nothing; proposed: a clinician decides
    status text not null check (status in ('applied', 'kept', 'proposed', 'accepted', 'declined', 'superseded')),
    changes jsonb not null,
    revision integer not null default 1,
    created_at timestamptz not null default now(),
    decided_by uuid,
    decided_at timestamptz,
    note text,
    primary key (tenant_id, id),
    unique (tenant_id, session_id, exercise, rule),
    foreign key (tenant_id, program_id) references programs (tenant_id, id) on delete cascade,
    foreign key (tenant_id, session_id) references sessions (tenant_id, id) on delete cascade,
    foreign key (tenant_id, decided_by) references users (tenant_id, id)
);
create index adaptations_program_idx on adaptations (tenant_id, program_id, id);
create index adaptations_user_idx on adaptations (tenant_id, user_id);
create index adaptations_review_idx on adaptations (tenant_id, created_at) where status = 'proposed';

create table check_ins (
    tenant_id uuid not null,
    id uuid not null,
    program_id uuid not null,
    user_id uuid not null,
    answers jsonb not null,
    outcome text not null check (outcome in ('clear', 'referral')),
    level text,
    flags text[] not null default '{{}}',
    advice_key text,
    created_at timestamptz not null default now(),
    resumed_by uuid,
    resumed_at timestamptz,
    note text,
    primary key (tenant_id, id),
    foreign key (tenant_id, program_id) references programs (tenant_id, id) on delete cascade,
    foreign key (tenant_id, resumed_by) references users (tenant_id, id)
);
create index check_ins_program_idx on check_ins (tenant_id, program_id, id);
create index check_ins_user_idx on check_ins (tenant_id, user_id);

alter table session_events enable row level security, force row level security;
alter table exercise_results enable row level security, force row level security;
alter table adaptations enable row level security, force row level security;
alter table check_ins enable row level security, force row level security;
-- Nobody but the person says what the person did, or feels.
create policy session_events_own on session_events using ({OWN})
    with check ({IN_TENANT} and user_id = (select app.user_id()));
create policy exercise_results_own on exercise_results using ({OWN})
    with check ({IN_TENANT} and user_id = (select app.user_id()));
create policy check_ins_own on check_ins for select using ({OWN});
create policy check_ins_say on check_ins for insert with check ({IN_TENANT} and user_id = (select app.user_id()));
create policy check_ins_resolve on check_ins for update using ({IN_TENANT} and {CARE}) with check ({IN_TENANT});
-- Workers decide; of what waits for somebody, those who care for the tenant.
create policy adaptations_own on adaptations for select using ({OWN});
create policy adaptations_make on adaptations for insert with check ({IN_TENANT} and (select app.role()) = 'worker');
create policy adaptations_decide on adaptations for update
    using ({IN_TENANT} and ((select app.role()) = 'worker' or {CARE})) with check ({IN_TENANT});
grant select, insert on session_events to ffp_app;
grant select, insert, update on exercise_results to ffp_app;
grant select, insert, update (status, changes, revision, decided_by, decided_at, note) on adaptations to ffp_app;
grant select, insert, update (resumed_by, resumed_at, note) on check_ins to ffp_app;
"""

FUNCTIONS = """
-- What is to be done between two days: of the active program alone, so a paused one shows nothing.
create function app.read_calendar(p_tenant uuid, p_user uuid, p_role text, p_from date, p_to date)
returns table (program_id uuid, id uuid, week integer, number integer, deload boolean, scheduled_on date,
               planned_on date, minutes numeric, status text, finished_at timestamptz)
language plpgsql as $$
begin
    perform app.set_context(p_tenant, p_user, p_role);
    return query
        select s.program_id, s.id, s.week, s.number, s.deload, s.scheduled_on, coalesce(s.planned_on, s.scheduled_on),
            s.minutes, s.status, s.finished_at
        from programs p join sessions s on s.tenant_id = p.tenant_id and s.program_id = p.id
        where p.tenant_id = p_tenant and p.user_id = p_user and p.status = 'active'
            and s.scheduled_on between p_from and p_to and s.status <> 'dropped'
        order by s.scheduled_on, s.week, s.number;
end $$;

-- A session with all that its events are held against, locked until the transaction ends: two devices of one person
-- report one after the other. No row: not there, or somebody else's.
create function app.open_session(p_tenant uuid, p_user uuid, p_session uuid)
returns table (program_id uuid, status text, program_status text, program_status_at timestamptz, spec jsonb,
               library_hash text, events jsonb, lines jsonb)
language plpgsql as $$
declare v sessions;
begin
    select * into v from sessions s where s.tenant_id = p_tenant and s.id = p_session and s.user_id = p_user for update;
    if not found then return; end if;
    return query
        select p.id, v.status, p.status, p.status_at, p.spec, p.library_hash,
            (select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'at', e.at, 'type', e.type, 'position', e.position,
                                                          'body', e.body)), '[]')
             from session_events e where e.tenant_id = p_tenant and e.session_id = p_session),
            (select jsonb_agg(jsonb_build_object('position', i.position, 'exercise', i.exercise) order by i.position)
             from prescribed_exercises i where i.tenant_id = p_tenant and i.session_id = p_session)
        from programs p where p.tenant_id = p_tenant and p.id = v.program_id;
end $$;

-- New events of a session, and what all of its events come to.
create function app.note_session(p_tenant uuid, p_user uuid, p_role text, p_session uuid, p_events jsonb, p_status text,
    p_started timestamptz, p_finished timestamptz, p_results jsonb, p_request text)
returns void language plpgsql as $$
declare v_program uuid;
begin
    insert into session_events (tenant_id, session_id, id, user_id, at, type, position, body)
        select p_tenant, p_session, e.id, p_user, e.at, e.type, e.position, e.body
        from jsonb_to_recordset(p_events) as e (id uuid, at timestamptz, type text, position integer, body jsonb);
    update sessions set status = p_status, started_at = p_started, finished_at = p_finished
        where tenant_id = p_tenant and id = p_session returning program_id into v_program;
    insert into exercise_results (tenant_id, session_id, position, user_id, exercise, status, sets, reps, seconds,
                                  pain_during, pain_after_24h, effort, reason, note, done_at)
        select p_tenant, p_session, r.position, p_user, r.exercise, r.status, r.sets, r.reps, r.seconds, r.pain_during,
            r.pain_after_24h, r.effort, r.reason, r.note, r.done_at
        from jsonb_to_recordset(p_results) as r (position integer, exercise text, status text, sets integer,
            reps integer, seconds integer, pain_during integer, pain_after_24h integer, effort integer, reason text,
            note text, done_at timestamptz)
        on conflict (tenant_id, session_id, position) do update set exercise = excluded.exercise,
            status = excluded.status, sets = excluded.sets, reps = excluded.reps, seconds = excluded.seconds,
            pain_during = excluded.pain_during, pain_after_24h = excluded.pain_after_24h, effort = excluded.effort,
            reason = excluded.reason, note = excluded.note, done_at = excluded.done_at;
    update programs set next_due = null
        where tenant_id = p_tenant and id = v_program and status = 'active' and next_due is not null;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, p_user, p_role, 'session.reported', 'session', p_session, p_user, p_request);
end $$;

-- The open sessions of a program from today on, their distances kept; nothing where none is past.
create function app.bring_forward(p_program uuid) returns void language plpgsql as $$
declare
    v_today date;
    v_first date;
begin
    select (now() at time zone u.time_zone)::date into v_today from programs p
        join users u on u.tenant_id = p.tenant_id and u.id = p.user_id
        where p.tenant_id = app.tenant_id() and p.id = p_program;
    select min(scheduled_on) into v_first from sessions
        where tenant_id = app.tenant_id() and program_id = p_program and status in ('planned', 'started', 'missed');
    update programs set counted_from = v_today, gap_from = null, next_due = null
        where tenant_id = app.tenant_id() and id = p_program;
    if v_first < v_today then
        update sessions set planned_on = coalesce(planned_on, scheduled_on),
                scheduled_on = scheduled_on + (v_today - v_first),
                status = case when status = 'missed' then 'planned' else status end
            where tenant_id = app.tenant_id() and program_id = p_program and status in ('planned', 'started', 'missed');
    end if;
end $$;

-- archive, restart, end, resume. False: not from the state it is in. FF404, FF412 as everywhere.
create function app.move_program(p_tenant uuid, p_user uuid, p_role text, p_program uuid, p_revision integer,
    p_move text, p_note text, p_request text)
returns boolean language plpgsql as $$
declare
    v programs;
    v_action text;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    select * into v from programs where tenant_id = p_tenant and id = p_program for update;
    if not found then raise exception 'no such program' using errcode = 'FF404'; end if;
    if v.revision <> p_revision then raise exception 'stale revision' using errcode = 'FF412'; end if;
    if p_move = 'archive' and v.status = 'active' then
        v_action := 'program.archived';
        update programs set status = 'archived', status_at = now(), next_due = null, revision = revision + 1
            where tenant_id = p_tenant and id = p_program;
    elsif p_move = 'end' and v.status in ('active', 'paused_safety', 'archived') then
        v_action := 'program.ended';
        update programs set status = 'ended', status_at = now(), next_due = null, revision = revision + 1
            where tenant_id = p_tenant and id = p_program;
    elsif p_move = 'restart' and v.status = 'archived'
            -- Neither round a pause for safety, nor back into one.
            and not exists (select from programs where tenant_id = p_tenant and user_id = v.user_id and status = 'paused_safety')
            and not exists (select from check_ins where tenant_id = p_tenant and program_id = p_program
                            and outcome = 'referral' and resumed_at is null)
            and exists (select from sessions where tenant_id = p_tenant and program_id = p_program
                        and status in ('planned', 'started', 'missed')) then
        v_action := 'program.restarted';
        perform app.archive_program(v.user_id);
        update programs set status = 'active', status_at = now(), revision = revision + 1
            where tenant_id = p_tenant and id = p_program;
        perform app.bring_forward(p_program);
    elsif p_move = 'resume' and v.status = 'paused_safety' then
        v_action := 'program.resumed';
        update check_ins set resumed_by = p_user, resumed_at = now(), note = p_note
            where tenant_id = p_tenant and program_id = p_program and outcome = 'referral' and resumed_at is null;
        update programs set status = 'active', status_at = now(), revision = revision + 1
            where tenant_id = p_tenant and id = p_program;
        perform app.bring_forward(p_program);
        perform app.notify_user(v.user_id, 'program_resumed', 'program', p_program);
    else
        return false;
    end if;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, p_user, p_role, v_action, 'program', p_program, v.user_id, p_request);
    return true;
end $$;

-- What somebody says of how they are. A red flag stops the program here and now, and tells everybody it must.
-- Null: there is no such program, or it is not one that is being done.
create function app.check_in(p_tenant uuid, p_user uuid, p_role text, p_id uuid, p_program uuid, p_answers jsonb,
    p_level text, p_flags text[], p_advice text, p_request text)
returns text language plpgsql as $$
declare v programs;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    select * into v from programs where tenant_id = p_tenant and id = p_program and user_id = p_user for update;
    if not found then raise exception 'no such program' using errcode = 'FF404'; end if;
    if v.status not in ('active', 'paused_safety') then return null; end if;
    insert into check_ins (tenant_id, id, program_id, user_id, answers, outcome, level, flags, advice_key)
        values (p_tenant, p_id, p_program, p_user, p_answers, case when p_level is null then 'clear' else 'referral' end,
                p_level, p_flags, p_advice);
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, p_user, p_role, case when p_level is null then 'check_in.made' else 'safety.referral' end,
                'program', p_program, p_user, p_request);
    if p_level is null then return v.status; end if;
    if v.status = 'active' then
        update programs set status = 'paused_safety', status_at = now(), next_due = null, revision = revision + 1
            where tenant_id = p_tenant and id = p_program;
    end if;
    -- A member sees nobody but themselves, and everybody who cares for them has to hear of it.
    perform app.set_context(p_tenant, p_user, 'worker');
    perform app.notify_user(p_user, 'program_paused', 'program', p_program),
            app.notify_staff('program_paused', 'program', p_program, p_user);
    perform app.set_context(p_tenant, p_user, p_role);
    return 'paused_safety';
end $$;

-- Tenants with an active program whose first open session may be past, wherever on earth its person lives.
create function app.tenants_to_catch_up(p_now timestamptz, p_after uuid, p_limit integer) returns table (tenant_id uuid)
language sql stable security definer set search_path = pg_catalog, public as $$
    select distinct p.tenant_id from programs p
    where p.status = 'active' and (p_after is null or p.tenant_id > p_after)
        and (p.next_due is null or p.next_due < (p_now at time zone 'Pacific/Kiritimati')::date)
    order by 1 limit p_limit $$;

create trigger programs_webhook_paused after update of status on programs for each row
    when (new.status = 'paused_safety' and old.status <> 'paused_safety') execute function app.tell_webhooks('program.paused');
create trigger programs_webhook_resumed after update of status on programs for each row
    when (new.status = 'active' and old.status = 'paused_safety') execute function app.tell_webhooks('program.resumed');
drop trigger programs_webhook_ready on programs;
create trigger programs_webhook_ready after update of status on programs for each row
    when (new.status = 'active' and old.status = 'pending_review') execute function app.tell_webhooks('program.ready');

revoke execute on function app.date_reassessment, app.read_calendar, app.open_session, app.note_session,
    app.bring_forward, app.move_program, app.check_in, app.tenants_to_catch_up from public;
grant execute on function app.date_reassessment, app.read_calendar, app.open_session, app.note_session,
    app.bring_forward, app.move_program, app.check_in to ffp_app;
grant execute on function app.tenants_to_catch_up to ffp_relay;
"""


def upgrade() -> None:
    for statements in (PROGRAMS, SESSIONS, FUNCTIONS):
        op.execute(statements)


def downgrade() -> None:
    raise RuntimeError("what people have done and said of their health is not thrown away")
