"""The hot paths as one statement each: open a request, submit, poll, claim, finish.

Each function sets its tenant context first and is a whole transaction when called on its own, so a poll is one
round trip and a submission is one commit. They run with the caller's rights (row-level security applies) but for
`open_request`, which looks a principal up before there is a tenant.

SQLSTATEs raised here and translated in infra/database.py: FF404 not found, FF409 conflict, FF412 stale, FF422 key reused.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

IDENTITY = """
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
"""

JOBS = """
-- The legal moves of domain/jobs.py, once more where no service can forget them; a test compares the two.
create function app.job_may_move(p_from text, p_to text) returns boolean language sql immutable parallel safe as $$
    select (p_from, p_to) in (
        ('queued', 'running'), ('queued', 'canceled'),
        ('running', 'retrying'), ('running', 'succeeded'), ('running', 'failed'), ('running', 'canceled'), ('running', 'dead'),
        ('retrying', 'running'), ('retrying', 'canceled'), ('retrying', 'dead'),
        ('dead', 'running'), ('dead', 'canceled')) $$;

create function app.guard_job() returns trigger language plpgsql as $$
begin
    if not app.job_may_move(old.status, new.status) then
        raise exception 'job % may not move from % to %', old.id, old.status, new.status using errcode = 'FF409';
    end if;
    return new;
end $$;
create trigger jobs_guard before update of status on jobs
    for each row when (old.status is distinct from new.status) execute function app.guard_job();

create function app.read_job(p_tenant uuid, p_user uuid, p_role text, p_job uuid) returns setof jobs language plpgsql as $$
begin
    perform app.set_context(p_tenant, p_user, p_role);
    return query select * from jobs where tenant_id = p_tenant and id = p_job;
end $$;

create function app.cancel_job(p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_request text) returns setof jobs
language plpgsql as $$
declare v jobs;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    select * into v from jobs where tenant_id = p_tenant and id = p_job for update;
    if not found then return; end if;
    if v.status in ('succeeded', 'failed', 'canceled') then
        raise exception 'job is final' using errcode = 'FF409';
    end if;
    update attempts set ended_at = now(), outcome = 'canceled'
        where tenant_id = p_tenant and job_id = p_job and stage = v.stage and number = v.attempt and ended_at is null;
    update jobs set status = 'canceled', lease_until = null, revision = revision + 1, updated_at = now(), finished_at = now()
        where tenant_id = p_tenant and id = p_job returning * into v;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, p_user, p_role, 'job.canceled', 'job', p_job, v.user_id, p_request);
    perform pg_notify('ffp_jobs', p_job::text);
    return next v;
end $$;

create function app.mark_published(p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_stage text) returns void language plpgsql as $$
begin
    perform app.set_context(p_tenant, p_user, p_role), set_config('synchronous_commit', 'off', true);
    update jobs set published_at = now() where tenant_id = p_tenant and id = p_job and stage = p_stage and published_at is null;
end $$;
"""

SUBMIT = """
create function app.read_template(p_tenant uuid, p_user uuid, p_role text, p_template uuid) returns setof templates
language plpgsql as $$
begin
    perform app.set_context(p_tenant, p_user, p_role);
    return query select * from templates where id = p_template;
end $$;

create function app.open_submission(p_tenant uuid, p_user uuid, p_role text, p_assessment uuid, p_route text, p_key text)
returns table (template_id uuid, template_hash text, status text, answers jsonb, revision integer,
               key_hash text, key_job jobs, job_id uuid)
language plpgsql as $$
begin
    perform app.set_context(p_tenant, p_user, p_role);
    return query
        select a.template_id, t.content_hash, a.status, a.answers, a.revision, k.body_hash,
               jsonb_populate_record(null::jobs, k.response), j.id
        from assessments a
        join templates t on t.id = a.template_id
        left join idempotency_keys k on k.tenant_id = p_tenant and k.user_id = p_user and k.route = p_route and k.key = p_key
            and k.created_at > now() - interval '24 hours'
        left join jobs j on j.tenant_id = a.tenant_id and j.assessment_id = a.id
        where a.tenant_id = p_tenant and a.id = p_assessment;
end $$;

create function app.submit_assessment(
    p_tenant uuid, p_user uuid, p_role text, p_assessment uuid, p_revision integer,
    p_route text, p_key text, p_body_hash text, p_job uuid, p_submission uuid,
    p_answers jsonb, p_enabled jsonb, p_computed jsonb, p_answered_on date, p_engine_version text,
    p_correlation_id text, p_traceparent text)
