"""Webhooks of a business: who is told of what, and how the telling goes.

Triggers write one delivery an endpoint, in the transaction of what it tells of. `app.claim_webhooks` and
`app.note_webhook` are all that the dispatcher (ffp_relay) can do: it reads no table. The application, for who runs the
business, reads everything but secrets, which it only writes, sealed.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

OWNING = "tenant_id = (select app.tenant_id()) and (select app.role()) in ('business_owner', 'business_admin')"

TABLES = f"""
create table webhook_endpoints (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    url text not null,
    events text[] not null default '{{}}', -- none: all
    description text not null default '',
    enabled boolean not null default true,
    disabled_reason text check (disabled_reason in ('gone', 'failing')), -- null: its owner's choice
    secret bytea,                          -- sealed; null once it is deleted
    previous_secret bytea,                 -- signs as well until previous_until
    previous_until timestamptz,
    failing_since timestamptz,             -- the first failure after the last success
    revision integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (tenant_id, id)
);

-- The log as well. skipped: the endpoint was disabled. It holds ids alone; the body is made of them when it is sent.
create table webhook_deliveries (
    tenant_id uuid not null,
    id uuid not null,                      -- the webhook-id, the same for every attempt
    endpoint_id uuid not null,
    type text not null,
    subject_id uuid not null,
    status text not null default 'pending' check (status in ('pending', 'sending', 'delivered', 'failed', 'skipped')),
    attempt integer not null default 0,
    tried_before integer not null default 0, -- attempts before it was last resent: the schedule begins again
    next_at timestamptz default now(),     -- when it is due, or while it is being sent, when it is taken for lost
    attempted_at timestamptz,
    outcome text,                          -- of the last attempt
    response_status integer,
    duration_ms integer,
    created_at timestamptz not null default now(),
    primary key (tenant_id, id),
    foreign key (tenant_id, endpoint_id) references webhook_endpoints (tenant_id, id)
);
create index webhook_deliveries_open_idx on webhook_deliveries (tenant_id, endpoint_id, next_at)
    where status in ('pending', 'sending');
create index webhook_deliveries_due_idx on webhook_deliveries (next_at) where status in ('pending', 'sending');
create index webhook_deliveries_log_idx on webhook_deliveries (tenant_id, endpoint_id, created_at desc, id desc);
create index webhook_deliveries_age_idx on webhook_deliveries (created_at);

alter table webhook_endpoints enable row level security, force row level security;
alter table webhook_deliveries enable row level security, force row level security;
create policy webhook_endpoints_run on webhook_endpoints using ({OWNING});
create policy webhook_deliveries_run on webhook_deliveries using ({OWNING});
create policy webhook_endpoints_owner on webhook_endpoints to ffp_owner using (true);
create policy webhook_deliveries_owner on webhook_deliveries to ffp_owner using (true);
grant select (tenant_id, id, url, events, description, enabled, disabled_reason, previous_until, failing_since, revision,
        created_at, updated_at, deleted_at),
    insert (tenant_id, id, url, events, description, enabled, secret),
    update (url, events, description, enabled, disabled_reason, secret, failing_since, revision, updated_at, deleted_at)
    on webhook_endpoints to ffp_app;
grant select on webhook_deliveries to ffp_app;
grant insert (tenant_id, id, endpoint_id, type, subject_id), update (status, next_at, tried_before)
    on webhook_deliveries to ffp_app;

-- A new secret: the one before it goes on signing for a day. A deleted endpoint keeps none.
create function app.keep_webhook_secret() returns trigger language plpgsql as $$
begin
    if new.deleted_at is not null then
        new.secret := null; new.previous_secret := null; new.enabled := false;
    elsif new.secret is distinct from old.secret then
        new.previous_secret := old.secret;
        new.previous_until := now() + interval '24 hours';
    end if;
    return new;
end $$;
create trigger webhook_endpoints_secret before update on webhook_endpoints
    for each row execute function app.keep_webhook_secret();
"""

EVENTS = """
alter table notifications drop constraint notifications_kind_check, add constraint notifications_kind_check
    check (kind in ('referral', 'program_ready', 'program_to_review', 'program_rejected', 'webhook_disabled'));

