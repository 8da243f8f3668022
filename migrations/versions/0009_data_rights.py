"""What a person may ask of us: their profile, what they consented to, a copy of their data, and its erasure.

A column named `user_id` in a table of tenants says whose row it is. Erasure goes by it, so a new table cannot forget:
its rows go with their person, unless it is named in app.rows_of_people().
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

IN_TENANT = "tenant_id = (select app.tenant_id())"
OWN = f"{IN_TENANT} and (user_id = (select app.user_id()) or (select app.sees_tenant()))"

PROFILE = """
alter table users add column locale text not null default 'en', add column time_zone text not null default 'UTC',
    drop constraint users_status_check,
    add constraint users_status_check check (status in ('active', 'suspended', 'removed', 'erasing', 'erased'));
grant update (locale, time_zone, revision) on users to ffp_app;

-- As before, but that the last of all may go: with them the business ends.
create or replace function app.keep_an_owner() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(old.tenant_id::text, 2));
    if not exists (select from users u
                   where u.tenant_id = old.tenant_id and u.role = 'business_owner' and u.status = 'active')
        and (case when tg_op = 'DELETE' then exists (select from users u where u.tenant_id = old.tenant_id and u.status = 'active')
                  when new.status = 'erasing' then exists (select from users u where u.tenant_id = old.tenant_id
                                                           and u.status in ('active', 'suspended'))
                  else true end)
    then
        raise exception 'a business has an owner' using errcode = 'FF423';
    end if;
    return null;
end $$;
"""

CONSENTS = f"""
create table consent_texts (
    document text not null check (document in ('terms', 'privacy', 'health_data')),
    version text not null check (version ~ '^[0-9]+([.][0-9]+)*$'),
    content_hash text not null,
    title text not null,
    body text not null,
    published_at timestamptz not null default now(),
    primary key (document, version)
);
grant select on consent_texts to ffp_app;

-- Append-only: what somebody said, and after it what they said next.
create table consents (
    tenant_id uuid not null,
    id uuid not null,
    user_id uuid not null,
    document text not null,
    version text not null,
    given boolean not null,
    at timestamptz not null default now(),
    request_id text,
    primary key (tenant_id, id),
    foreign key (tenant_id, user_id) references users (tenant_id, id),
    foreign key (document, version) references consent_texts (document, version)
);
create index consents_user_idx on consents (tenant_id, user_id, document, at desc);
alter table consents enable row level security, force row level security;
create policy consents_read on consents using ({OWN}) with check ({IN_TENANT} and user_id = (select app.user_id()));
grant select, insert on consents to ffp_app;

-- The version of the consent to the use of health data that this person still has to give here; null where the tenant
-- does not ask for it, or has it.
create function app.missing_consent(p_user uuid) returns text language sql stable as $$
    select t.version
    from (select version from consent_texts where document = 'health_data'
          order by string_to_array(version, '.')::int[] desc limit 1) t
    where exists (select from tenants where id = app.tenant_id() and (settings ->> 'require_consent')::boolean)
        and not coalesce((select c.given and c.version = t.version from consents c
                          where c.tenant_id = app.tenant_id() and c.user_id = p_user and c.document = 'health_data'
                          order by c.at desc, c.id desc limit 1), false) $$;

drop function app.open_submission;
create function app.open_submission(p_tenant uuid, p_user uuid, p_role text, p_assessment uuid, p_route text, p_key text)
returns table (template_id uuid, template_hash text, status text, answers jsonb, revision integer,
               key_hash text, key_job jobs, job_id uuid, missing_consent text)
language plpgsql as $$
begin
    perform app.set_context(p_tenant, p_user, p_role);
    return query
        select a.template_id, t.content_hash, a.status, a.answers, a.revision, k.body_hash,
               jsonb_populate_record(null::jobs, k.response), j.id, app.missing_consent(a.user_id)
        from assessments a
        join templates t on t.id = a.template_id
        left join idempotency_keys k on k.tenant_id = p_tenant and k.user_id = p_user and k.route = p_route and k.key = p_key
            and k.created_at > now() - interval '24 hours'
        left join jobs j on j.tenant_id = a.tenant_id and j.assessment_id = a.id
        where a.tenant_id = p_tenant and a.id = p_assessment;
