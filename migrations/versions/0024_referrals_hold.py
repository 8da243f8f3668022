"""A program made from answers that are older than a referral does not begin as if there had been none.

It may still be on its way, or wait for its review, when its person hands in something with a red flag, or says so in a
check-in. It is stored, or approved, as `paused_safety`: a clinician looks, and resumes it.
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

REFERRED = """
-- Whether somebody has been referred since. Check-ins that a clinician has answered for by resuming do not count.
create function app.referred_since(p_user uuid, p_at timestamptz) returns boolean language sql volatile as $$
    select exists (select from jobs where tenant_id = app.tenant_id() and user_id = p_user and kind = 'assessment'
                       and result_type = 'referral' and finished_at > p_at)
        or exists (select from check_ins where tenant_id = app.tenant_id() and user_id = p_user and outcome = 'referral'
                       and created_at > p_at and resumed_at is null) $$;
revoke execute on function app.referred_since from public;
grant execute on function app.referred_since to ffp_app;
"""

# As before; a referral also holds the lock of the person's active program until it is committed, so that one of the
# two sees the other.
SCORING = """
create or replace function app.finish_scoring(
    p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_attempt integer, p_engine_version text, p_result jsonb, p_referral boolean)
returns boolean language plpgsql as $$
declare
    v jobs;
    v_submission submissions;
    v_program uuid;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    update jobs set
            status = case when p_referral then 'succeeded' else 'running' end,
            stage = case when p_referral then 'scoring' else 'generating' end,
            attempt = case when p_referral then attempt else 0 end,
            published_at = case when p_referral then published_at end,
            result_type = case when p_referral then 'referral' end,
            result_id = case when p_referral then assessment_id end,
            finished_at = case when p_referral then now() end,
            lease_until = null, error_code = null, revision = revision + 1, updated_at = now()
        where tenant_id = p_tenant and id = p_job and stage = 'scoring' and status = 'running' and attempt = p_attempt
        returning * into v;
    if not found then return false; end if;
    select * into v_submission from submissions where tenant_id = p_tenant and assessment_id = v.assessment_id;
    insert into scores (tenant_id, submission_id, user_id, engine_version, result)
        values (p_tenant, v_submission.id, v.user_id, p_engine_version, p_result);
    update attempts set ended_at = now(), outcome = 'succeeded'
        where tenant_id = p_tenant and job_id = p_job and stage = 'scoring' and number = p_attempt;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, p_user, p_role, case when p_referral then 'safety.referral' else 'assessment.scored' end,
                'assessment', v.assessment_id, v.user_id, v.correlation_id);
    if p_referral then
        perform app.notify_user(v.user_id, 'referral', 'assessment', v.assessment_id),
                app.notify_staff('referral', 'assessment', v.assessment_id, v.user_id);
        perform pg_advisory_xact_lock(hashtextextended(v.user_id::text, 1)); -- as app.archive_program
        update programs set status = 'paused_safety', status_at = now(), next_due = null, revision = revision + 1
            where tenant_id = p_tenant and user_id = v.user_id and status = 'active'
            returning id into v_program;
        if found then
            insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id,
                                   request_id)
                values (p_tenant, p_user, p_role, 'safety.referral', 'program', v_program, v.user_id, v.correlation_id);
            perform app.notify_user(v.user_id, 'program_paused', 'program', v_program),
                    app.notify_staff('program_paused', 'program', v_program, v.user_id);
        end if;
    end if;
    return true;
end $$;
"""

GENERATING = """
create or replace function app.finish_generation(
    p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_attempt integer, p_program jsonb, p_plan jsonb)