-- Anybody's work may be what a business wants to hear of, so this looks at endpoints as the owner of the schema.
create function app.tell_webhooks() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v_subject uuid := new.id;
begin
    if tg_argv[0] = 'referral.made' then v_subject := new.assessment_id; end if;
    insert into webhook_deliveries (tenant_id, id, endpoint_id, type, subject_id, status, next_at)
        select e.tenant_id, gen_random_uuid(), e.id, tg_argv[0], v_subject,
            case when e.enabled then 'pending' else 'skipped' end, case when e.enabled then now() end
        from webhook_endpoints e
        where e.tenant_id = new.tenant_id and e.deleted_at is null and (e.events = '{}' or tg_argv[0] = any (e.events));
    return null;
end $$;

create trigger jobs_webhook_succeeded after update of status on jobs for each row
    when (new.kind = 'assessment' and new.status = 'succeeded' and old.status <> 'succeeded')
    execute function app.tell_webhooks('job.succeeded');
create trigger jobs_webhook_failed after update of status on jobs for each row
    when (new.kind = 'assessment' and new.status = 'failed' and old.status <> 'failed')
    execute function app.tell_webhooks('job.failed');
create trigger jobs_webhook_referral after update of status on jobs for each row
    when (new.status = 'succeeded' and old.status <> 'succeeded' and new.result_type = 'referral')
    execute function app.tell_webhooks('referral.made');
create trigger programs_webhook_review after insert on programs for each row
    when (new.status = 'pending_review') execute function app.tell_webhooks('program.to_review');
create trigger programs_webhook_made after insert on programs for each row
    when (new.status = 'active') execute function app.tell_webhooks('program.ready');
create trigger programs_webhook_ready after update of status on programs for each row
    when (new.status = 'active' and old.status <> 'active') execute function app.tell_webhooks('program.ready');
create trigger users_webhook_joined after insert on users for each row
    when (new.status = 'active' and new.role <> 'individual') execute function app.tell_webhooks('member.joined');
create trigger users_webhook_back after update of status on users for each row
    when (new.status = 'active' and old.status = 'removed') execute function app.tell_webhooks('member.joined');
create trigger users_webhook_removed after update of status on users for each row
    when (new.status = 'removed' and old.status <> 'removed') execute function app.tell_webhooks('member.removed');
"""

DISPATCH = """
-- What is due, at most p_window of one endpoint under way: neither a backlog nor a slow receiver keeps the others
-- waiting. What was being sent and has not been heard of is due again; what nobody wants any more ends.
create function app.claim_webhooks(p_limit integer, p_window integer, p_lease_s double precision, p_tries integer)
returns table (tenant_id uuid, id uuid, endpoint_id uuid, type text, subject_id uuid, created_at timestamptz, attempt integer,
    tries integer, url text, secret bytea, previous_secret bytea)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
begin
    if not exists (select from webhook_deliveries d where d.status in ('pending', 'sending') and d.next_at <= now()) then
        return;
    end if;
    return query
    with due as materialized (
        select d.tenant_id, d.id, e.enabled, e.url, e.secret,
            case when e.previous_until > now() then e.previous_secret end as previous_secret
        from webhook_endpoints e cross join lateral (
            select w.tenant_id, w.id from webhook_deliveries w
            where w.tenant_id = e.tenant_id and w.endpoint_id = e.id and w.status in ('pending', 'sending')
                and w.next_at <= now()
            order by w.next_at
            limit greatest(0, p_window - (
                select count(*) from webhook_deliveries o where o.tenant_id = e.tenant_id and o.endpoint_id = e.id
                    and o.status = 'sending' and o.next_at > now()))
            for update skip locked) d
        order by random() limit p_limit),
    moved as (
        update webhook_deliveries w set
            status = case when not due.enabled then 'skipped' when w.attempt - w.tried_before >= p_tries then 'failed'
                else 'sending' end,
            attempt = w.attempt + case when due.enabled and w.attempt - w.tried_before < p_tries then 1 else 0 end,
            outcome = case when w.status = 'sending' then 'lost' else w.outcome end,
            next_at = case when due.enabled and w.attempt - w.tried_before < p_tries
                then now() + make_interval(secs => p_lease_s) end
        from due where w.tenant_id = due.tenant_id and w.id = due.id
        returning w.*, due.url, due.secret, due.previous_secret)
    select m.tenant_id, m.id, m.endpoint_id, m.type, m.subject_id, m.created_at, m.attempt, m.attempt - m.tried_before, m.url, m.secret,
        m.previous_secret from moved m where m.status = 'sending';