end $$;
revoke execute on function app.open_submission, app.missing_consent from public;
grant execute on function app.open_submission, app.missing_consent to ffp_app;
"""

JOBS = """
alter table jobs drop constraint jobs_kind_check, drop constraint jobs_stage_check, drop constraint jobs_result_type_check,
    drop constraint jobs_subject_check,
    add constraint jobs_kind_check check (kind in ('assessment', 'email', 'export', 'erasure')),
    add constraint jobs_stage_check check (stage in ('scoring', 'generating', 'sending', 'exporting', 'erasing')),
    add constraint jobs_result_type_check check (result_type in ('program', 'referral', 'export')),
    -- Of an assessment that has been erased there is only the job, and it has ended.
    add constraint jobs_subject_check check ((subject_id is null) = (kind = 'assessment')
        and (assessment_id is null or kind = 'assessment')
        and (assessment_id is not null or kind <> 'assessment' or status in ('succeeded', 'failed', 'canceled')));
"""

EXPORTS = f"""
-- The file is in object storage under tenant/user/id, and gone after `expires_at`. Its job has the same id.
create table exports (
    tenant_id uuid not null,
    id uuid not null,
    user_id uuid not null,
    requested_by uuid not null,
    status text not null default 'preparing' check (status in ('preparing', 'ready')),
    size bigint,
    sha256 text,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    expires_at timestamptz not null default now() + interval '7 days',
    primary key (tenant_id, id),
    foreign key (tenant_id, user_id) references users (tenant_id, id),
    foreign key (tenant_id, requested_by) references users (tenant_id, id),
    check ((status = 'ready') = (size is not null and sha256 is not null and finished_at is not null))
);
create index exports_user_idx on exports (tenant_id, user_id, id desc);
create index exports_expiry_idx on exports (expires_at);
alter table exports enable row level security, force row level security;
-- Not for everybody who cares for the tenant: a whole record in one file is for its person, and for an owner who asked.
create policy exports_own on exports using ({IN_TENANT} and (user_id = (select app.user_id())
    or (select app.role()) = 'worker'
    or (requested_by = (select app.user_id()) and (select app.role()) = 'business_owner')));
grant select, insert, update (status, size, sha256, finished_at, expires_at) on exports to ffp_app;
"""

ERASURES = """
-- Who is to be erased, and when. In this schema because it is looked through for all tenants at once, and for a token
-- that somebody without an account shows.
create table identity.erasures (
    tenant_id uuid not null,
    user_id uuid not null,
    requested_at timestamptz not null default now(),
    due_at timestamptz not null,
    begun_at timestamptz, -- from here on there is no way back
    primary key (tenant_id, user_id),
    foreign key (tenant_id, user_id) references public.users (tenant_id, id)
);
create index erasures_due_idx on identity.erasures (due_at);
-- One row an e-mail that went out. The token itself is in that e-mail and nowhere else.
create table identity.erasure_tokens (
    token_hash bytea primary key,
    tenant_id uuid not null,
    user_id uuid not null,
    foreign key (tenant_id, user_id) references identity.erasures (tenant_id, user_id) on delete cascade
);
create index erasure_tokens_user_idx on identity.erasure_tokens (tenant_id, user_id);

