"""Members of a business, the invitations that bring them, and the e-mails that tell people.

Who may do what to whom is enforced here as well as in the API: `guard_user` looks at every change of a role or a
status, and a business is never without an owner. An invitation's token exists in its e-mail only; its hash lies in a
schema that no service reads.

SQLSTATEs raised here and translated in infra/database.py: FF403 not allowed, FF423 the last owner.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

IN_TENANT = "tenant_id = (select app.tenant_id())"
OWNING = "(select app.role()) in ('business_owner', 'business_admin')"

EMAILS = f"""
create table emails (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    user_id uuid, -- null: to somebody who is not, or not yet, of the tenant
    address text not null,
    kind text not null,
    params jsonb not null default '{{}}', -- what the text names; never health data
    status text not null default 'queued' check (status in ('queued', 'sent', 'failed', 'suppressed')),
    message_id text, -- the mail service's
    created_at timestamptz not null default now(),
    sent_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, user_id) references users (tenant_id, id)
);
alter table emails enable row level security, force row level security;
-- Anybody's work may cause an e-mail; only the worker that sends it reads it.
create policy emails_queue on emails for insert with check ({IN_TENANT});
create policy emails_work on emails for all using ({IN_TENANT} and (select app.role()) = 'worker');
grant select, insert on emails to ffp_app;
grant update (status, message_id, sent_at) on emails to ffp_app;

alter table jobs drop constraint jobs_kind_check, drop constraint jobs_stage_check,
    add constraint jobs_kind_check check (kind in ('assessment', 'email')),
    add constraint jobs_stage_check check (stage in ('scoring', 'generating', 'sending'));

-- An e-mail to somebody of the tenant, unless they do not want this kind: with its job, in the outbox at commit.
create function app.email_user(p_user uuid, p_kind text, p_subject uuid) returns void
language plpgsql as $$
declare
    v_id uuid := gen_random_uuid();
    v_address text;
begin
    select u.email into v_address from users u
        where u.tenant_id = app.tenant_id() and u.id = p_user and u.status = 'active'
            and coalesce((u.preferences -> 'email' ->> p_kind)::boolean, true);
    if not found then return; end if;
    insert into emails (tenant_id, id, user_id, address, kind, params)
        values (app.tenant_id(), v_id, p_user, v_address, p_kind, jsonb_build_object('subject', p_subject));
    insert into jobs (tenant_id, id, user_id, kind, stage, subject_id, correlation_id)
        values (app.tenant_id(), gen_random_uuid(), p_user, 'email', 'sending', v_id,
                coalesce(app.correlation_of(p_subject), v_id::text));
end $$;

-- The request behind an assessment or a program.
create function app.correlation_of(p_subject uuid) returns text language sql stable as $$
    select coalesce(
        (select j.correlation_id from jobs j where j.tenant_id = app.tenant_id() and j.assessment_id = p_subject),
        (select j.correlation_id from programs p join jobs j on j.tenant_id = p.tenant_id and j.id = p.job_id
         where p.tenant_id = app.tenant_id() and p.id = p_subject)) $$;

create or replace function app.notify_staff(p_kind text, p_subject_type text, p_subject uuid, p_except uuid) returns void
language plpgsql as $$
declare v_user uuid;
begin
    for v_user in select u.id from users u
        where u.tenant_id = app.tenant_id() and u.status = 'active' and u.id is distinct from p_except
            and u.role in ('business_owner', 'business_admin', 'clinician')
    loop
        perform app.notify_user(v_user, p_kind, p_subject_type, p_subject);
    end loop;
end $$;

create or replace function app.notify_user(p_user uuid, p_kind text, p_subject_type text, p_subject uuid) returns void
language plpgsql as $$
begin
    insert into notifications (tenant_id, id, user_id, kind, subject_type, subject_id)
        values (app.tenant_id(), gen_random_uuid(), p_user, p_kind, p_subject_type, p_subject);
    if p_kind <> 'program_rejected' then -- the clinic itself gets in touch
        perform app.email_user(p_user, p_kind, p_subject);
    end if;
end $$;
"""

MEMBERS = f"""
alter table users add column preferences jsonb not null default '{{}}', add column revision integer not null default 1;

-- A member sees themselves: neither who else comes to the clinic, nor anybody's address.
drop policy users_tenant on users;
create policy users_read on users for select
    using ({IN_TENANT} and ((select app.sees_tenant()) or id = (select app.user_id())));
