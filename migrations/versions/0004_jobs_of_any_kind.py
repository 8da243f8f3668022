"""Jobs that are not of an assessment: they name their subject, and end by one function."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SUBJECT = """
alter table jobs alter column assessment_id drop not null, add column subject_id uuid,
    add constraint jobs_subject_check check ((assessment_id is null) = (kind <> 'assessment')
        and (subject_id is null) = (kind = 'assessment'));
-- Asking again for what is already under way finds the same job.
create unique index jobs_subject_key on jobs (tenant_id, kind, subject_id)
    where status in ('queued', 'running', 'retrying', 'dead');
"""

CLAIM = """
create or replace function app.claim_job(p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_stage text, p_lease_s double precision, p_worker text)
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
            from tenants t
            left join submissions s on s.tenant_id = t.id and s.assessment_id = v.assessment_id
            left join assessments a on a.tenant_id = s.tenant_id and a.id = s.assessment_id
            left join scores c on c.tenant_id = s.tenant_id and c.submission_id = s.id
            where t.id = p_tenant;
    end if;
end $$;
"""

FINISH = """
-- The end of a job whose effect is written in the same transaction. Fenced: false, and then nothing may be committed.
create function app.finish_job(
    p_tenant uuid, p_user uuid, p_role text, p_job uuid, p_stage text, p_attempt integer, p_result_type text, p_result uuid)
returns boolean language plpgsql as $$
declare
    v jobs;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    update jobs set status = 'succeeded', result_type = p_result_type, result_id = p_result, lease_until = null,
            error_code = null, revision = revision + 1, updated_at = now(), finished_at = now()
        where tenant_id = p_tenant and id = p_job and stage = p_stage and status = 'running' and attempt = p_attempt
        returning * into v;
    if not found then return false; end if;
    update attempts set ended_at = now(), outcome = 'succeeded'
        where tenant_id = p_tenant and job_id = p_job and stage = p_stage and number = p_attempt;
    perform pg_notify('ffp_jobs', p_job::text);
    return true;
end $$;
revoke execute on function app.finish_job from public;
grant execute on function app.finish_job to ffp_app;
"""


def upgrade() -> None:
    for statements in (SUBJECT, CLAIM, FINISH):
        op.execute(statements)


def downgrade() -> None:
    op.execute("""
        drop function app.finish_job;
        drop index jobs_subject_key;
        alter table jobs drop constraint jobs_subject_check, drop column subject_id, alter column assessment_id set not null;
    """)