-- Ends a person's access now and has them erased later. `made` is false for somebody already on that way. FF423 for the
-- last owner of a business that has other people (app.keep_an_owner).
create function app.schedule_erasure(p_tenant uuid, p_user uuid, p_role text, p_delay_s double precision, p_request text)
returns table (due_at timestamptz, made boolean)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v_status text;
    v_due timestamptz;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    select u.status into v_status from users u where u.tenant_id = p_tenant and u.id = p_user for update;
    if v_status = 'erasing' then
        return query select e.due_at, false from identity.erasures e where e.tenant_id = p_tenant and e.user_id = p_user;
        return;
    end if;
    if v_status is distinct from 'active' then raise exception 'no such person' using errcode = 'FF404'; end if;
    update users set status = 'erasing' where tenant_id = p_tenant and id = p_user;
    insert into identity.erasures as e (tenant_id, user_id, due_at)
        values (p_tenant, p_user, now() + make_interval(secs => p_delay_s))
        returning e.due_at into v_due;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, p_user, p_role, 'erasure.requested', 'user', p_user, p_user, p_request);
    return query select v_due, true;
end $$;

-- Whether the erasure can still be taken back, and then with this token.
create function app.add_erasure_token(p_tenant uuid, p_user uuid, p_role text, p_person uuid, p_hash bytea) returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    insert into identity.erasure_tokens (token_hash, tenant_id, user_id)
        select p_hash, e.tenant_id, e.user_id from identity.erasures e
        where e.tenant_id = p_tenant and e.user_id = p_person and e.begun_at is null;
    return found;
end $$;

-- The way back, as long as nothing has been erased.
create function app.undo_erasure(p_tenant uuid, p_user uuid, p_role text, p_person uuid, p_request text) returns boolean
language plpgsql as $$
begin
    delete from identity.erasures where tenant_id = p_tenant and user_id = p_person and begun_at is null;
    if not found then return false; end if;
    update users set status = 'active' where tenant_id = p_tenant and id = p_person and status = 'erasing';
    update jobs set status = 'canceled', lease_until = null, revision = revision + 1, updated_at = now(), finished_at = now()
        where tenant_id = p_tenant and kind = 'erasure' and subject_id = p_person
            and status not in ('succeeded', 'failed', 'canceled');
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, p_user, p_role, 'erasure.canceled', 'user', p_person, p_person, p_request);
    return true;
end $$;

-- By somebody who runs the person's business.
create function app.restore_person(p_tenant uuid, p_user uuid, p_role text, p_person uuid, p_request text) returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform app.set_context(p_tenant, p_user, p_role);
    return app.undo_erasure(p_tenant, p_user, p_role, p_person, p_request);
end $$;

-- By the person, who has no access any more: with the token that was sent to them.
create function app.cancel_erasure(p_token_hash bytea, p_request text) returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
declare v identity.erasure_tokens;
begin
    select * into v from identity.erasure_tokens where token_hash = p_token_hash;
    if not found then return false; end if;
    perform app.set_context(v.tenant_id, v.user_id, 'worker');
    return app.undo_erasure(v.tenant_id, v.user_id, (select role from users where tenant_id = v.tenant_id and id = v.user_id),
                            v.user_id, p_request);
end $$;