create policy users_join on users for insert
    with check ({IN_TENANT} and (id = (select app.user_id()) or (select app.role()) = 'worker'));
create policy users_change on users for update
    using ({IN_TENANT} and (id = (select app.user_id()) or {OWNING} or (select app.role()) = 'worker'))
    with check ({IN_TENANT});
create policy users_erase on users for delete using ({IN_TENANT} and (select app.role()) = 'worker');
grant update (role, status, display_name, preferences) on users to ffp_app;
create index users_joined_idx on users (tenant_id, created_at, id);

create function app.guard_user() returns trigger language plpgsql as $$
declare
    v_role text := app.role();
begin
    if (new.role, new.status, new.display_name, new.email) is distinct from
            (old.role, old.status, old.display_name, old.email) then
        new.revision := old.revision + 1;
    end if;
    if (new.role, new.status) is not distinct from (old.role, old.status)
            or current_user <> 'ffp_app' or v_role = 'worker' then
        return new;
    end if;
    if not coalesce(case
            -- Oneself: leave, or as an owner step down. Nobody promotes themselves.
            when old.id = app.user_id() then
                (new.role = old.role and new.status = 'removed')
                or (v_role = 'business_owner' and new.role = 'business_admin' and new.status = old.status)
            when v_role = 'business_owner' then new.role <> 'individual'
            when v_role = 'business_admin' then old.role <> 'business_owner'
                and new.role in ('business_admin', 'clinician', 'member')
            else false end, false) then
        raise exception 'this role may not change that member' using errcode = 'FF403';
    end if;
    return new;
end $$;
create trigger users_guard before update on users for each row execute function app.guard_user();

-- Whoever comes second waits here, and then sees what the first has left.
create function app.keep_an_owner() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(old.tenant_id::text, 2));
    if not exists (select from users u
                   where u.tenant_id = old.tenant_id and u.role = 'business_owner' and u.status = 'active')
        -- The last of all may be erased.
        and (tg_op = 'UPDATE' or exists (select from users u where u.tenant_id = old.tenant_id and u.status = 'active'))
    then
        raise exception 'a business has an owner' using errcode = 'FF423';
    end if;
    return null;
end $$;
create constraint trigger users_keep_an_owner after update on users deferrable initially immediate for each row
    when (old.role = 'business_owner' and old.status = 'active'
        and (new.role <> 'business_owner' or new.status <> 'active'))
    execute function app.keep_an_owner();
create constraint trigger users_keep_an_owner_erased after delete on users deferrable initially immediate for each row
    when (old.role = 'business_owner' and old.status = 'active') execute function app.keep_an_owner();
"""

_MAY_INVITE = f"({OWNING} or ((select app.role()) = 'clinician' and role = 'member'))"
INVITATIONS = f"""
create table invitations (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    email text not null,
    name text not null default '',
    role text not null check (role in ('business_admin', 'clinician', 'member')),
    status text not null default 'open' check (status in ('open', 'accepted', 'revoked', 'expired')),
    invited_by uuid not null,
    user_id uuid, -- who has accepted
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    decided_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, invited_by) references users (tenant_id, id),
    foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create unique index invitations_open_key on invitations (tenant_id, lower(email)) where status = 'open';
create index invitations_made_idx on invitations (tenant_id, created_at desc, id);
alter table invitations enable row level security, force row level security;
create policy invitations_read on invitations for select using ({IN_TENANT} and (select app.sees_tenant()));
create policy invitations_make on invitations for insert
    with check ({IN_TENANT} and invited_by = (select app.user_id()) and {_MAY_INVITE});
create policy invitations_change on invitations for update
    using ({IN_TENANT} and ({_MAY_INVITE} or (select app.role()) = 'worker')) with check ({IN_TENANT});
grant select, insert on invitations to ffp_app;
grant update (status, expires_at, decided_at, user_id) on invitations to ffp_app;

-- One row an e-mail that went out. The token itself is in that e-mail and nowhere else.
create table identity.invitation_tokens (
    token_hash bytea primary key,
    tenant_id uuid not null,
    invitation_id uuid not null,
    created_at timestamptz not null default now(),
    foreign key (tenant_id, invitation_id) references invitations (tenant_id, id) on delete cascade
);
create index invitation_tokens_invitation_idx on identity.invitation_tokens (tenant_id, invitation_id);