returns boolean language plpgsql as $$
declare
    v jobs;
    v_program uuid := (p_program ->> 'id')::uuid;
    v_review boolean;
    v_stopped boolean := false;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    v_review := app.needs_review();
    update jobs set status = 'succeeded', result_type = 'program', result_id = v_program, lease_until = null,
            review = case when v_review then 'pending' end, error_code = null, revision = revision + 1, updated_at = now(), finished_at = now()
        where tenant_id = p_tenant and id = p_job and stage = 'generating' and status = 'running' and attempt = p_attempt
        returning * into v;
    if not found then return false; end if;
    if not v_review then
        perform app.archive_program(v.user_id);
        v_stopped := app.referred_since(v.user_id, (select submitted_at from submissions
            where tenant_id = p_tenant and assessment_id = v.assessment_id)); -- after the lock
    end if;
    insert into programs (tenant_id, id, user_id, submission_id, job_id, status, weeks, start_on, spec, proof,
                          input_hash, library_hash, engine_version)
        select p_tenant, v_program, v.user_id, s.id, p_job, case when v_review then 'pending_review' when v_stopped then 'paused_safety' else 'active' end,
               r.weeks, r.start_on, r.spec, r.proof, r.input_hash, r.library_hash, r.engine_version
        from jsonb_to_record(p_program) as r (weeks integer, start_on date, spec jsonb, proof jsonb,
                                              input_hash text, library_hash text, engine_version text)
        join submissions s on s.tenant_id = p_tenant and s.assessment_id = v.assessment_id;
    insert into sessions (tenant_id, id, program_id, user_id, week, number, deload, scheduled_on, minutes)
        select p_tenant, r.id, v_program, v.user_id, r.week, r.number, r.deload, r.scheduled_on, r.minutes
        from jsonb_to_recordset(p_program -> 'sessions')
            as r (id uuid, week integer, number integer, deload boolean, scheduled_on date, minutes numeric);
    insert into prescribed_exercises (tenant_id, session_id, position, user_id, exercise, role, sets, reps, seconds,
                                      rest_s, minutes, effort, why)
        select p_tenant, (s.value ->> 'id')::uuid, i.position, v.user_id, i.exercise, i.role, i.sets, i.reps, i.seconds,
               i.rest_s, i.minutes, i.effort, i.why
        from jsonb_array_elements(p_program -> 'sessions') s
        cross join lateral jsonb_to_recordset(s.value -> 'items')
            as i (position integer, exercise text, role text, sets integer, reps integer, seconds integer,
                  rest_s integer, minutes numeric, effort integer, why jsonb);
    update attempts set ended_at = now(), outcome = 'succeeded'
        where tenant_id = p_tenant and job_id = p_job and stage = 'generating' and number = p_attempt;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, p_user, p_role, 'program.created', 'program', v_program, v.user_id, v.correlation_id);
    if p_plan is not null then
        insert into solved_specs (input_hash, plan) values (p_plan ->> 'input_hash', p_plan) on conflict do nothing;
    end if;
    if v_review then
        perform app.notify_staff('program_to_review', 'program', v_program, null);
    elsif v_stopped then
        perform app.notify_user(v.user_id, 'program_paused', 'program', v_program),
                app.notify_staff('program_paused', 'program', v_program, v.user_id);
    else
        perform app.notify_user(v.user_id, 'program_ready', 'program', v_program);
    end if;
    return true;
end $$;
"""

REVIEW = """
-- A decision on a program that waits for one: 'active' or 'rejected'. FF412 when it has changed since it was read.
create or replace function app.review_program(
    p_tenant uuid, p_user uuid, p_role text, p_program uuid, p_revision integer, p_decision text, p_note text, p_request text)
returns boolean language plpgsql as $$
declare
    v programs;
    v_stopped boolean := false;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    select * into v from programs where tenant_id = p_tenant and id = p_program for update;
    if not found then raise exception 'no such program' using errcode = 'FF404'; end if;
    if v.revision <> p_revision then raise exception 'stale revision' using errcode = 'FF412'; end if;
    if v.status <> 'pending_review' then return false; end if;
    if p_decision = 'active' then
        perform app.archive_program(v.user_id);
        v_stopped := app.referred_since(v.user_id, (select submitted_at from submissions
            where tenant_id = p_tenant and id = v.submission_id)); -- after the lock
    end if;
    update programs set status = case when v_stopped then 'paused_safety' else p_decision end, status_at = now(), reviewed_by = p_user, reviewed_at = now(), review_note = p_note,
            revision = revision + 1
        where tenant_id = p_tenant and id = p_program;
    -- Whoever follows the job learns of the decision there, and its ETag changes with it.
    update jobs set review = case p_decision when 'active' then 'approved' else 'rejected' end,
            revision = revision + 1, updated_at = now()
        where tenant_id = p_tenant and id = v.job_id;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, p_user, p_role, case p_decision when 'active' then 'program.approved' else 'program.rejected' end,
                'program', p_program, v.user_id, p_request);
    perform app.notify_user(v.user_id, case when v_stopped then 'program_paused' when p_decision = 'active' then 'program_ready'
                            else 'program_rejected' end, 'program', p_program);
    return true;
end $$;
"""


def upgrade() -> None:
    for functions in (REFERRED, SCORING, GENERATING, REVIEW):
        op.execute(functions)


def downgrade() -> None:
    raise RuntimeError("without these functions a program begins in spite of a referral")