-- A job for everybody whose time has come; where one is under way, or dead, that one. For the sweeper.
create function app.enqueue_erasures(p_most integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v record;
    v_id uuid;
    v_made integer := 0;
begin
    for v in select e.tenant_id, e.user_id from identity.erasures e where e.due_at <= now()
             order by e.due_at limit p_most for update skip locked loop
        perform app.set_context(v.tenant_id, null, 'worker');
        v_id := gen_random_uuid();
        insert into jobs (tenant_id, id, user_id, kind, stage, subject_id, correlation_id)
            values (v.tenant_id, v_id, v.user_id, 'erasure', 'erasing', v.user_id, v_id::text)
            on conflict (tenant_id, kind, subject_id) where status in ('queued', 'running', 'retrying', 'dead') do nothing;
        if found then v_made := v_made + 1; end if;
    end loop;
    perform app.set_context(null, null, null);
    return v_made;
end $$;
"""

ERASE = """
-- Tables whose rows are a person's, those first that others do not refer to. Not the job: it stays, without its links.
create function app.rows_of_people() returns table (rows_of regclass, place integer) language sql stable
set search_path = pg_catalog, public as $$
    with recursive personal as (
        select c.oid from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'jobs'),
    refers as (
        select distinct conrelid as child, confrelid as parent from pg_constraint
        where contype = 'f' and conrelid <> confrelid and conrelid in (select oid from personal)),
    above (oid, place) as (
        select oid, 0 from personal
        union all select r.parent, above.place + 1 from above join refers r on r.child = above.oid where above.place < 20)
    select oid::regclass, max(place) from above where oid in (select oid from personal) group by oid order by 2, 1 $$;

-- The point of no return. Ends what is under way for the person, and says who they are to Cognito. No row: their time
-- has not come, or they have been restored, or are erased already.
create function app.begin_erasure(p_tenant uuid, p_user uuid, p_role text, p_person uuid) returns table (subs text[])
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform app.set_context(p_tenant, p_user, 'worker');
    update identity.erasures set begun_at = coalesce(begun_at, now())
        where tenant_id = p_tenant and user_id = p_person and due_at <= now();
    if not found then return; end if;
    update jobs set status = 'canceled', lease_until = null, revision = revision + 1, updated_at = now(), finished_at = now()
        where tenant_id = p_tenant and user_id = p_person and kind <> 'erasure'
            and status not in ('succeeded', 'failed', 'canceled');
    -- What others have been told about the person's assessments and programs.
    delete from notifications n where n.tenant_id = p_tenant and n.subject_id in (
        select id from assessments where tenant_id = p_tenant and user_id = p_person
        union all select id from programs where tenant_id = p_tenant and user_id = p_person);
    return query select coalesce(array_agg(p.sub), '{}') from identity.principals p
        where p.tenant_id = p_tenant and p.user_id = p_person;
end $$;

-- Deletes at most about `p_most` rows of somebody whose erasure has begun. True: none is left, and nothing of this
-- database tells any more who they were. Audit rows, the job and the user's row stay, with an id that means nobody.
create function app.erase_person(p_tenant uuid, p_user uuid, p_role text, p_person uuid, p_most integer) returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v_left integer := p_most;
    v_gone integer;
    v_table regclass;
    v_email text;
begin
    perform app.set_context(p_tenant, p_user, 'worker');
    perform from identity.erasures where tenant_id = p_tenant and user_id = p_person and begun_at is not null for update;
    if not found then raise exception 'not to be erased' using errcode = 'FF404'; end if;
    select email into v_email from users where tenant_id = p_tenant and id = p_person;
    -- The tables that have no index by person are reached through their parents.
    delete from prescribed_exercises where (tenant_id, session_id, position) in (
        select i.tenant_id, i.session_id, i.position from programs p
        join sessions s on s.tenant_id = p.tenant_id and s.program_id = p.id
        join prescribed_exercises i on i.tenant_id = s.tenant_id and i.session_id = s.id
        where p.tenant_id = p_tenant and p.user_id = p_person limit v_left);
    get diagnostics v_gone = row_count;
    v_left := v_left - v_gone;
    if v_left <= 0 then return false; end if;
    delete from sessions s using programs p
        where p.tenant_id = p_tenant and p.user_id = p_person and s.tenant_id = p.tenant_id and s.program_id = p.id;
    delete from scores c using submissions s
        where s.tenant_id = p_tenant and s.user_id = p_person and c.tenant_id = s.tenant_id and c.submission_id = s.id;
    update jobs set assessment_id = null, result_type = null, result_id = null, review = null, traceparent = null
        where tenant_id = p_tenant and user_id = p_person and kind <> 'erasure'
            and (assessment_id is not null or result_id is not null or traceparent is not null);
    for v_table in select rows_of from app.rows_of_people()
                   where rows_of not in ('prescribed_exercises'::regclass, 'sessions'::regclass, 'scores'::regclass) loop
        execute format('delete from %1$s where ctid = any (array(
            select ctid from %1$s where tenant_id = $1 and user_id = $2 limit $3))', v_table)
            using p_tenant, p_person, v_left;
        get diagnostics v_gone = row_count;
        v_left := v_left - v_gone;
        if v_left <= 0 then return false; end if;
    end loop;
    delete from invitations where tenant_id = p_tenant and lower(email) = lower(v_email);
    delete from emails where tenant_id = p_tenant and lower(address) = lower(v_email);
    delete from identity.codes where subject in (
        select sub from identity.principals where tenant_id = p_tenant and user_id = p_person union all select lower(v_email));
    delete from identity.registrations where email = lower(v_email);
    delete from identity.principals where tenant_id = p_tenant and user_id = p_person;
    update users set email = 'erased-' || id || '@erased.invalid', display_name = '', preferences = '{}', locale = 'en',
            time_zone = 'UTC', status = 'erased', parent_business_id = null
        where tenant_id = p_tenant and id = p_person;
    delete from identity.erasures where tenant_id = p_tenant and user_id = p_person;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, null, 'worker', 'user.erased', 'user', p_person, p_person, null);
    perform app.close_tenant(p_tenant);
    return true;
