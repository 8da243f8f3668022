"""A referral stops the program that its person is doing, whether it comes from a check-in or from a new assessment.

Until now only a check-in did: who answered a new assessment with a red flag was told to see somebody, and went on being
given sessions. An archived program is not taken up again by its person either, as long as the last word is a referral.
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

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
%s
    end if;
    perform pg_notify('ffp_jobs', p_job::text);
    return true;
end $$;
"""

PAUSES = """\
        update programs set status = 'paused_safety', status_at = now(), next_due = null, revision = revision + 1
            where tenant_id = p_tenant and user_id = v.user_id and status = 'active'
            returning id into v_program;
        if found then
            insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id,
                                   request_id)
                values (p_tenant, p_user, p_role, 'safety.referral', 'program', v_program, v.user_id, v.correlation_id);
            perform app.notify_user(v.user_id, 'program_paused', 'program', v_program),
                    app.notify_staff('program_paused', 'program', v_program, v.user_id);
        end if;"""

MOVES = """
create or replace function app.move_program(p_tenant uuid, p_user uuid, p_role text, p_program uuid, p_revision integer,
    p_move text, p_note text, p_request text)
returns boolean language plpgsql as $$
declare
    v programs;
    v_action text;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    select * into v from programs where tenant_id = p_tenant and id = p_program for update;
    if not found then raise exception 'no such program' using errcode = 'FF404'; end if;
    if v.revision <> p_revision then raise exception 'stale revision' using errcode = 'FF412'; end if;
    if p_move = 'archive' and v.status = 'active' then
        v_action := 'program.archived';
        update programs set status = 'archived', status_at = now(), next_due = null, revision = revision + 1
            where tenant_id = p_tenant and id = p_program;
    elsif p_move = 'end' and v.status in ('active', 'paused_safety', 'archived') then
        v_action := 'program.ended';
        update programs set status = 'ended', status_at = now(), next_due = null, revision = revision + 1
            where tenant_id = p_tenant and id = p_program;
    elsif p_move = 'restart' and v.status = 'archived'
            -- Neither round a pause for safety, nor back into one.
            and not exists (select from programs where tenant_id = p_tenant and user_id = v.user_id and status = 'paused_safety')
            and not exists (select from check_ins where tenant_id = p_tenant and program_id = p_program
                            and outcome = 'referral' and resumed_at is null)
%s            and exists (select from sessions where tenant_id = p_tenant and program_id = p_program
                        and status in ('planned', 'started', 'missed')) then
        v_action := 'program.restarted';
        perform app.archive_program(v.user_id);
        update programs set status = 'active', status_at = now(), revision = revision + 1
            where tenant_id = p_tenant and id = p_program;
        perform app.bring_forward(p_program);
    elsif p_move = 'resume' and v.status = 'paused_safety' then
        v_action := 'program.resumed';
        update check_ins set resumed_by = p_user, resumed_at = now(), note = p_note
            where tenant_id = p_tenant and program_id = p_program and outcome = 'referral' and resumed_at is null;
        update programs set status = 'active', status_at = now(), revision = revision + 1
            where tenant_id = p_tenant and id = p_program;
        perform app.bring_forward(p_program);
        perform app.notify_user(v.user_id, 'program_resumed', 'program', p_program);
    else
        return false;
    end if;
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
        values (p_tenant, p_user, p_role, v_action, 'program', p_program, v.user_id, p_request);
    return true;
end $$;
"""

# The last assessment since it was put away that led anywhere: to a program, or to somebody to see.
REFERRED = """\
            and (p_user <> v.user_id or (
                select j.result_type from jobs j
                where j.tenant_id = p_tenant and j.user_id = v.user_id and j.kind = 'assessment'
                    and j.result_type in ('program', 'referral') and j.finished_at > v.status_at
                order by j.finished_at desc limit 1) is distinct from 'referral')
"""


def upgrade() -> None:
    op.execute(SCORING % PAUSES)
    op.execute(MOVES % REFERRED)


def downgrade() -> None:
    op.execute(SCORING % "")
    op.execute(MOVES % "")
