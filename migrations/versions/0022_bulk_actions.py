"""Bulk actions: one thing done for every member whom a filter means, and what became of each.

`bulk_action_members` is the set as it was when it was confirmed: one row a member, in the order in which they are worked
on. Its `user_id` says whose row it is, so their export shows it and their erasure takes it away; all of them go after
30 days. What is kept of the filter says of nobody who they are: see domain/bulk_actions/model.py.

An assessment that somebody was given to fill in has `assigned_at`: it is due until it is handed in.
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

IN_TENANT = "tenant_id = (select app.tenant_id())"
STAFF = f"{IN_TENANT} and (select app.sees_tenant())"

ASSIGNED = """
alter table assessments add column assigned_at timestamptz;
alter table reminders drop constraint reminders_kind_check,
    add constraint reminders_kind_check check (kind in ('session', 'reassessment', 'assessment'));
"""

TABLES = f"""
create table bulk_actions (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    created_by uuid not null,
    action text not null check (action in ('assign', 'remind', 'regenerate', 'archive', 'export')),
    filter jsonb not null,              -- of roles, states and numbers: never of who somebody is
    narrowed jsonb not null default '[]', -- names of the conditions that said who, without what they said
    options jsonb not null default '{{}}', -- template, whether again, format
    status text not null check (status in ('waiting', 'running', 'paused', 'completed', 'failed', 'canceled')),
    revision integer not null default 1,
    to_do integer not null,
    position integer not null default 0, -- the number of the last member that a chunk came to
    done integer not null default 0,
    skipped integer not null default 0,
    failed integer not null default 0,
    run_started_at timestamptz,          -- of the work after each pause
    run_base integer not null default 0, -- members that were done with when it started
    error_code text,
    correlation_id text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    finished_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, created_by) references users (tenant_id, id)
);
-- One at a time in a tenant; the others wait. That no import runs meanwhile is what `slot` in infra/bulk_runs.py sees to.
create unique index bulk_actions_running_key on bulk_actions (tenant_id) where status = 'running';
alter table bulk_actions enable row level security, force row level security;
create policy bulk_actions_staff on bulk_actions using ({STAFF}) with check ({STAFF});
grant select, insert on bulk_actions to ffp_app;
grant update (status, revision, position, done, skipped, failed, to_do, run_started_at, run_base, error_code, updated_at,
    finished_at) on bulk_actions to ffp_app;

create table bulk_action_members (
    tenant_id uuid not null,
    action_id uuid not null,
    number integer not null,
    user_id uuid not null,
    status text not null default 'pending' check (status in ('pending', 'skipped', 'failed', 'done')),
    code text, -- why it was not done, or what else there is to say
    result_type text,
    result_id uuid,
    created_at timestamptz not null default now(),
    primary key (tenant_id, action_id, number),
    foreign key (tenant_id, action_id) references bulk_actions (tenant_id, id),
    foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index bulk_action_members_user_idx on bulk_action_members (tenant_id, user_id);
create index bulk_action_members_created_idx on bulk_action_members using brin (created_at);
alter table bulk_action_members enable row level security, force row level security;
create policy bulk_action_members_staff on bulk_action_members using ({STAFF}) with check ({STAFF});
create policy bulk_action_members_own on bulk_action_members for select
    using ({IN_TENANT} and user_id = (select app.user_id()));
grant select, insert (tenant_id, action_id, number, user_id), update (status, code, result_type, result_id)
    on bulk_action_members to ffp_app;
grant select (tenant_id, action_id, number, created_at), delete on bulk_action_members to ffp_relay;
create policy bulk_action_members_expire on bulk_action_members to ffp_relay
    using (created_at < now() - interval '30 days');

create function app.tell_bulk_action() returns trigger language plpgsql as $$
begin
    perform pg_notify('ffp_changes', concat_ws(' ', 'bulk_action', new.tenant_id, new.created_by, new.id));
    return null;
end $$;
create trigger bulk_actions_tell after update on bulk_actions for each row
    when (old.revision is distinct from new.revision) execute function app.tell_bulk_action();

revoke execute on function app.tell_bulk_action from public;
grant execute on function app.tell_bulk_action to ffp_app;
"""


def upgrade() -> None:
    op.execute(ASSIGNED)
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("""
        drop table bulk_action_members, bulk_actions;
        drop function app.tell_bulk_action;
        delete from reminders where kind = 'assessment';
        alter table reminders drop constraint reminders_kind_check,
            add constraint reminders_kind_check check (kind in ('session', 'reassessment'));
        alter table assessments drop column assigned_at;
    """)