returns table (replayed boolean, job jobs)
language plpgsql as $$
declare
    v_key idempotency_keys;
    v_assessment assessments;
    v_template templates;
    v_job jobs;
    v_attempt integer;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    -- The key first: a concurrent twin waits on this row until the first has committed, then reads its answer.
    insert into idempotency_keys as k (tenant_id, user_id, route, key, body_hash, response)
        values (p_tenant, p_user, p_route, p_key, p_body_hash, 'null')
        on conflict on constraint idempotency_keys_pkey do update
            set body_hash = excluded.body_hash, response = excluded.response, created_at = now()
            where k.created_at < now() - interval '24 hours';
    if not found then
        select * into v_key from idempotency_keys k
            where k.tenant_id = p_tenant and k.user_id = p_user and k.route = p_route and k.key = p_key;
        if v_key.body_hash <> p_body_hash then
            raise exception 'idempotency key reused' using errcode = 'FF422';
        end if;
        return query select true, jsonb_populate_record(null::jobs, v_key.response);
        return;
    end if;

    update assessments set status = 'submitted', answers = p_answers, revision = revision + 1,
            submitted_at = now(), updated_at = now()
        where tenant_id = p_tenant and id = p_assessment and status = 'draft' and revision = p_revision
        returning * into v_assessment;
    if not found then
        select * into v_assessment from assessments where tenant_id = p_tenant and id = p_assessment;
        if not found then raise exception 'no such assessment' using errcode = 'FF404'; end if;
        if v_assessment.status = 'submitted' then
            select * into v_job from jobs where tenant_id = p_tenant and assessment_id = p_assessment;
            raise exception 'already submitted' using errcode = 'FF409', detail = v_job.id::text;
        end if;
        raise exception 'stale revision' using errcode = 'FF412';
    end if;
    select * into v_template from templates where id = v_assessment.template_id;

    -- One person submitting the same template twice at once must not draw one number twice.
    perform pg_advisory_xact_lock(hashtextextended(v_assessment.user_id::text || v_template.slug, 0));
    select coalesce(max(s.attempt_number), 0) + 1 into v_attempt from submissions s
        where s.tenant_id = p_tenant and s.user_id = v_assessment.user_id and s.template_slug = v_template.slug;
    insert into submissions (tenant_id, id, assessment_id, user_id, template_slug, template_version, template_hash,
                             engine_version, answers, enabled, computed, answered_on, attempt_number, is_initial)
        values (p_tenant, p_submission, p_assessment, v_assessment.user_id, v_template.slug, v_template.version,
                v_template.content_hash, p_engine_version, p_answers, p_enabled, p_computed, p_answered_on, v_attempt, v_attempt = 1);
    insert into jobs (tenant_id, id, user_id, kind, assessment_id, correlation_id, traceparent)
        values (p_tenant, p_job, v_assessment.user_id, 'assessment', p_assessment, p_correlation_id, p_traceparent)
        returning * into v_job;
    update idempotency_keys k set response = to_jsonb(v_job)
        where k.tenant_id = p_tenant and k.user_id = p_user and k.route = p_route and k.key = p_key;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, p_user, p_role, 'assessment.submitted', 'assessment', p_assessment, v_assessment.user_id, p_correlation_id);
    return query select false, v_job;
end $$;
"""

WORK = """
-- Takes a job for one attempt of one stage. The lease may be lost in a crash of the server (synchronous_commit off):
-- then the message comes again and the job is claimed again. An effect is never written that way.
create function app.claim_job(p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_stage text, p_lease_s double precision, p_worker text)
returns table (outcome text, retry_in integer, job jobs, submission submissions, template_id uuid, score jsonb, settings jsonb)
language plpgsql as $$
declare
    v jobs;
