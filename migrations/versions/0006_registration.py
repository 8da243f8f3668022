"""Registration, confirmation and the end of sessions.

What is between an address and its account is in schema `identity`, which no service can read: the functions here are
the doors. A registration is one row an address. It allocates the tenant's and the person's ids once, so that every
attempt on the address, by whatever key, makes the same tenant.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
-- Access tokens issued before this are refused: logout everywhere, and a new password. Whole seconds, as in a token.
alter table identity.principals add column tokens_valid_after timestamptz;

-- begun: the user pool may know the address already. placed: tenant, person and principal are there, the address is not
-- proven. confirmed: it is. known: the address had an account before, so nothing was made.
create table identity.registrations (
    email text primary key check (email = lower(email)),
    attempt_id uuid not null,
    key text not null,
    body_hash text not null,
    state text not null default 'begun' check (state in ('begun', 'placed', 'confirmed', 'known')),
    kind text not null check (kind in ('individual', 'business')),
    display_name text not null,
    tenant_name text not null,
    tenant_id uuid not null,
    user_id uuid not null,
    lease_until timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index registrations_age_idx on identity.registrations (updated_at);

-- When a code was last asked for, for addresses with and without an account alike: a code's age tells "expired" from
-- "wrong" without telling who has an account.
create table identity.codes (
    subject text not null,
    purpose text not null check (purpose in ('confirm', 'reset')),
    asked_at timestamptz not null default now(),
    primary key (subject, purpose)
);

-- An address that was never proven leaves nothing behind; nothing else ever deletes a tenant here.
create policy tenants_withdraw on tenants for delete to ffp_owner using (id = (select app.tenant_id()));
"""

REGISTER = """
-- Take the address for one attempt. go: `tenant_id` is whose the user shall be. done: this key has been answered before.
-- in_flight: another attempt holds the lease. reused: the key came with another body.
create function app.begin_registration(
    p_email text, p_key text, p_body_hash text, p_kind text, p_display_name text, p_tenant_name text,
    p_attempt uuid, p_tenant uuid, p_user uuid, p_lease_s double precision,
    out outcome text, out tenant_id uuid)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v identity.registrations;
begin
    insert into identity.registrations as r
        (email, attempt_id, key, body_hash, kind, display_name, tenant_name, tenant_id, user_id, lease_until)
        values (p_email, p_attempt, p_key, p_body_hash, p_kind, p_display_name, p_tenant_name, p_tenant, p_user,
                now() + make_interval(secs => p_lease_s))
        on conflict (email) do nothing;
    if found then
        outcome := 'go';
        tenant_id := p_tenant;
        return;
    end if;
    select * into strict v from identity.registrations r where r.email = p_email for update;
    if v.key = p_key and v.body_hash <> p_body_hash then
        outcome := 'reused';
    elsif v.key = p_key and v.state <> 'begun' then
        outcome := 'done';
    elsif v.lease_until > now() then
        outcome := 'in_flight';
    else
        -- An address with an account gets new ids: should its account be gone meanwhile, its old tenant is not reopened.
        if v.state in ('confirmed', 'known') then
            v.tenant_id := p_tenant;
            v.user_id := p_user;
        end if;
        update identity.registrations r set attempt_id = p_attempt, key = p_key, body_hash = p_body_hash, state = 'begun',
                kind = p_kind, display_name = p_display_name, tenant_name = p_tenant_name, tenant_id = v.tenant_id,
                user_id = v.user_id, lease_until = now() + make_interval(secs => p_lease_s), updated_at = now()
            where r.email = p_email;
        outcome := 'go';
        tenant_id := v.tenant_id;
    end if;
end $$;

-- Tenant, person and principal of the address, for the user that the pool has under this subject. Again: no change.
create function app.place_registration(p_email text, p_sub text) returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v identity.registrations;
    v_role text;
begin
    select * into v from identity.registrations r where r.email = p_email for update;
    if not found then return false; end if;
    if not exists (select 1 from identity.principals p where p.sub = p_sub) then
        v_role := case v.kind when 'business' then 'business_owner' else 'individual' end;
        perform app.set_context(v.tenant_id, v.user_id, v_role);
        insert into tenants (id, slug, name, kind) values (v.tenant_id, v.tenant_id::text, v.tenant_name, v.kind)
            on conflict (id) do update set name = excluded.name, kind = excluded.kind;
        -- The person of an earlier attempt, whose user this one has replaced in the pool. Nobody has ever been them.
        perform app.set_context(v.tenant_id, v.user_id, 'worker');
        delete from identity.principals p where p.tenant_id = v.tenant_id and p.user_id = v.user_id;
        delete from users u where u.tenant_id = v.tenant_id and u.id = v.user_id;
        insert into users (tenant_id, id, email, display_name, role)
            values (v.tenant_id, v.user_id, v.email, v.display_name, v_role);
        insert into identity.principals (sub, tenant_id, user_id) values (p_sub, v.tenant_id, v.user_id);
    end if;
    update identity.registrations r set state = 'placed', lease_until = null, updated_at = now()
        where r.email = p_email and r.state = 'begun';
    return true;
end $$;

-- Whether the pool's user is somebody here. Then the attempt ends with that, and whom to tell is the answer.
create function app.end_known_registration(p_email text, p_sub text)
returns table (tenant_id uuid, user_id uuid)
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if exists (select 1 from identity.principals p where p.sub = p_sub) then
        update identity.registrations r set state = 'known', lease_until = null, updated_at = now()
            where r.email = p_email and r.state = 'begun';
    end if;
    return query select p.tenant_id, p.user_id from identity.principals p where p.sub = p_sub;
end $$;

-- What an attempt that failed leaves to the next one, without waiting for its lease.
create function app.release_registration(p_email text, p_attempt uuid) returns void
language sql security definer set search_path = pg_catalog as $$
    update identity.registrations set lease_until = null where email = p_email and attempt_id = p_attempt $$;
"""