-- Whether the invitation is still open, and then with this token.
create function app.add_invitation_token(p_tenant uuid, p_user uuid, p_role text, p_invitation uuid, p_hash bytea)
returns boolean language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform app.set_context(p_tenant, p_user, p_role);
    insert into identity.invitation_tokens (token_hash, tenant_id, invitation_id)
        select p_hash, i.tenant_id, i.id from invitations i
        where i.tenant_id = p_tenant and i.id = p_invitation and i.status = 'open' and i.expires_at > now();
    return found;
end $$;

-- What a token opens. `account`: where the person with this login is: `none`, `here`, `left` (has left another
-- tenant) or `elsewhere`.
create function app.find_invitation(p_hash bytea, p_sub text)
returns table (tenant_id uuid, id uuid, email text, name text, role text, status text, expires_at timestamptz,
               invited_by uuid, business text, account text)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v identity.invitation_tokens;
    p identity.principals;
begin
    select * into v from identity.invitation_tokens t where t.token_hash = p_hash;
    if not found then return; end if;
    account := 'none';
    select * into p from identity.principals q where q.sub = p_sub;
    if p.tenant_id = v.tenant_id then
        account := 'here';
    elsif found then
        perform app.set_context(p.tenant_id, null, 'worker');
        account := case when exists (select from users u where u.tenant_id = p.tenant_id and u.id = p.user_id
                                     and u.status = 'removed') then 'left' else 'elsewhere' end;
    end if;
    perform app.set_context(v.tenant_id, null, 'worker');
    return query
        select i.tenant_id, i.id, i.email, i.name, i.role,
               case when i.status = 'open' and i.expires_at <= now() then 'expired' else i.status end,
               i.expires_at, i.invited_by, t.name, find_invitation.account
        from invitations i join tenants t on t.id = i.tenant_id
        where i.tenant_id = v.tenant_id and i.id = v.invitation_id;
end $$;

-- The membership, made once however often it is asked for. `outcome`: accepted, gone or elsewhere.
create function app.accept_invitation(p_hash bytea, p_sub text, p_user uuid, p_name text, p_request text)
returns table (outcome text, tenant_id uuid, user_id uuid)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
declare
    v identity.invitation_tokens;
    i invitations;
    u users;
    p identity.principals;
begin
    select * into v from identity.invitation_tokens t where t.token_hash = p_hash;
    if not found then return query select 'gone', null::uuid, null::uuid; return; end if;
    perform app.set_context(v.tenant_id, p_user, 'worker');
    select * into i from invitations where tenant_id = v.tenant_id and id = v.invitation_id for update;
    if i.status = 'accepted' then return query select 'accepted', i.tenant_id, i.user_id; return; end if;
    if i.status <> 'open' or i.expires_at <= now() then
        return query select 'gone', null::uuid, null::uuid;
        return;
    end if;
    select * into u from users where tenant_id = i.tenant_id and lower(email) = lower(i.email) for update;
    if u.status not in ('active', 'removed') then return query select 'gone', null::uuid, null::uuid; return; end if;
    select * into p from identity.principals where sub = p_sub;
    if found and (p.tenant_id, p.user_id) is distinct from (i.tenant_id, u.id) then
        return query select 'elsewhere', null::uuid, null::uuid;
        return;
    end if;
    if u.id is null then
        insert into users (tenant_id, id, email, display_name, role, parent_business_id)
            values (i.tenant_id, p_user, i.email, p_name, i.role, i.invited_by) returning * into u;
    elsif u.status = 'removed' then
        update users set status = 'active', role = i.role, parent_business_id = i.invited_by
            where tenant_id = u.tenant_id and id = u.id;
    end if;
    insert into identity.principals (sub, tenant_id, user_id) values (p_sub, u.tenant_id, u.id) on conflict do nothing;
    update invitations set status = 'accepted', user_id = u.id, decided_at = now()
        where tenant_id = i.tenant_id and id = i.id;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (i.tenant_id, u.id, i.role, 'invitation.accepted', 'invitation', i.id, u.id, p_request);
    return query select 'accepted', u.tenant_id, u.id;
end $$;
"""

GRANTS = """
revoke execute on function app.email_user, app.correlation_of, app.guard_user, app.keep_an_owner,
    app.add_invitation_token, app.find_invitation, app.accept_invitation from public;
grant execute on function app.email_user, app.correlation_of, app.guard_user, app.keep_an_owner,
    app.add_invitation_token, app.find_invitation, app.accept_invitation to ffp_app;
"""


def upgrade() -> None:
    for statements in (EMAILS, MEMBERS, INVITATIONS, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    raise RuntimeError("members and who invited them are not taken away from a business")
