"""What has come of doing a program: outcomes in one read, calendar feeds, programs on paper, reminders."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

IN_TENANT = "tenant_id = (select app.tenant_id())"
OWN = f"{IN_TENANT} and (user_id = (select app.user_id()) or (select app.sees_tenant()))"
MINE = f"{IN_TENANT} and user_id = (select app.user_id())"

TABLES = f"""
-- An address from which a calendar reads somebody's sessions. Who has it reads them, so only its hash is kept.
create table feeds (
    tenant_id uuid not null,
    id uuid not null,
    user_id uuid not null,
    token_hash bytea not null,
    starts_at time,                    -- the wall clock's time at which sessions are shown; null: as whole days
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index feeds_user_idx on feeds (tenant_id, user_id);
create index feeds_token_idx on feeds (token_hash) where revoked_at is null;

-- A program on paper; its job has the same id.
create table reports (
    tenant_id uuid not null,
    id uuid not null,
    user_id uuid not null,             -- whose program it is
    program_id uuid not null,
    status text not null default 'preparing' check (status in ('preparing', 'ready')),
    size bigint,
    sha256 text,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    expires_at timestamptz not null default now() + interval '7 days', -- the bucket deletes the file after as many
    primary key (tenant_id, id),
    foreign key (tenant_id, program_id) references programs (tenant_id, id) on delete cascade
);
create index reports_program_idx on reports (tenant_id, program_id);
create index reports_user_idx on reports (tenant_id, user_id);
create index reports_expiry_idx on reports (expires_at);

-- Of what somebody has been reminded, once a kind and day of theirs.
create table reminders (
    tenant_id uuid not null,
    user_id uuid not null,
    kind text not null check (kind in ('session', 'reassessment')),
    on_day date not null,              -- where they live
    subject_id uuid not null,          -- the session, or the program
    created_at timestamptz not null default now(),
    primary key (tenant_id, user_id, kind, on_day),
    foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index reminders_age_idx on reminders using brin (created_at);

alter table feeds enable row level security, force row level security;
alter table reports enable row level security, force row level security;
alter table reminders enable row level security, force row level security;
-- An address is its owner's, and nobody's who cares for them; workers erase.
create policy feeds_own on feeds
    using ({IN_TENANT} and (user_id = (select app.user_id()) or (select app.role()) = 'worker')) with check ({MINE});
create policy feeds_owner on feeds for select to ffp_owner using (true);
create policy reports_own on reports using ({OWN}) with check ({OWN});
create policy reminders_own on reminders using ({OWN}) with check ({IN_TENANT} and (select app.role()) = 'worker');
grant select, insert (tenant_id, id, user_id, token_hash, starts_at), update (revoked_at) on feeds to ffp_app;
grant select, insert (tenant_id, id, user_id, program_id), update (status, size, sha256, finished_at, expires_at)
    on reports to ffp_app;
grant select, insert on reminders to ffp_app;
grant select (tenant_id, id, expires_at), delete on reports to ffp_relay;
create policy reports_expire on reports to ffp_relay using (expires_at < now());
grant select (tenant_id, user_id, kind, on_day, created_at), delete on reminders to ffp_relay;
create policy reminders_expire on reminders to ffp_relay using (created_at < now() - interval '60 days');
"""

FUNCTIONS = """
-- Everything that outcomes are made of, in one read. What a member may not see is not in it: the policies say what
-- that is. Who reads of somebody else leaves an audit row. FF404: there is no such person for the caller.
create function app.read_outcomes(p_tenant uuid, p_user uuid, p_role text, p_person uuid, p_request text)
returns table (today date, attempts jsonb, sessions jsonb, pain jsonb)
language plpgsql as $$
declare
    v_zone text;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    select u.time_zone into v_zone from users u where u.tenant_id = p_tenant and u.id = p_person and u.status <> 'erased';
    if not found then raise exception 'no such person' using errcode = 'FF404'; end if;
    if p_user is distinct from p_person then
        insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
            values (p_tenant, p_user, p_role, 'outcomes.read', 'user', p_person, p_person, p_request);
    end if;
    return query select (now() at time zone v_zone)::date,
        (select coalesce(jsonb_agg(jsonb_build_object('template', a.template_slug, 'number', a.attempt_number,
                                                      'at', a.submitted_at, 'scores', a.scores)
                                   order by a.submitted_at, a.attempt_number), '[]')
         from (select s.template_slug, s.attempt_number, s.submitted_at, c.result -> 'scores' as scores
               from submissions s join scores c on c.tenant_id = s.tenant_id and c.submission_id = s.id
               where s.tenant_id = p_tenant and s.user_id = p_person order by s.submitted_at desc limit 200) a),
        (select coalesce(jsonb_agg(jsonb_build_object(
                    'planned_on', coalesce(s.planned_on, s.scheduled_on), 'scheduled_on', s.scheduled_on,
                    'status', s.status, 'done_on', (s.finished_at at time zone v_zone)::date,
                    'counted_from', p.counted_from,
                    'until', case when p.status <> 'active' then (p.status_at at time zone v_zone)::date end)), '[]')
         from programs p join sessions s on s.tenant_id = p.tenant_id and s.program_id = p.id
         where p.tenant_id = p_tenant and p.user_id = p_person
            and p.status in ('active', 'paused_safety', 'archived', 'ended')),
        (select coalesce(jsonb_agg(jsonb_build_object('at', f.finished_at, 'during', f.during, 'after', f.after)
                                   order by f.finished_at), '[]')
         from (select s.finished_at, max(r.pain_during) as during, max(r.pain_after_24h) as after
               from sessions s join exercise_results r on r.tenant_id = s.tenant_id and r.session_id = s.id
               where s.tenant_id = p_tenant and s.user_id = p_person and s.status = 'done'
               group by s.id, s.finished_at order by s.finished_at desc limit 500) f);
end $$;

-- Whose calendar an address is of. No row: unknown, revoked, or its owner has no access any more.
create function app.find_feed(p_hash bytea)
returns table (tenant_id uuid, user_id uuid, starts_at time, created_at timestamptz, time_zone text)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare v feeds;
begin
    select * into v from feeds f where f.token_hash = p_hash and f.revoked_at is null;
    if not found then return; end if;
    perform app.set_context(v.tenant_id, v.user_id, 'worker');
    return query select v.tenant_id, v.user_id, v.starts_at, v.created_at, u.time_zone
        from users u where u.tenant_id = v.tenant_id and u.id = v.user_id and u.status = 'active';
end $$;

-- Remind of what is still to be done: the row, the e-mail and its job are one commit, and a second time finds the row.
-- Returns how many were reminded.
create function app.remind(p_tenant uuid, p_user uuid, p_role text, p_reminders jsonb) returns integer
language plpgsql as $$
declare
    r record;
    v_made integer := 0;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    for r in select * from jsonb_to_recordset(p_reminders) as x (person uuid, kind text, on_day date, subject uuid) loop
        insert into reminders (tenant_id, user_id, kind, on_day, subject_id)
            select p_tenant, r.person, r.kind, r.on_day, r.subject
            where case r.kind when 'session' then exists (
                    select from sessions s join programs p on p.tenant_id = s.tenant_id and p.id = s.program_id
                    where s.tenant_id = p_tenant and s.id = r.subject and s.user_id = r.person
                        and s.status in ('planned', 'missed') and s.scheduled_on = r.on_day and p.status = 'active')
                else exists (select from programs p where p.tenant_id = p_tenant and p.id = r.subject
                        and p.user_id = r.person and p.status = 'active') end
            on conflict do nothing;
        continue when not found;
        v_made := v_made + 1;
        if r.kind = 'session' then
            perform app.email_user(r.person, 'session_due', r.subject);
        else
            perform app.notify_user(r.person, 'reassessment_due', 'program', r.subject);
        end if;
    end loop;
    return v_made;
end $$;

-- Tenants in which somebody does a program.
create function app.tenants_to_remind(p_after uuid, p_limit integer) returns table (tenant_id uuid)
language sql stable security definer set search_path = pg_catalog, public as $$
    select distinct p.tenant_id from programs p
    where p.status = 'active' and (p_after is null or p.tenant_id > p_after)
    order by 1 limit p_limit $$;

create or replace function app.tell_webhooks() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v_subject uuid;
begin
    if tg_argv[0] in ('session.due', 'program.reassessment_due') then v_subject := new.subject_id;
    elsif tg_argv[0] = 'referral.made' then v_subject := new.assessment_id;
    else v_subject := new.id; end if;
    insert into webhook_deliveries (tenant_id, id, endpoint_id, type, subject_id, status, next_at)
        select e.tenant_id, gen_random_uuid(), e.id, tg_argv[0], v_subject,
            case when e.enabled then 'pending' else 'skipped' end, case when e.enabled then now() end
        from webhook_endpoints e
        where e.tenant_id = new.tenant_id and e.deleted_at is null and (e.events = '{}' or tg_argv[0] = any (e.events));
    return null;
end $$;
-- Whoever asks somebody for a new assessment (after a gap, after pain) has reminded them of it.
create function app.note_reminder() returns trigger language plpgsql as $$
begin
    insert into reminders (tenant_id, user_id, kind, on_day, subject_id)
        select new.tenant_id, new.user_id, 'reassessment', (now() at time zone u.time_zone)::date, new.subject_id
        from programs p join users u on u.tenant_id = p.tenant_id and u.id = p.user_id
        where p.tenant_id = new.tenant_id and p.id = new.subject_id and p.user_id = new.user_id -- staff are told as well
        on conflict do nothing;
    return null;
end $$;
create trigger notifications_reminder after insert on notifications for each row
    when (new.kind = 'reassessment_due') execute function app.note_reminder();

create trigger reminders_webhook_session after insert on reminders for each row
    when (new.kind = 'session') execute function app.tell_webhooks('session.due');
create trigger reminders_webhook_reassessment after insert on reminders for each row
    when (new.kind = 'reassessment') execute function app.tell_webhooks('program.reassessment_due');

revoke execute on function app.read_outcomes, app.find_feed, app.remind, app.note_reminder, app.tenants_to_remind from public;
grant execute on function app.read_outcomes, app.find_feed, app.remind, app.note_reminder to ffp_app;
grant execute on function app.tenants_to_remind to ffp_relay;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTIONS)


def downgrade() -> None:
    raise RuntimeError("calendars read from these addresses, and people would be reminded twice")
