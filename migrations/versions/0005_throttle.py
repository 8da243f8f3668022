"""The throttle: how often a tenant, an address or an account may ask, exactly, for all processes together.

GCRA. A bucket holds `limit` tokens and gets one back every `window / limit`. All that is stored is when it will be full
again: a token taken puts that off by one interval, a bucket that is full needs no row. PostgreSQL's clock is the only
one. The table is UNLOGGED: after a crash of the server all buckets are full, and no commit waits for a disk.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BUCKETS = """
create unlogged table identity.buckets (
    bucket text not null,
    subject text not null,
    full_at timestamptz not null,
    primary key (bucket, subject)
) with (fillfactor = 50); -- room for the next version of a row on its own page
-- A column and not one of `settings`, which a tenant's owner may change.
alter table tenants add column requests_per_minute integer not null default 1000
    check (requests_per_minute between 1 and 100000);
"""

# In a schema that no service can use: `p_now` is for tests, and whoever may choose it is not throttled.
GCRA = """
-- The time in which one token comes back. Not rounded up, or the last token of a full bucket could not be taken.
create function identity.token_interval(p_limit integer, p_window_s integer) returns interval
language sql immutable parallel safe
as $$ select make_interval(secs => trunc(p_window_s * 1000000.0 / p_limit)::double precision / 1000000) $$;

-- One token. `retry_s`: whole seconds after which the next one is there, 0 where one was taken. `reset_s`: until all are.
create function identity.take(
    p_bucket text, p_subject text, p_limit integer, p_window_s integer, p_now timestamptz,
    out taken boolean, out remaining integer, out reset_s integer, out retry_s integer, out full_at timestamptz)
language plpgsql set lock_timeout = '500ms' as $$
declare
    v_token interval := identity.token_interval(p_limit, p_window_s);
    v_owed double precision;
begin
    insert into identity.buckets as b values (p_bucket, p_subject, p_now + v_token)
        on conflict on constraint buckets_pkey do update set full_at = greatest(b.full_at, p_now) + v_token
            where greatest(b.full_at, p_now) + v_token <= p_now + make_interval(secs => p_window_s)
        returning b.full_at into full_at;
    taken := found;
    if not taken then
        select b.full_at into full_at from identity.buckets b where b.bucket = p_bucket and b.subject = p_subject;
    end if;
    v_owed := extract(epoch from full_at - p_now);
    reset_s := ceil(v_owed);
    if taken then
        remaining := floor((p_window_s - v_owed) / extract(epoch from v_token) + 1e-6);
        retry_s := 0;
    else
        remaining := 0;
        retry_s := greatest(ceil(v_owed + extract(epoch from v_token) - p_window_s - 1e-9), 1);
    end if;
end $$;

-- One token back, as if it had never been taken: all of it, but for what has come back by itself meanwhile. `p_full_at`
-- is what taking it said; until then at least the bucket has not been full, so nothing is given twice.
create function identity.give_back(
    p_bucket text, p_subject text, p_limit integer, p_window_s integer, p_full_at timestamptz, p_now timestamptz,
    out remaining integer, out reset_s integer)
language plpgsql set lock_timeout = '500ms' as $$
declare
    v_token interval := identity.token_interval(p_limit, p_window_s);
    v_owed double precision;
begin
    update identity.buckets b set full_at = b.full_at - greatest(least(v_token, p_full_at - p_now), interval '0')
        where b.bucket = p_bucket and b.subject = p_subject
        returning greatest(extract(epoch from b.full_at - p_now), 0) into v_owed;
    v_owed := coalesce(v_owed, 0);
    reset_s := ceil(v_owed);
    remaining := greatest(floor((p_window_s - v_owed) / extract(epoch from v_token) + 1e-6), 0);
end $$;
"""

DOORS = """
create function app.take_token(p_bucket text, p_subject text, p_limit integer, p_window_s integer)
returns table (taken boolean, remaining integer, reset_s integer, retry_s integer)
language sql security definer set search_path = pg_catalog as $$
    select t.taken, t.remaining, t.reset_s, t.retry_s
    from identity.take(p_bucket, p_subject, p_limit, p_window_s, clock_timestamp()) t $$;

create function app.return_token(p_bucket text, p_subject text, p_limit integer, p_window_s integer, p_full_at timestamptz)
returns table (remaining integer, reset_s integer)
language sql security definer set search_path = pg_catalog as $$
    select g.remaining, g.reset_s
    from identity.give_back(p_bucket, p_subject, p_limit, p_window_s, p_full_at, clock_timestamp()) g $$;

-- A bucket that is full again is the same as none.
create function app.sweep_buckets(p_limit integer) returns integer
language plpgsql security definer set search_path = pg_catalog as $$
declare v_swept integer;
begin
    delete from identity.buckets where ctid = any (array(
        select ctid from identity.buckets where full_at < clock_timestamp() limit p_limit for update skip locked));
    get diagnostics v_swept = row_count;
    return v_swept;
end $$;
"""

OPEN_REQUEST = """
drop function app.open_request;

-- Who a verified token's subject is, and one token of their tenant's throttle (staff: of their own) for this request.
-- `p_throttled` false: without it. The caller asks that way where the throttle itself has failed, which costs a round
-- trip then; to catch the failure in here would cost a subtransaction always.
create function app.open_request(p_sub text, p_throttled boolean default true)
returns table (tenant_id uuid, user_id uuid, role text, tenant_kind text,
               bucket text, requests_per_minute integer, taken boolean, remaining integer, reset_s integer,
               retry_s integer, full_at timestamptz)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v identity.principals;
begin
    select * into v from identity.principals p where p.sub = p_sub;
    if not found then return; end if;
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
"""

GRANTS = """
revoke execute on all functions in schema identity from public;
revoke execute on function app.take_token, app.return_token, app.sweep_buckets, app.open_request from public;
grant execute on function app.take_token, app.return_token, app.open_request to ffp_app;
grant execute on function app.sweep_buckets to ffp_relay;
-- The quota of a tenant is the operators' to set.
create policy tenants_limit on tenants for update to ffp_ops using (true) with check (true);
grant select (requests_per_minute), update (requests_per_minute) on tenants to ffp_ops;
"""


def upgrade() -> None:
    for statements in (BUCKETS, GCRA, DOORS, OPEN_REQUEST, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    op.execute("""
        drop function app.open_request, app.take_token, app.return_token, app.sweep_buckets;
        drop function identity.take, identity.give_back, identity.token_interval;
        drop table identity.buckets;
        drop policy tenants_limit on tenants;
        alter table tenants drop column requests_per_minute;
        create function app.open_request(p_sub text)
        returns table (tenant_id uuid, user_id uuid, role text, tenant_kind text)
        language plpgsql security definer set search_path = pg_catalog, public as $$
        declare v identity.principals;
        begin
            select * into v from identity.principals p where p.sub = p_sub;
            if not found then return; end if;
            if v.staff_role is not null then
                return query select null::uuid, v.staff_id, v.staff_role, null::text;
                return;
            end if;
            perform app.set_context(v.tenant_id, v.user_id, 'worker');
            return query select u.tenant_id, u.id, u.role, t.kind from users u join tenants t on t.id = u.tenant_id
                where u.tenant_id = v.tenant_id and u.id = v.user_id and u.status = 'active';
        end $$;
        revoke execute on function app.open_request from public;
        grant execute on function app.open_request to ffp_app;
    """)
