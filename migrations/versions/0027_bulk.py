"""Less is asked for each of many: an e-mail, a row of an import, and who has a turn.

What waits behind a line is held without counting the line. A window of which half has to be free is counted to its half.
A row of an import does its job in the transaction that makes it: nobody has to claim it, and it takes nobody's place. And
a plan that is known already is not sent once more.
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


GENERATION = """
-- As the one before, of a plan as it is solved: its weeks are laid on the calendar here, from `p_start_on`, a Monday.
-- `p_sessions` are the ids of its sessions in their order. Without `p_plan` it is the one that is known by its hash.
create function app.finish_generation(
    p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_attempt integer, p_program uuid, p_start_on date,
    p_sessions uuid[], p_input_hash text, p_plan jsonb)
returns boolean language plpgsql as $$
declare
    v jobs;
    -- `#> '{}'` unpacks it once: it is asked for many things, and would be unpacked for each.
    v_plan jsonb := coalesce(p_plan, (select plan from solved_specs where input_hash = p_input_hash)) #> '{}';
    v_review boolean;
    v_stopped boolean := false;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    v_review := app.needs_review();
    update jobs set status = 'succeeded', result_type = 'program', result_id = p_program, lease_until = null,
            review = case when v_review then 'pending' end, error_code = null, revision = revision + 1, updated_at = now(), finished_at = now()
        where tenant_id = p_tenant and id = p_job and stage = 'generating' and status is not distinct from 'running' and attempt = p_attempt
        returning * into v;
    if not found then return false; end if;
    if not v_review then
        perform app.archive_program(v.user_id);
        v_stopped := app.referred_since(v.user_id, (select submitted_at from submissions
            where tenant_id = p_tenant and assessment_id = v.assessment_id)); -- after the lock
    end if;
    insert into programs (tenant_id, id, user_id, submission_id, job_id, status, weeks, start_on, spec, proof,
                          input_hash, library_hash, engine_version)
        select p_tenant, p_program, v.user_id, s.id, p_job, case when v_review then 'pending_review' when v_stopped then 'paused_safety' else 'active' end,
               jsonb_array_length(v_plan -> 'weeks'), p_start_on, v_plan -> 'spec',
               (select jsonb_object_agg(k, v_plan -> k) from unnest(array['solver', 'objective', 'bound', 'gap', 'relaxed', 'reassess_week']) k),
               v_plan ->> 'input_hash', v_plan ->> 'library_hash', v_plan ->> 'engine_version'
        from submissions s where s.tenant_id = p_tenant and s.assessment_id = v.assessment_id;
    with planned as materialized (
        select p_sessions[row_number() over (order by w.place, s.place)] as id, (w.week ->> 'number')::integer as week, s.number,
               (w.week ->> 'deload')::boolean as deload, p_start_on + (w.place - 1)::integer * 7 + s.day as scheduled_on, s.minutes, s.items
        from jsonb_array_elements(v_plan -> 'weeks') with ordinality as w (week, place)
        cross join lateral rows from (jsonb_to_recordset(w.week -> 'sessions')
                as (number integer, day integer, minutes numeric, items jsonb)) with ordinality
            as s (number, day, minutes, items, place)
    ), made as (
        insert into sessions (tenant_id, id, program_id, user_id, week, number, deload, scheduled_on, minutes)
            select p_tenant, id, p_program, v.user_id, week, number, deload, scheduled_on, minutes from planned
    )
    insert into prescribed_exercises (tenant_id, session_id, position, user_id, exercise, role, sets, reps, seconds,
                                      rest_s, minutes, effort, why)
        select p_tenant, s.id, i.position, v.user_id, i.exercise, i.role, i.sets, i.reps, i.seconds,
               i.rest_s, i.minutes, i.effort, i.why
        from planned s
        cross join lateral rows from (jsonb_to_recordset(s.items)
                as (exercise text, role text, sets integer, reps integer, seconds integer,
                    rest_s integer, minutes numeric, effort integer, why jsonb)) with ordinality
            as i (exercise, role, sets, reps, seconds, rest_s, minutes, effort, why, position);
    update attempts set ended_at = now(), outcome = 'succeeded'
        where tenant_id = p_tenant and job_id = p_job and stage = 'generating' and number = p_attempt;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, p_user, p_role, 'program.created', 'program', p_program, v.user_id, v.correlation_id);
    if p_plan is not null then
        insert into solved_specs (input_hash, plan) values (p_input_hash, p_plan) on conflict do nothing;
    end if;
    if v_review then
        perform app.notify_staff('program_to_review', 'program', p_program, null);
    elsif v_stopped then
        perform app.notify_user(v.user_id, 'program_paused', 'program', p_program),
                app.notify_staff('program_paused', 'program', p_program, v.user_id);
    else
        perform app.notify_user(v.user_id, 'program_ready', 'program', p_program);
    end if;
    return true;
end $$;
revoke execute on function app.finish_generation(uuid, uuid, text, uuid, integer, uuid, date, uuid[], text, jsonb) from public;
grant execute on function app.finish_generation(uuid, uuid, text, uuid, integer, uuid, date, uuid[], text, jsonb) to ffp_app;
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
        "referral boolean, program jsonb, plan jsonb, refused text)",
        """referral boolean, program jsonb, plan jsonb, refused text,
            program_id uuid, start_on date, sessions uuid[], input_hash text)""",
    ),
    (
        "import_assessments",
        "else\n                        perform app.finish_generation(",
        """elsif r.program_id is not null then
                        perform app.finish_generation(p_tenant, null, 'worker', r.job, 1, r.program_id, r.start_on,
                            r.sessions, r.input_hash, r.plan);
                    else -- as the release before this one asks
                        perform app.finish_generation(""",
    ),
    (
        "import_assessments",
        "r.score, r.referral);",
        "r.score, r.referral);\n                perform set_config('app.at_once', '', true);",
    ),
)


def upgrade() -> None:
    op.execute(EMAILS)
    op.execute(GENERATION)
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
    op.execute("drop function app.finish_generation(uuid, uuid, text, uuid, integer, uuid, date, uuid[], text, jsonb)")