end $$;

-- Where nobody is left who could sign in, those who were removed before are erased as well; after the last of them the
-- tenant keeps nothing but its id, for the audit log.
create function app.close_tenant(p_tenant uuid) returns void language plpgsql as $$
begin
    if exists (select from users where tenant_id = p_tenant and status in ('active', 'suspended', 'erasing')) then return; end if;
    insert into identity.erasures (tenant_id, user_id, due_at)
        select tenant_id, id, now() from users where tenant_id = p_tenant and status = 'removed'
        on conflict do nothing;
    if found then
        update users set status = 'erasing' where tenant_id = p_tenant and status = 'removed';
        return;
    end if;
    delete from templates where tenant_id = p_tenant;
    delete from idempotency_keys where tenant_id = p_tenant;
    update tenants set slug = 'erased-' || id, name = '', settings = '{}' where id = p_tenant;
end $$;

revoke execute on function app.schedule_erasure, app.add_erasure_token, app.undo_erasure, app.restore_person, app.cancel_erasure,
    app.enqueue_erasures, app.rows_of_people, app.begin_erasure, app.erase_person, app.close_tenant from public;
grant execute on function app.schedule_erasure, app.add_erasure_token, app.restore_person, app.cancel_erasure, app.begin_erasure,
    app.erase_person to ffp_app;
grant execute on function app.enqueue_erasures to ffp_relay;
-- The tenant's own row and templates, which nobody else may change or delete.
create policy tenants_close on tenants for update to ffp_owner
    using (id = (select app.tenant_id())) with check (id = (select app.tenant_id()));
create policy invitations_erase on invitations for delete to ffp_owner
    using (tenant_id = (select app.tenant_id()) and (select app.role()) = 'worker');
"""

# The sweeper sees, and may delete, only what is past the shortest period that any environment may choose.
RETENTION = """
create index notifications_read_idx on notifications (read_at) where read_at is not null;
create index attempts_started_idx on attempts using brin (started_at);
grant select (tenant_id, id, read_at), delete on notifications to ffp_relay;
create policy notifications_expire on notifications to ffp_relay using (read_at < now() - interval '30 days');
grant select (tenant_id, job_id, stage, number, started_at), delete on attempts to ffp_relay;
create policy attempts_expire on attempts to ffp_relay using (started_at < now() - interval '7 days');
grant select (tenant_id, id, expires_at), delete on exports to ffp_relay;
create policy exports_expire on exports to ffp_relay using (expires_at < now());
create index emails_created_idx on emails using brin (created_at);
grant select (tenant_id, id, created_at), delete on emails to ffp_relay;
create policy emails_expire on emails to ffp_relay using (created_at < now() - interval '30 days');
"""


def upgrade() -> None:
    for statements in (PROFILE, CONSENTS, JOBS, EXPORTS, ERASURES, ERASE, RETENTION):
        op.execute(statements)


def downgrade() -> None:
    raise RuntimeError("what people consented to, and who is to be erased, is not thrown away")
