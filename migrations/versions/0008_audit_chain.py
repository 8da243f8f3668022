"""The audit log sealed: each tenant's rows in a chain of hashes, made after the fact, so that no request waits for it.

A row says that it is unsealed in the transaction that writes it. The sweeper takes what is committed and appends it to
its tenant's chain, in the order in which it comes to it: a row that commits late is sealed late, and nothing is missed.
`ffp audit verify` recomputes all of it outside PostgreSQL (domain/audit.py knows the same bytes).
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = """
-- tenant_id null: the chain of what staff did to nothing of a tenant's.
create table audit_chain (
    tenant_id uuid references tenants (id),
    position bigint not null,
    audit_id bigint not null,
    row_hash bytea not null,
    hash bytea not null,
    sealed_at timestamptz not null default now(),
    constraint audit_chain_tenant_id_position_key unique nulls not distinct (tenant_id, position),
    constraint audit_chain_tenant_id_audit_id_key unique nulls not distinct (tenant_id, audit_id),
    foreign key (tenant_id, audit_id) references audit_log (tenant_id, id)
);

-- How long each chain is and how it ends, so that a shortened one is noticed. What retention took away were its first
-- `retired` entries; `anchor` is the hash of the last of them.
create table audit_heads (
    tenant_id uuid references tenants (id),
    length bigint not null,
    hash bytea not null,
    retired bigint not null default 0,
    anchor bytea not null,
    sealed_at timestamptz not null default now(),
    told bigint not null default 0, -- the length last announced
    announced_at timestamptz,
    constraint audit_heads_tenant_id_key unique nulls not distinct (tenant_id)
);

create table audit_unsealed (
    tenant_id uuid,
    audit_id bigint not null
);
create index audit_unsealed_idx on audit_unsealed (audit_id);

-- Newest first, from and to a time: for a tenant, and for operators.
create index audit_log_time_idx on audit_log (tenant_id, at, id);
create index audit_log_at_idx on audit_log (at, id);
alter table audit_log drop constraint audit_log_check,
    add constraint audit_log_staff_check check (tenant_id is not null or actor_role in ('content_admin', 'operator'));
"""

HASHES = """
-- The same bytes as domain/audit.py: every column, each with its length before it, so that no two rows share them.
create function app.audit_row_hash(p audit_log) returns bytea language sql stable
set search_path = pg_catalog, public as $$
    select sha256(convert_to('ffp.audit.1' || string_agg(coalesce(octet_length(convert_to(v, 'UTF8')) || ':' || v, '-'), '' order by n), 'UTF8'))
    from unnest(array[p.tenant_id::text, p.id::text, ((extract(epoch from p.at) * 1000000)::bigint)::text, p.actor_id::text,
        p.actor_role, p.action, p.subject_type, p.subject_id::text, p.subject_user_id::text, p.request_id])
        with ordinality as f (v, n) $$;

create function app.audit_genesis(p_tenant uuid) returns bytea language sql immutable
set search_path = pg_catalog, public as $$
    select sha256(convert_to('ffp.audit.genesis.1:' || coalesce(p_tenant::text, ''), 'UTF8')) $$;
"""

SEAL = """
create function app.queue_audit() returns trigger language plpgsql security definer
set search_path = pg_catalog, public as $$
begin
    insert into audit_unsealed (tenant_id, audit_id) values (new.tenant_id, new.id);
    return null;
end $$;
create trigger audit_log_queue after insert on audit_log for each row execute function app.queue_audit();
alter table audit_log enable always trigger audit_log_queue;

create function app.keep_audit_head(p audit_heads) returns void language sql
set search_path = pg_catalog, public as $$
    insert into audit_heads (tenant_id, length, hash, anchor) values (p.tenant_id, p.length, p.hash, p.anchor)
    on conflict on constraint audit_heads_tenant_id_key
        do update set length = excluded.length, hash = excluded.hash, sealed_at = now() $$;

-- Appends up to `p_most` committed rows to their chains. Returns how many it took; 0 as well while another sealer works.
create function app.seal_audit(p_most integer) returns integer language plpgsql security definer
set search_path = pg_catalog, public as $$
declare
    v_row audit_log;
    v_head audit_heads;
    v_row_hash bytea;
    v_taken integer := 0;