end $$;

-- How an attempt went. Told twice, or too late: nothing happens, but a success counts whenever it is heard of.
-- An endpoint that is gone, or has failed for five days, is disabled, and who runs the business is told.
create function app.note_webhook(p_tenant uuid, p_delivery uuid, p_attempt integer, p_outcome text, p_response integer,
    p_duration_ms integer, p_next_s double precision)
returns text language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    d webhook_deliveries;
    e webhook_endpoints;
    v_reason text;
    v_user uuid;
begin
    perform app.set_context(p_tenant, null, 'worker');
    select * into d from webhook_deliveries where tenant_id = p_tenant and id = p_delivery for update;
    if not found or d.status not in ('pending', 'sending') or p_attempt <= d.tried_before or p_attempt > d.attempt
            or (p_outcome <> 'delivered' and (d.status <> 'sending' or d.attempt <> p_attempt)) then
        return 'stale';
    end if;
    update webhook_deliveries set outcome = p_outcome, response_status = p_response, duration_ms = p_duration_ms,
            attempted_at = now(),
            status = case when p_outcome = 'delivered' then 'delivered' when p_next_s is null then 'failed' else 'pending' end,
            next_at = case when p_outcome <> 'delivered' then now() + make_interval(secs => p_next_s) end
        where tenant_id = p_tenant and id = p_delivery;
    if p_outcome = 'delivered' then
        update webhook_endpoints set failing_since = null
            where tenant_id = p_tenant and id = d.endpoint_id and failing_since is not null;
        return 'noted';
    end if;
    select * into e from webhook_endpoints where tenant_id = p_tenant and id = d.endpoint_id and enabled for update;
    if not found then return 'noted'; end if;
    v_reason := case when p_outcome = 'gone' then 'gone' when e.failing_since < now() - interval '5 days' then 'failing' end;
    update webhook_endpoints set failing_since = coalesce(failing_since, now()), enabled = v_reason is null,
            disabled_reason = v_reason, revision = revision + case when v_reason is null then 0 else 1 end
        where tenant_id = p_tenant and id = e.id;
    if v_reason is null then return 'noted'; end if;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id)
        values (p_tenant, null, 'worker', 'webhook.disabled', 'webhook', e.id);
    for v_user in select u.id from users u where u.tenant_id = p_tenant and u.status = 'active'
            and u.role in ('business_owner', 'business_admin') loop
        perform app.notify_user(v_user, 'webhook_disabled', 'webhook', e.id);
    end loop;
    return 'disabled';
end $$;

-- The log is kept for 30 days.
create function app.prune_webhooks(p_most integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v_count integer;
begin
    delete from webhook_deliveries where (tenant_id, id) in (
        select d.tenant_id, d.id from webhook_deliveries d
        where d.created_at < now() - interval '30 days' and d.status not in ('pending', 'sending') limit p_most);
    get diagnostics v_count = row_count;
    return v_count;
end $$;

revoke execute on function app.keep_webhook_secret, app.tell_webhooks, app.claim_webhooks, app.note_webhook,
    app.prune_webhooks from public;
grant execute on function app.keep_webhook_secret to ffp_app;
grant execute on function app.claim_webhooks, app.note_webhook, app.prune_webhooks to ffp_relay;
"""


def upgrade() -> None:
    for statements in (TABLES, EVENTS, DISPATCH):
        op.execute(statements)


def downgrade() -> None:
    op.execute("""
        delete from notifications where kind = 'webhook_disabled';
        alter table notifications drop constraint notifications_kind_check, add constraint notifications_kind_check
            check (kind in ('referral', 'program_ready', 'program_to_review', 'program_rejected'));
        drop trigger jobs_webhook_succeeded on jobs;
        drop trigger jobs_webhook_failed on jobs;
        drop trigger jobs_webhook_referral on jobs;
        drop trigger programs_webhook_review on programs;
        drop trigger programs_webhook_made on programs;
        drop trigger programs_webhook_ready on programs;
        drop trigger users_webhook_joined on users;
        drop trigger users_webhook_back on users;
        drop trigger users_webhook_removed on users;
        drop function app.tell_webhooks, app.claim_webhooks, app.note_webhook, app.prune_webhooks;
        drop table webhook_deliveries, webhook_endpoints;
        drop function app.keep_webhook_secret;
    """)