begin
    perform app.set_context(p_tenant, p_user, p_role), set_config('synchronous_commit', 'off', true);
    select * into v from jobs where tenant_id = p_tenant and id = p_job for update;
    if not found then
        return query select 'unknown', 0, null::jobs, null::submissions, null::uuid, null::jsonb, null::jsonb;
    elsif v.status in ('succeeded', 'failed', 'canceled') or (v.stage = 'generating' and p_stage = 'scoring') then
        return query select 'done', 0, v, null::submissions, null::uuid, null::jsonb, null::jsonb;
    elsif v.stage <> p_stage then
        return query select 'unknown', 0, null::jobs, null::submissions, null::uuid, null::jsonb, null::jsonb;
    elsif v.lease_until > now() then
        return query select 'busy', ceil(extract(epoch from v.lease_until - now()))::integer, v, null::submissions, null::uuid, null::jsonb, null::jsonb;
    elsif v.attempt >= v.max_attempts then
        if v.status in ('running', 'retrying') then
            update jobs set status = 'dead', lease_until = null, error_code = coalesce(error_code, 'attempts_exhausted'),
                published_at = coalesce(published_at, now()), revision = revision + 1, updated_at = now()
                where tenant_id = p_tenant and id = p_job returning * into v;
        end if;
        return query select 'exhausted', 0, v, null::submissions, null::uuid, null::jsonb, null::jsonb;
    else
        update jobs set status = 'running', attempt = attempt + 1, lease_until = now() + make_interval(secs => p_lease_s),
                published_at = coalesce(published_at, now()), started_at = coalesce(started_at, now()),
                revision = revision + 1, updated_at = now()
            where tenant_id = p_tenant and id = p_job returning * into v;
        insert into attempts (tenant_id, job_id, stage, number, worker) values (p_tenant, p_job, p_stage, v.attempt, p_worker);
        perform pg_notify('ffp_jobs', p_job::text);
        return query select 'claimed', 0, v, s, a.template_id, c.result, t.settings
            from submissions s
            join tenants t on t.id = s.tenant_id
            join assessments a on a.tenant_id = s.tenant_id and a.id = s.assessment_id
            left join scores c on c.tenant_id = s.tenant_id and c.submission_id = s.id
            where s.tenant_id = p_tenant and s.assessment_id = v.assessment_id;
    end if;
end $$;

-- Each finish is fenced by stage and attempt: who lost the lease changes nothing and is told false.
create function app.finish_scoring(
    p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_attempt integer, p_engine_version text, p_result jsonb, p_referral boolean)
returns boolean language plpgsql as $$
declare
    v jobs;
    v_submission submissions;
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
    end if;
    perform pg_notify('ffp_jobs', p_job::text);
    return true;
end $$;

-- What has been solved before, by any tenant.
create function app.read_solved(p_tenant uuid, p_user uuid, p_role text, p_input_hash text) returns setof jsonb
language sql stable as $$ select plan from solved_specs where input_hash = p_input_hash $$;

-- `p_plan` is the solved spec behind the program, to be kept for the next who asks the same; null when it is known.
create function app.finish_generation(
    p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_attempt integer, p_program jsonb, p_plan jsonb)
returns boolean language plpgsql as $$
declare
    v jobs;
    v_program uuid := (p_program ->> 'id')::uuid;
    v_review boolean;
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
    end if;
    insert into programs (tenant_id, id, user_id, submission_id, job_id, status, weeks, start_on, spec, proof,
                          input_hash, library_hash, engine_version)
        select p_tenant, v_program, v.user_id, s.id, p_job, case when v_review then 'pending_review' else 'active' end,
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
    else
        perform app.notify_user(v.user_id, 'program_ready', 'program', v_program);
    end if;
    perform pg_notify('ffp_jobs', p_job::text);
    return true;
end $$;

-- An attempt that ended without its effect: 'retry' gives the lease back, 'failed' ends the job.
create function app.end_attempt(p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_stage text, p_attempt integer, p_outcome text, p_code text)
returns boolean language plpgsql as $$
declare
    v jobs;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    update jobs set status = case when p_outcome = 'failed' then 'failed' else 'retrying' end,
            finished_at = case when p_outcome = 'failed' then now() end,
            lease_until = null, error_code = p_code, revision = revision + 1, updated_at = now()
        where tenant_id = p_tenant and id = p_job and stage = p_stage and status = 'running' and attempt = p_attempt
        returning * into v;
    if not found then return false; end if;
    update attempts set ended_at = now(), outcome = p_outcome, error_code = p_code
        where tenant_id = p_tenant and job_id = p_job and stage = p_stage and number = p_attempt;
    if p_outcome = 'failed' then
        insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
            values (p_tenant, p_user, p_role, 'job.failed', 'job', p_job, v.user_id, v.correlation_id);
    end if;
    perform pg_notify('ffp_jobs', p_job::text);
    return true;