begin
    if not pg_try_advisory_xact_lock(4602114) then return 0; end if;
    for v_row in
        with taken as (
            delete from audit_unsealed where ctid = any (array(select u.ctid from audit_unsealed u order by u.audit_id limit p_most))
            returning tenant_id, audit_id)
        select l.* from taken t join audit_log l on l.tenant_id = t.tenant_id and l.id = t.audit_id
            where not exists (select from audit_chain c where c.tenant_id = l.tenant_id and c.audit_id = l.id)
        union all
        select l.* from taken t join audit_log l on l.tenant_id is null and l.id = t.audit_id
            where t.tenant_id is null
                and not exists (select from audit_chain c where c.tenant_id is null and c.audit_id = l.id)
        order by 1, 2
    loop
        if v_taken = 0 or v_row.tenant_id is distinct from v_head.tenant_id then
            if v_taken > 0 then
                perform app.keep_audit_head(v_head);
            end if;
            insert into audit_heads (tenant_id, length, hash, anchor)
                values (v_row.tenant_id, 0, app.audit_genesis(v_row.tenant_id), app.audit_genesis(v_row.tenant_id))
                on conflict on constraint audit_heads_tenant_id_key do update set length = audit_heads.length
                returning * into v_head;
        end if;
        v_row_hash := app.audit_row_hash(v_row);
        v_head.length := v_head.length + 1;
        v_head.hash := sha256(v_head.hash || v_row_hash);
        insert into audit_chain (tenant_id, position, audit_id, row_hash, hash)
            values (v_row.tenant_id, v_head.length, v_row.id, v_row_hash, v_head.hash);
        v_taken := v_taken + 1;
    end loop;
    if v_taken > 0 then
        perform app.keep_audit_head(v_head);
    end if;
    return v_taken;
end $$;

-- The ends of chains that have grown and have not been told for an hour: for the log, where no database reaches them.
create function app.announce_audit_heads(p_most integer)
returns table (tenant_id uuid, length bigint, hash bytea) language sql security definer
set search_path = pg_catalog, public as $$
    update audit_heads h set announced_at = now(), told = h.length
    where h.ctid = any (array(
        select d.ctid from audit_heads d
        where d.told < d.length and (d.announced_at is null or d.announced_at < now() - interval '1 hour')
        order by d.announced_at nulls first limit p_most for update skip locked))
    returning h.tenant_id, h.length, h.hash $$;
"""

GUARD = """
create function app.guard_audit() returns trigger language plpgsql as $$
begin
    if tg_op <> 'DELETE' or current_user <> 'ffp_owner' or current_setting('app.retiring_audit', true) is distinct from 'on' then
        raise exception 'the audit log is only ever added to' using errcode = 'insufficient_privilege';
    end if;
    return null;
end $$;
create trigger audit_log_guard before update or delete or truncate on audit_log execute function app.guard_audit();
create trigger audit_chain_guard before update or delete or truncate on audit_chain execute function app.guard_audit();
create trigger audit_heads_guard before delete or truncate on audit_heads execute function app.guard_audit();
alter table audit_log enable always trigger audit_log_guard;
alter table audit_chain enable always trigger audit_chain_guard;
alter table audit_heads enable always trigger audit_heads_guard;

-- Retention: takes away the beginning of one chain, up to `p_most` entries all older than `p_before`, and says so in the
-- log itself. What is younger than a year stays, whoever asks. Returns how many rows went.
create function app.retire_audit(p_tenant uuid, p_before timestamptz, p_most integer) returns bigint
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v_head audit_heads;
    v_cut bigint;
    v_anchor bytea;
    v_gone bigint[];
