"""Less is asked for each of many: an e-mail, a row of an import, and who has a turn.

What waits behind a line is held without counting the line. A window of which half has to be free is counted to its half.
And a row of an import does its job in the transaction that makes it: nobody has to claim it, and it takes nobody's place.
"""

from alembic import op
from sqlalchemy import text

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

EMAILS = """
-- Both are a whole transaction when called alone, as what else a worker asks for each of its jobs.
create function app.read_email(p_tenant uuid, p_user uuid, p_role text, p_email uuid)
returns table (id uuid, address text, kind text, params jsonb, status text, wanted boolean) language plpgsql as $$
#variable_conflict use_column
begin
    perform app.set_context(p_tenant, p_user, p_role);
    return query select e.id, e.address, e.kind, e.params, e.status,
            u.id is null or (u.status = 'active' and coalesce((u.preferences -> 'email' ->> e.kind)::boolean, true))
        from emails e left join users u on u.tenant_id = e.tenant_id and u.id = e.user_id
        where e.tenant_id = p_tenant and e.id = p_email;
end $$;

-- The mail service has it. Fenced as app.finish_job is.
create function app.finish_email(p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_attempt integer, p_email uuid, p_message text)
returns boolean language plpgsql as $$
begin
    if not app.finish_job(p_tenant, p_user, p_role, p_job, 'sending', p_attempt, null, null) then return false; end if;
    update emails set status = 'sent', message_id = p_message, sent_at = now()
        where tenant_id = p_tenant and id = p_email and status = 'queued';
    return true;
end $$;
revoke execute on function app.read_email, app.finish_email from public;
grant execute on function app.read_email, app.finish_email to ffp_app;
"""


def _claimed(stage: str) -> str:
    return f"perform app.claim_job(p_tenant, null, 'worker', r.job, '{stage}', p_lease_s, p_worker);"


def _begun(stage: str) -> str:
    return f"""insert into attempts (tenant_id, job_id, stage, number, worker)
                        values (p_tenant, r.job, '{stage}', 1, p_worker);"""


# Parts of functions that are otherwise as they were: what stood there, and what stands there now.
_OVERTAKING = "exists (select from jobs where held and stage = new.stage and tenant_id = new.tenant_id)"
PARTS = (
    (
        "take_place",
        f"""(l.paused
        or app.in_flight(new.tenant_id, new.stage, l.places) >= l.places
        or (l.concurrency is not null and app.in_flight(new.stage, l.concurrency) >= l.concurrency)
        or {_OVERTAKING}); -- no overtaking""",
        f"""(l.paused
        or {_OVERTAKING} -- no overtaking
        or app.in_flight(new.tenant_id, new.stage, l.places) >= l.places
        or (l.concurrency is not null and app.in_flight(new.stage, l.concurrency) >= l.concurrency));""",
    ),
    (
        "finish_generation",
        """cross join lateral jsonb_to_recordset(s.value -> 'items')
            as i (position integer, exercise text, role text, sets integer, reps integer, seconds integer,
                  rest_s integer, minutes numeric, effort integer, why jsonb);""",
        """cross join lateral rows from (jsonb_to_recordset(s.value -> 'items')
                as (exercise text, role text, sets integer, reps integer, seconds integer,
                    rest_s integer, minutes numeric, effort integer, why jsonb)) with ordinality
            as i (exercise, role, sets, reps, seconds, rest_s, minutes, effort, why, position);""",
    ),
    (
        "take_turns",
        "if v_room <= 0 then return; end if;",
        """if v_room <= 0 or (p_tenant is not null and app.in_flight(p_tenant, p_stage, l.places / 2 + 1) > l.places / 2) then
        return;
    end if;""",
    ),
    (
        "take_turns",
        "app.in_flight(w.tenant_id, p_stage, t.places) as taken",
        "app.in_flight(w.tenant_id, p_stage, t.places / 2 + 1) as taken",
    ),
    (
        "take_place",
        "begin\n    select * into l",
        """begin
    if current_setting('app.at_once', true) = 'on' then -- see app.import_assessments
        new.held := false;
        new.status := 'running';
        new.attempt := 1;
        new.published_at := now();
        new.started_at := coalesce(new.started_at, now());
        new.revision := new.revision + 1; -- as the claim would
        return new;
    end if;
    select * into l""",
    ),
    (
        "import_assessments",
        "perform app.submit_assessment(",
        """-- Its job comes into a stage as one that is begun, and nobody else sees it there.
                perform set_config('app.at_once', 'on', true);
                perform app.submit_assessment(""",
    ),
    ("import_assessments", _claimed("scoring"), _begun("scoring")),
    ("import_assessments", _claimed("generating"), _begun("generating")),
    (
        "import_assessments",
        "r.score, r.referral);",
        "r.score, r.referral);\n                perform set_config('app.at_once', '', true);",
    ),
)


def upgrade() -> None:
    op.execute(EMAILS)
    for name, before, after in PARTS:
        _replace(name, before, after)


def _replace(name: str, before: str, after: str) -> None:
    """In the function of this name. What is not there to be replaced stops the migration."""
    found = op.get_bind().execute(
        text(
            "select pg_get_functiondef(oid) from pg_proc where pronamespace = 'app'::regnamespace and proname = :name"
        ),
        {"name": name},
    )
    source = found.scalar_one()
    if source.count(before) != 1:
        raise RuntimeError(f"app.{name} is another one than this migration knows")
    op.get_bind().exec_driver_sql(source.replace(before, after))


def downgrade() -> None:
    for name, before, after in reversed(PARTS):
        _replace(name, after, before)
    op.execute("drop function app.read_email, app.finish_email")