CONFIRM = """
-- The address is proven: from here on the account is one, and the log begins.
create function app.confirm_registration(p_email text) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v identity.registrations;
begin
    update identity.registrations r set state = 'confirmed', lease_until = null, updated_at = now()
        where r.email = p_email and r.state = 'placed' returning * into v;
    if not found then return; end if;
    perform app.set_context(v.tenant_id, v.user_id, 'worker');
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id)
        select v.tenant_id, v.user_id, u.role, 'tenant.registered', 'tenant', v.tenant_id, v.user_id
        from users u where u.tenant_id = v.tenant_id and u.id = v.user_id;
end $$;

-- The tenant that the pool's user of an unfinished registration must name to be ours.
create function app.unfinished_registration(p_email text) returns uuid
language sql stable security definer set search_path = pg_catalog as $$
    select tenant_id from identity.registrations where email = p_email and state = 'begun' $$;

create function app.note_code(p_subject text, p_purpose text) returns void
language sql security definer set search_path = pg_catalog as $$
    insert into identity.codes (subject, purpose) values (p_subject, p_purpose)
        on conflict (subject, purpose) do update set asked_at = now() $$;

create function app.code_age_s(p_subject text, p_purpose text) returns double precision
language sql stable security definer set search_path = pg_catalog as $$
    select extract(epoch from now() - asked_at)::double precision from identity.codes
    where subject = p_subject and purpose = p_purpose $$;

-- Refuse every access token issued until now. Returns the seconds until a new one is taken: tokens count whole seconds.
create function app.end_sessions(p_sub text) returns double precision
language plpgsql security definer set search_path = pg_catalog as $$
declare
    v_from timestamptz := date_trunc('second', clock_timestamp()) + interval '1 second';
begin
    update identity.principals p set tokens_valid_after = greatest(p.tokens_valid_after, v_from) where p.sub = p_sub;
    return extract(epoch from v_from - clock_timestamp());
end $$;
"""