end $$;
"""

PROGRAMS = """
-- Makes room for a person's next active program. Whoever comes second waits, and then sees what the first made active.
create function app.archive_program(p_user uuid) returns void language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(p_user::text, 1));
    update programs set status = 'archived', revision = revision + 1
        where tenant_id = app.tenant_id() and user_id = p_user and status = 'active';
end $$;
"""

NOTIFY = """
-- Business tenants review programs unless they have said otherwise; an individual is their own clinic.
create function app.needs_review() returns boolean language sql stable as $$
    select coalesce((settings ->> 'require_assessment_review')::boolean, kind = 'business')
    from tenants where id = app.tenant_id() $$;

create function app.notify_staff(p_kind text, p_subject_type text, p_subject uuid, p_except uuid) returns void
language sql as $$
    insert into notifications (tenant_id, id, user_id, kind, subject_type, subject_id)
        select u.tenant_id, gen_random_uuid(), u.id, p_kind, p_subject_type, p_subject from users u
        where u.tenant_id = app.tenant_id() and u.status = 'active' and u.id is distinct from p_except
            and u.role in ('business_owner', 'business_admin', 'clinician') $$;

create function app.notify_user(p_user uuid, p_kind text, p_subject_type text, p_subject uuid) returns void
language sql as $$
    insert into notifications (tenant_id, id, user_id, kind, subject_type, subject_id)
        values (app.tenant_id(), gen_random_uuid(), p_user, p_kind, p_subject_type, p_subject) $$;
"""

REVIEW = """
-- A decision on a program that waits for one: 'active' or 'rejected'. FF412 when it has changed since it was read.
create function app.review_program(
    p_tenant uuid, p_user uuid, p_role text, p_program uuid, p_revision integer, p_decision text, p_note text, p_request text)
returns boolean language plpgsql as $$
declare
    v programs;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    select * into v from programs where tenant_id = p_tenant and id = p_program for update;
    if not found then raise exception 'no such program' using errcode = 'FF404'; end if;
    if v.revision <> p_revision then raise exception 'stale revision' using errcode = 'FF412'; end if;
    if v.status <> 'pending_review' then return false; end if;
    if p_decision = 'active' then
        perform app.archive_program(v.user_id);
    end if;
    update programs set status = p_decision, reviewed_by = p_user, reviewed_at = now(), review_note = p_note,
            revision = revision + 1
        where tenant_id = p_tenant and id = p_program;
    -- Whoever follows the job learns of the decision there, and its ETag changes with it.
    update jobs set review = case p_decision when 'active' then 'approved' else 'rejected' end,
            revision = revision + 1, updated_at = now()
        where tenant_id = p_tenant and id = v.job_id;
    perform pg_notify('ffp_jobs', v.job_id::text);
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, p_user, p_role, case p_decision when 'active' then 'program.approved' else 'program.rejected' end,
                'program', p_program, v.user_id, p_request);
    perform app.notify_user(v.user_id, case p_decision when 'active' then 'program_ready' else 'program_rejected' end,
                            'program', p_program);
    return true;
end $$;

-- What is published never changes, and may only be retired.
create function app.guard_template() returns trigger language plpgsql as $$
begin
    if old.status <> 'draft' and (old.status = 'retired' or new.status <> 'retired'
            or (new.slug, new.version, new.content_hash, new.document) is distinct from
               (old.slug, old.version, old.content_hash, old.document)) then
        raise exception 'a published template does not change' using errcode = 'FF409';
    end if;
    return new;
end $$;
create trigger templates_guard before update on templates for each row execute function app.guard_template();
"""


def upgrade() -> None:
    for functions in (IDENTITY, JOBS, SUBMIT, PROGRAMS, NOTIFY, WORK, REVIEW):
        op.execute(functions)
    op.execute("""
        revoke execute on all functions in schema app from public;
        grant execute on all functions in schema app to ffp_app;
        grant execute on function app.job_may_move, app.guard_job to ffp_relay;
    """)


def downgrade() -> None:
    op.execute("""
        drop trigger jobs_guard on jobs;
        drop trigger templates_guard on templates;
        drop function app.guard_template, app.review_program, app.archive_program, app.notify_user, app.notify_staff, app.needs_review, app.read_solved, app.end_attempt, app.finish_generation, app.finish_scoring, app.claim_job, app.submit_assessment,
            app.open_submission, app.read_template, app.mark_published, app.cancel_job, app.read_job, app.guard_job, app.job_may_move,
            app.open_request;
    """)