begin
    if p_before > now() - interval '365 days' then
        raise exception 'audit rows are kept for a year at least' using errcode = 'check_violation';
    end if;
    perform pg_advisory_xact_lock(4602114);
    select * into v_head from audit_heads h where h.tenant_id is not distinct from p_tenant;
    if not found then return 0; end if;
    select c.position - 1 into v_cut from audit_chain c
        join audit_log l on l.id = c.audit_id and (l.tenant_id = c.tenant_id or (l.tenant_id is null and c.tenant_id is null))
        where (c.tenant_id = p_tenant or (c.tenant_id is null and p_tenant is null)) and l.at >= p_before
        order by c.position limit 1;
    v_cut := least(coalesce(v_cut, v_head.length), v_head.retired + p_most);
    if v_cut <= v_head.retired then return 0; end if;
    select c.hash into strict v_anchor from audit_chain c
        where (c.tenant_id = p_tenant or (c.tenant_id is null and p_tenant is null)) and c.position = v_cut;
    perform set_config('app.retiring_audit', 'on', true);
    with gone as (
        delete from audit_chain c
        where (c.tenant_id = p_tenant or (c.tenant_id is null and p_tenant is null)) and c.position <= v_cut
        returning c.audit_id)
    select array_agg(audit_id) into v_gone from gone;
    delete from audit_log l where (l.tenant_id = p_tenant or (l.tenant_id is null and p_tenant is null)) and l.id = any (v_gone);
    perform set_config('app.retiring_audit', '', true);
    update audit_heads h set retired = v_cut, anchor = v_anchor where h.tenant_id is not distinct from p_tenant;
    insert into audit_log (tenant_id, actor_role, action, subject_type, subject_id)
        values (p_tenant, 'operator', 'audit.retired', 'tenant', coalesce(p_tenant, '00000000-0000-0000-0000-000000000000'));
    return cardinality(v_gone);
end $$;
"""

IN_TENANT = "tenant_id = (select app.tenant_id())"
# Those who run the business read all of its log; everybody else what is about themselves. A worker writes exports.
READ = f"""{IN_TENANT} and (subject_user_id = (select app.user_id())
    or (select app.role()) in ('business_owner', 'business_admin', 'worker'))"""

RIGHTS = f"""
alter table audit_chain enable row level security, force row level security;
alter table audit_heads enable row level security, force row level security;
alter table audit_unsealed enable row level security, force row level security;
create policy audit_chain_owner on audit_chain to ffp_owner using (true) with check (true);
create policy audit_heads_owner on audit_heads to ffp_owner using (true) with check (true);
create policy audit_unsealed_owner on audit_unsealed to ffp_owner using (true) with check (true);
create policy audit_log_owner on audit_log to ffp_owner using (true) with check (true);
create policy audit_chain_ops on audit_chain for select to ffp_ops using (true);
create policy audit_heads_ops on audit_heads for select to ffp_ops using (true);
grant select on audit_chain, audit_heads to ffp_ops;

-- An operator's reads are on record, for the tenant whose log it was to see.
create policy audit_log_operator on audit_log for insert to ffp_ops
    with check (actor_role = 'operator' and (select app.role()) = 'operator' and actor_id = (select app.user_id()));
grant insert on audit_log to ffp_ops;

drop policy audit_log_tenant on audit_log;
create policy audit_log_read on audit_log for select using ({READ});
create policy audit_log_write on audit_log for insert with check ({IN_TENANT});

-- The name by which people call a tenant, for those who look after all of them.
create policy tenants_named on tenants for select to ffp_ops, ffp_owner using (true);
grant select (id, slug) on tenants to ffp_ops;

-- A kept answer is its asker's: not even a colleague finds it.
drop policy idempotency_keys_tenant on idempotency_keys;
create policy idempotency_keys_own on idempotency_keys
    using ({IN_TENANT} and (user_id = (select app.user_id()) or (select app.role()) = 'worker'))
    with check ({IN_TENANT} and (user_id = (select app.user_id()) or (select app.role()) = 'worker'));

revoke execute on function app.audit_row_hash, app.audit_genesis, app.queue_audit, app.keep_audit_head, app.seal_audit,
    app.announce_audit_heads, app.guard_audit, app.retire_audit from public;
grant execute on function app.seal_audit, app.announce_audit_heads to ffp_relay;

-- What was written before there were chains.
insert into audit_unsealed (tenant_id, audit_id) select tenant_id, id from audit_log;
"""


def upgrade() -> None:
    for statements in (TABLES, HASHES, SEAL, GUARD, RIGHTS):
        op.execute(statements)


def downgrade() -> None:
    raise RuntimeError("the chain of the audit log is not taken away: what it proves could not be proved again")