OPEN_REQUEST = """
drop function app.open_request;

-- As 0005 has it, and with the second in which the token was issued: one from before the end of its sessions is nobody's.
create function app.open_request(p_sub text, p_issued_at bigint, p_throttled boolean default true)
returns table (tenant_id uuid, user_id uuid, role text, tenant_kind text,
               bucket text, requests_per_minute integer, taken boolean, remaining integer, reset_s integer,
               retry_s integer, full_at timestamptz)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v identity.principals;
begin
    select * into v from identity.principals p where p.sub = p_sub;
    if not found or to_timestamp(p_issued_at) < v.tokens_valid_after then return; end if;
    if v.staff_role is not null then
        user_id := v.staff_id;
        role := v.staff_role;
        bucket := 'staff';
        requests_per_minute := 1000;
    else
        perform app.set_context(v.tenant_id, v.user_id, 'worker');
        select u.tenant_id, u.id, u.role, t.kind, 'tenant', t.requests_per_minute
            into tenant_id, user_id, role, tenant_kind, bucket, requests_per_minute
            from users u join tenants t on t.id = u.tenant_id
            where u.tenant_id = v.tenant_id and u.id = v.user_id and u.status = 'active';
        if not found then return; end if;
    end if;
    if p_throttled then
        select t.taken, t.remaining, t.reset_s, t.retry_s, t.full_at into taken, remaining, reset_s, retry_s, full_at
            from identity.take(bucket, coalesce(tenant_id, user_id)::text, requests_per_minute, 60, clock_timestamp()) t;
    end if;
    return next;
end $$;
revoke execute on function app.open_request from public;
grant execute on function app.open_request to ffp_app;
"""

SWEEP = """
-- Registrations to look after: left between two steps some minutes ago, or old and without a code that is still good.
-- Each is held for a while, so that two sweepers share them and one that fails is not asked about each minute.
create function app.claim_registrations(p_hours double precision, p_limit integer)
returns table (email text, state text, tenant_id uuid, old boolean)
language sql security definer set search_path = pg_catalog as $$
    update identity.registrations r set lease_until = now() + interval '10 minutes'
    where r.email in (
        select c.email from identity.registrations c
        where (c.lease_until is null or c.lease_until < now())
            and ((c.state = 'begun' and c.updated_at < now() - interval '5 minutes')
                or c.updated_at < now() - make_interval(secs => p_hours * 3600))
            and not exists (
                select from identity.codes k
                where k.subject = encode(sha256(convert_to(c.email, 'UTF8')), 'hex') and k.purpose = 'confirm'
                    and c.state <> 'begun' and k.asked_at > now() - interval '25 hours')
        order by c.updated_at limit p_limit for update skip locked)
    returning r.email, r.state, r.tenant_id, r.updated_at < now() - make_interval(secs => p_hours * 3600) $$;

-- Forget the row. `p_undo`: with the tenant it made, whose person the pool does not know (any more), so that it was
-- never entered. A tenant that holds anything more is left alone.
create function app.drop_registration(p_email text, p_undo boolean) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v identity.registrations;
begin
    delete from identity.registrations r where r.email = p_email returning * into v;
    if found and p_undo and v.state in ('begun', 'placed') then
        perform app.set_context(v.tenant_id, v.user_id, 'worker');
        begin
            delete from identity.principals p where p.tenant_id = v.tenant_id and p.user_id = v.user_id;
            delete from users u where u.tenant_id = v.tenant_id and u.id = v.user_id;
            delete from tenants t where t.id = v.tenant_id;
        exception when foreign_key_violation then
            null;
        end;
    end if;
end $$;

create function app.sweep_codes() returns void language sql security definer set search_path = pg_catalog as $$
    delete from identity.codes where asked_at < now() - interval '2 days' $$;
"""

FOR_APP = """app.begin_registration, app.place_registration, app.end_known_registration, app.release_registration,
    app.confirm_registration, app.unfinished_registration, app.note_code, app.code_age_s, app.end_sessions"""
FOR_RELAY = """app.place_registration, app.confirm_registration, app.claim_registrations, app.drop_registration,
    app.sweep_codes"""

GRANTS = f"""
revoke execute on function {FOR_APP}, app.claim_registrations, app.drop_registration, app.sweep_codes from public;
grant execute on function {FOR_APP} to ffp_app;
grant execute on function {FOR_RELAY} to ffp_relay;
"""


def upgrade() -> None:
    for statements in (TABLES, REGISTER, CONFIRM, OPEN_REQUEST, SWEEP, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    raise RuntimeError("tokens that were refused are not taken again, and half a registration is not forgotten")
