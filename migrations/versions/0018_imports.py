"""Imports: a file of members, of answers or of orders for programs, what was found in it, and what became of each row.

`import_rows` holds the file as it was read, row by row, so that what is applied is what was looked at. A row that is
about somebody who is here says so in `user_id`: their export shows it and their erasure takes it away. One that names
somebody by address only goes with them as well (`users_forget`), and all of them after 30 days.

What is written for a row is written by the functions that write it for a single request: `import_assessment` calls
them one after the other.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

IN_TENANT = "tenant_id = (select app.tenant_id())"
STAFF = f"{IN_TENANT} and (select app.sees_tenant())"

EXTERNAL_IDS = f"""
-- What the business itself calls somebody.
alter table users add column external_id text check (length(external_id) between 1 and 100);
create unique index users_external_key on users (tenant_id, external_id);
alter table invitations add column external_id text check (length(external_id) between 1 and 100),
    add column imported boolean not null default false;
grant insert (tenant_id, id, email, display_name, role, parent_business_id, external_id) on users to ffp_app;
grant update (external_id) on users to ffp_app;

-- A worker invites for whoever ordered an import; the service has looked at what they may.
create policy invitations_import on invitations for insert
    with check ({IN_TENANT} and (select app.role()) = 'worker' and imported);

-- Who accepts is called what the invitation said, unless somebody is called so already.
create function app.keep_external_id() returns trigger language plpgsql as $$
begin
    update users u set external_id = new.external_id
        where u.tenant_id = new.tenant_id and u.id = new.user_id and u.external_id is null
            and not exists (select from users o where o.tenant_id = new.tenant_id and o.external_id = new.external_id);
    return null;
end $$;
create trigger invitations_external_id after update of status on invitations for each row
    when (new.status = 'accepted' and old.status <> 'accepted' and new.external_id is not null)
    execute function app.keep_external_id();
"""

TABLES = f"""
create table imports (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    created_by uuid not null,
    kind text not null check (kind in ('members', 'assessments', 'programs')),
    mode text not null check (mode in ('validate_only', 'best_effort', 'atomic')),
    on_duplicate text not null check (on_duplicate in ('skip', 'update', 'fail')),
    options jsonb not null default '{{}}', -- mapping of columns, template, how members come in
    status text not null default 'uploading' check (status in ('uploading', 'validating', 'invalid', 'ready', 'waiting',
        'running', 'paused', 'completed', 'failed', 'canceled', 'undoing', 'undone')),
    revision integer not null default 1,
    format text,
    size bigint,
    sha256 text,
    columns jsonb not null default '[]', -- as the file has them
    staged integer not null default 0,   -- how many rows have been read
    last_row integer not null default 0, -- and the number of the last one
    position integer not null default 0, -- the number of the last row that a chunk came to
    counts jsonb not null default '{{}}', -- what validation found: create, update, skip, fail
    done integer not null default 0,
    skipped integer not null default 0,
    failed integer not null default 0,
    undone integer not null default 0,
    to_do integer not null default 0,      -- rows of this run
    run_started_at timestamptz,            -- of this run, and of the work after each pause
    run_base integer not null default 0,   -- rows that were done with when it started
    error_code text,
    error_row integer,
    correlation_id text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    validated_at timestamptz,
    confirmed_at timestamptz,
    finished_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, created_by) references users (tenant_id, id)
);
-- One at a time in a tenant; the others wait.
create unique index imports_running_key on imports (tenant_id) where status in ('running', 'undoing');
alter table imports enable row level security, force row level security;
create policy imports_staff on imports using ({STAFF}) with check ({STAFF});
grant select, insert on imports to ffp_app;
grant update (status, revision, format, size, sha256, columns, staged, last_row, position, counts, done, skipped, failed,
    undone, to_do, run_started_at, run_base, error_code, error_row, updated_at, validated_at, confirmed_at, finished_at)
    on imports to ffp_app;

create table import_rows (
    tenant_id uuid not null,
    import_id uuid not null,
    number integer not null, -- as a spreadsheet shows it
    user_id uuid,            -- whom it is about, where they are here
    key text,                -- what no second row of the file may have
    email text,
    cells jsonb not null,
    action text check (action in ('create', 'update')),
    status text not null check (status in ('pending', 'skipped', 'failed', 'done', 'undone')),
    issues jsonb not null default '[]', -- column and code; never a value
    result_type text,
    result_id uuid,
    before jsonb, -- what undo puts back
    created_at timestamptz not null default now(),
    primary key (tenant_id, import_id, number),
    foreign key (tenant_id, import_id) references imports (tenant_id, id)
);
create index import_rows_user_idx on import_rows (tenant_id, user_id) where user_id is not null;
create index import_rows_created_idx on import_rows using brin (created_at);
alter table import_rows enable row level security, force row level security;
create policy import_rows_staff on import_rows using ({STAFF}) with check ({STAFF});
create policy import_rows_own on import_rows for select using ({IN_TENANT} and user_id = (select app.user_id()));
grant select, insert on import_rows to ffp_app;
grant update (user_id, action, status, issues, result_type, result_id, before) on import_rows to ffp_app;
grant select (tenant_id, import_id, number, created_at), delete on import_rows to ffp_relay;
create policy import_rows_expire on import_rows to ffp_relay using (created_at < now() - interval '30 days');

