"""Roles' rights and row-level security: what each role may touch, and which rows exist for it.

Every policy reads its context through `(select app.f())`, which PostgreSQL evaluates once per statement,
not once per row. No context gives null, and null matches no row.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CONTEXT = """
create function app.tenant_id() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
create function app.user_id() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('app.user_id', true), '')::uuid $$;
create function app.role() returns text language sql stable parallel safe
    as $$ select nullif(current_setting('app.role', true), '') $$;

-- Roles that see every person of their tenant; the others see their own rows only.
create function app.sees_tenant() returns boolean language sql stable parallel safe
    as $$ select coalesce(app.role() in ('business_owner', 'business_admin', 'clinician', 'worker'), false) $$;

-- Who may write assessment templates of their tenant.
create function app.edits_templates() returns boolean language sql stable parallel safe
    as $$ select coalesce(app.role() in ('business_owner', 'business_admin', 'clinician', 'individual'), false) $$;

-- Local to the transaction: a pooled connection carries nothing to its next borrower.
create function app.set_context(p_tenant uuid, p_user uuid, p_role text) returns void language plpgsql as $$
begin
    perform set_config('app.tenant_id', coalesce(p_tenant::text, ''), true),
            set_config('app.user_id', coalesce(p_user::text, ''), true),
            set_config('app.role', coalesce(p_role, ''), true);
end $$;
"""

# Rows that belong to a person: the person, or a role that sees the whole tenant.
PERSONAL = (
    "assessments", "submissions", "scores", "jobs", "sessions", "prescribed_exercises",
)  # fmt: skip
# Rows of the tenant as a whole.
TENANT = ("users", "attempts", "idempotency_keys", "audit_log")
# Written once, never changed by a running service.
INSERT_ONLY = ("submissions", "scores", "audit_log")

IN_TENANT = "tenant_id = (select app.tenant_id())"
OWN = f"{IN_TENANT} and (user_id = (select app.user_id()) or (select app.sees_tenant()))"


def upgrade() -> None:
    op.execute(CONTEXT)
    op.execute("""
        revoke all on schema public from public;
        grant usage on schema public, app to ffp_app, ffp_relay, ffp_ops;
        revoke execute on all functions in schema app from public;
        grant execute on all functions in schema app to ffp_app, ffp_relay, ffp_ops;
    """)
    for table in (*PERSONAL, *TENANT, "tenants", "templates", "programs", "notifications"):
        op.execute(f"alter table {table} enable row level security, force row level security")
    for table in PERSONAL:
        using = OWN
        check = OWN
        if table == "assessments":
            # Looked up under the caller's own policies: a template of another tenant does not exist here.
            check += " and exists (select 1 from templates t where t.id = template_id)"
        op.execute(f"create policy {table}_own on {table} using ({using}) with check ({check})")
    for table in TENANT:
        op.execute(f"create policy {table}_tenant on {table} using ({IN_TENANT}) with check ({IN_TENANT})")
    op.execute("""
        create policy tenants_self on tenants for select using (id = (select app.tenant_id()));
        create policy tenants_found on tenants for insert with check (id = (select app.tenant_id()));
        create policy tenants_configure on tenants for update
            using (id = (select app.tenant_id()) and (select app.role()) in ('business_owner', 'business_admin', 'individual'))
            with check (id = (select app.tenant_id()));
    """)
    # A member does not see a program before a clinician has approved it, nor a rejected one.
    op.execute(f"""
        create policy programs_own on programs
            using ({IN_TENANT} and ((select app.sees_tenant())
                or (user_id = (select app.user_id()) and status in ('active', 'archived'))))
            with check ({OWN});
    """)
    # Made for others of the tenant (a referral tells its clinicians), read by their addressee.
    op.execute(f"""
        create policy notifications_own on notifications
            using ({IN_TENANT} and (user_id = (select app.user_id()) or (select app.role()) = 'worker'))
            with check ({IN_TENANT});
    """)
    writes = f"""({IN_TENANT} and (select app.edits_templates()))
        or (tenant_id is null and (select app.role()) = 'content_admin')"""
    op.execute(f"""
        create policy templates_read on templates for select
            using ((tenant_id is null and (status <> 'draft' or (select app.role()) = 'content_admin'))
                or ({IN_TENANT} and (status <> 'draft' or (select app.edits_templates()))));
        create policy templates_insert on templates for insert to ffp_app with check ({writes});
        create policy templates_change on templates for update to ffp_app using ({writes}) with check ({writes});
        create policy templates_ship on templates to ffp_owner using (true) with check (true);
        create policy audit_log_content on audit_log for insert to ffp_app
            with check (tenant_id is null and (select app.role()) = 'content_admin');
    """)
    changed = [
        t for t in (*PERSONAL, "programs", "notifications", "attempts", "idempotency_keys") if t not in INSERT_ONLY
    ]
    op.execute(f"""
        grant select on tenants, users, templates, exercises, libraries, safety_rules, solved_specs to ffp_app;
        grant insert on templates, solved_specs to ffp_app;
        grant update (version, content_hash, document, status, published_at, updated_at, revision) on templates to ffp_app;
        grant update (settings) on tenants to ffp_app;
        grant select, insert on {", ".join(INSERT_ONLY)} to ffp_app;
        grant select, insert, update on {", ".join(changed)} to ffp_app;
        grant delete on idempotency_keys to ffp_app;
    """)
    # The relay and the sweeper cross tenants, so they see job metadata only, column by column.
    op.execute("""
        grant select (tenant_id, id, kind, status, stage, attempt, max_attempts, revision, lease_until, published_at, error_code,
                      correlation_id, traceparent, created_at, updated_at) on jobs to ffp_relay;
        grant update (status, published_at, lease_until, error_code, updated_at, revision) on jobs to ffp_relay;
        create policy jobs_relay on jobs to ffp_relay using (true) with check (true);
        grant select (created_at), delete on idempotency_keys to ffp_relay;
        create policy idempotency_keys_expire on idempotency_keys to ffp_relay
            using (created_at < now() - interval '24 hours');
        grant select on jobs, attempts, audit_log to ffp_ops;
        create policy jobs_ops on jobs for select to ffp_ops using (true);
        create policy attempts_ops on attempts for select to ffp_ops using (true);
        create policy audit_log_ops on audit_log for select to ffp_ops using (true);
    """)


def downgrade() -> None:
    raise RuntimeError("row-level security is not taken away from tables that hold health data")
