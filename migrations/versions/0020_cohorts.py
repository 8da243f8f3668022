"""Cohorts: how somebody does, as a filter asks it, and filters under a name that the staff of a business share."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

STAFF = "tenant_id = (select app.tenant_id()) and (select app.sees_tenant())"

TABLES = f"""
create table member_views (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    name text not null check (length(name) between 1 and 100),
    filter jsonb not null, -- of roles, states and numbers: never of who somebody is
    created_by uuid not null,
    revision integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, id),
    foreign key (tenant_id, created_by) references users (tenant_id, id)
);
alter table member_views enable row level security, force row level security;
create policy member_views_staff on member_views using ({STAFF}) with check ({STAFF});
grant select, insert (tenant_id, id, name, filter, created_by), update (name, filter, revision, updated_at), delete
    on member_views to ffp_app;
"""

FUNCTIONS = """
-- How somebody does, in percent and whole: of the sessions of the program under way those that are done, and of those
-- that were due those that are done; null where there are none. Due as docs/cohorts.md says. And when they last handed
-- in answers or ended a session. One row a person; under the caller's policies.
create function app.doing(p_tenant uuid, p_person uuid, p_zone text)
returns table (program_status text, completion integer, adherence integer, last_activity_at timestamptz)
language sql stable as $$
    select p.status, d.completion, d.adherence,
        greatest((select max(s.submitted_at) from submissions s where s.tenant_id = p_tenant and s.user_id = p_person),
                 (select max(s.finished_at) from sessions s where s.tenant_id = p_tenant and s.user_id = p_person))
    from (select 1) one
    left join programs p on p.tenant_id = p_tenant and p.user_id = p_person and p.status in ('active', 'paused_safety')
    left join lateral (
        select 100 * count(*) filter (where x.done) / nullif(count(*), 0) as completion,
            100 * count(*) filter (where x.done) / nullif(count(*) filter (where x.done or x.due), 0) as adherence
        from (select s.status = 'done' as done,
                  case when coalesce(s.planned_on, s.scheduled_on) < p.counted_from
                           and s.scheduled_on <> coalesce(s.planned_on, s.scheduled_on) then s.scheduled_on
                       else coalesce(s.planned_on, s.scheduled_on) end < (now() at time zone p_zone)::date as due
              from sessions s where s.tenant_id = p_tenant and s.program_id = p.id) x) d on true $$;

-- How a scale of a template has changed from the first to the latest attempt that has a value, against the smallest
-- change that matters (in points or as a part of the baseline, either suffices): 1 better, -1 worse, 0 less than that;
-- null where there is nothing to compare or no such change is known. domain.outcomes.trends says the same of one person.
create function app.changed(p_tenant uuid, p_person uuid, p_template text, p_scale text) returns integer
language sql stable as $$
    select case
            when z ->> 'value' is null or n < 2 or coalesce(a -> 'keys', '[]') <> coalesce(z -> 'keys', '[]') then null
            when m.absolute is null and m.relative is null then null
            when m.moved = 0 or not (coalesce(m.absolute, false) or coalesce(m.relative, false)) then 0
            when (m.moved > 0) = (coalesce(z ->> 'direction', 'higher_worse') = 'higher_better') then 1
            else -1 end
    from (select count(*) as n, (array_agg(e order by s.submitted_at, s.attempt_number))[1] as a,
              (array_agg(e order by s.submitted_at desc, s.attempt_number desc))[1] as z
          from submissions s join scores c on c.tenant_id = s.tenant_id and c.submission_id = s.id
              cross join lateral jsonb_array_elements(c.result -> 'scores') e
          where s.tenant_id = p_tenant and s.user_id = p_person and s.template_slug = p_template
              and e ->> 'id' = p_scale and e ->> 'value' is not null) x
    cross join lateral (select (z ->> 'value')::numeric - (a ->> 'value')::numeric as moved) v
    cross join lateral (select v.moved,
        abs(v.moved) >= (z -> 'minimal_change' ->> 'absolute')::numeric as absolute,
        case when (a ->> 'value')::numeric > 0
             then abs(v.moved) / (a ->> 'value')::numeric >= (z -> 'minimal_change' ->> 'relative')::numeric end as relative) m $$;

revoke execute on function app.doing, app.changed from public;
grant execute on function app.doing, app.changed to ffp_app;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTIONS)


def downgrade() -> None:
    op.execute("drop function app.doing, app.changed; drop table member_views")