create function app.tell_import() returns trigger language plpgsql as $$
begin
    perform pg_notify('ffp_changes', concat_ws(' ', 'import', new.tenant_id, new.created_by, new.id));
    return null;
end $$;
create trigger imports_tell after update on imports for each row
    when (old.revision is distinct from new.revision) execute function app.tell_import();

-- Erased: neither what the business called them nor a row with their address is left.
create function app.forget_in_imports() returns trigger language plpgsql as $$
begin
    delete from import_rows r where r.tenant_id = old.tenant_id and r.email = lower(old.email);
    new.external_id := null;
    return new;
end $$;
create trigger users_forget before update of status on users for each row
    when (new.status = 'erased' and old.status <> 'erased') execute function app.forget_in_imports();
"""

WORK = """
-- The answers of one chunk of rows: started, submitted, scored and made a program of, each by the function that does it
-- for a single request. A row that may not be is told by its code and leaves nothing; the others are not concerned.
-- Each row: number, user_id, template_id, slug, assessment, job, submission, answers, enabled, computed, answered_on,
-- correlation, key, score, referral, program, plan, refused (the code for which no program can be made).
create function app.import_assessments(
    p_tenant uuid, p_user uuid, p_role text, p_actor uuid, p_actor_role text, p_engine_version text, p_again boolean,
    p_lease_s double precision, p_worker text, p_rows jsonb)
returns table (number integer, code text)
language plpgsql as $$
declare
    r record;
    v_sync text := current_setting('synchronous_commit');
begin
    for r in select * from jsonb_to_recordset(p_rows) as x (
            number integer, user_id uuid, template_id uuid, slug text, assessment uuid, job uuid, submission uuid,
            answers jsonb, enabled jsonb, computed jsonb, answered_on date, correlation text, key text, score jsonb,
            referral boolean, program jsonb, plan jsonb, refused text)
    loop
        number := r.number;
        code := null;
        begin
            perform app.set_context(p_tenant, p_actor, p_actor_role);
            code := case
                when not exists (select from users u where u.tenant_id = p_tenant and u.id = r.user_id and u.status = 'active')
                    then 'unknown_member'
                when app.missing_consent(r.user_id) is not null then 'consent_required'
                when not p_again and exists (select from submissions s where s.tenant_id = p_tenant
                    and s.user_id = r.user_id and s.template_slug = r.slug) then 'already_there' end;
            if code is null then
                insert into assessments (tenant_id, id, user_id, template_id)
                    values (p_tenant, r.assessment, r.user_id, r.template_id)
                    on conflict (tenant_id, user_id, template_id) where status = 'draft' do nothing;
                if not found then code := 'draft_open'; end if;
            end if;
            if code is null then
                insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
                    values (p_tenant, p_actor, p_actor_role, 'assessment.started', 'assessment', r.assessment, r.user_id, r.correlation);
                perform app.submit_assessment(p_tenant, p_actor, p_actor_role, r.assessment, 1, 'imports', r.key, r.key, r.job,
                    r.submission, r.answers, r.enabled, r.computed, r.answered_on, p_engine_version, r.correlation, null);
                perform app.claim_job(p_tenant, null, 'worker', r.job, 'scoring', p_lease_s, p_worker);
                perform app.finish_scoring(p_tenant, null, 'worker', r.job, 1, p_engine_version, r.score, r.referral);
                if not r.referral then
                    perform app.claim_job(p_tenant, null, 'worker', r.job, 'generating', p_lease_s, p_worker);
                    if r.refused is not null then
                        perform app.end_attempt(p_tenant, null, 'worker', r.job, 'generating', 1, 'failed', r.refused,
                            null, '{}', null);
                    else
                        perform app.finish_generation(p_tenant, null, 'worker', r.job, 1, r.program, r.plan);
                    end if;
                end if;
            end if;
        exception
            when unique_violation or foreign_key_violation or sqlstate 'FF403' or sqlstate 'FF404' or sqlstate 'FF409' then
                code := 'conflict';
        end;
        return next;
    end loop;
    -- A claim by itself need not survive a crash of the server; these effects must.
    perform app.set_context(p_tenant, p_user, p_role), set_config('synchronous_commit', v_sync, true);
end $$;

revoke execute on function app.keep_external_id, app.tell_import, app.forget_in_imports, app.import_assessments from public;
grant execute on function app.keep_external_id, app.tell_import, app.forget_in_imports, app.import_assessments to ffp_app;
"""


def upgrade() -> None:
    for statements in (EXTERNAL_IDS, TABLES, WORK):
        op.execute(statements)


def downgrade() -> None:
    op.execute("""
        drop function app.import_assessments;
        drop trigger users_forget on users;
        drop table import_rows, imports;
        drop function app.forget_in_imports, app.tell_import;
        drop trigger invitations_external_id on invitations;
        drop function app.keep_external_id;
        drop policy invitations_import on invitations;
        alter table invitations drop column external_id, drop column imported;
        drop index users_external_key;
        alter table users drop column external_id;
    """)
