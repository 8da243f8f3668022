"""What an action would do for a user `u`, as SQL: the same words for a preview and for the chunk that does it.

Each gives one row: `code` (why nothing would be done; null where it would), and `kind` and `subject` of what it would
be done to. Times are compared with a moment that the caller gives.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from domain.bulk_actions.model import Action, Options

_UNDER_WAY = """programs p on p.tenant_id = u.tenant_id and p.user_id = u.id
        and p.status in ('active', 'paused_safety')"""
_DRAFT = """exists (select from assessments a join templates t on t.id = a.template_id
        where a.tenant_id = u.tenant_id and a.user_id = u.id and a.status = 'draft' and t.slug = {slug})"""

_EXPORT = "select case when u.status = 'erased' then 'gone' end as code, 'user' as kind, u.id as subject"
_ARCHIVE = f"""
    select case when p.id is null then 'no_program' when p.status = 'paused_safety' then 'paused_safety' end as code,
        'program' as kind, p.id as subject
    from (select 1) one left join {_UNDER_WAY}"""  # noqa: S608 - our own words, here and below
_ASSIGN = f"""
    select case when u.status <> 'active' then 'not_active'
        when {_DRAFT.format(slug="%s")} then 'draft_open'
        when not %s and exists (select from submissions s where s.tenant_id = u.tenant_id and s.user_id = u.id
            and s.template_slug = %s) then 'already_there' end as code,
        'assessment' as kind, null::uuid as subject"""  # noqa: S608
# What is due, in the order in which it is asked for: an assessment that was given to them, a new one after their
# program, a session of today. Of each they are reminded at most once a day, whoever reminds them. A session is an
# e-mail and nothing else.
_REMIND = """
    select case when u.status <> 'active' then 'not_active'
            when d.due = 0 then 'nothing_due'
            when d.wanted = 0 then 'not_wanted'
            when d.next is null then 'reminded_today'
            when case when q.since <= q.till then w.wall::time >= q.since and w.wall::time < q.till
                 else w.wall::time >= q.since or w.wall::time < q.till end then 'quiet_hours' end as code,
        d.next ->> 'kind' as kind, (d.next ->> 'subject')::uuid as subject
    from (select %s::timestamptz at time zone u.time_zone as wall, %s::timestamptz as now) w
    cross join lateral (select
        coalesce((u.preferences -> 'quiet_hours' ->> 'start')::time, '21:00') as since,
        coalesce((u.preferences -> 'quiet_hours' ->> 'end')::time, '08:00') as till) q
    cross join lateral (
        select count(*) as due, count(*) filter (where x.wanted) as wanted,
            (array_agg(jsonb_build_object('kind', x.kind, 'subject', x.subject) order by x.place)
             filter (where x.wanted and not exists (
                select from reminders r where r.tenant_id = u.tenant_id and r.user_id = u.id and r.kind = x.kind
                    and (r.on_day >= w.wall::date or r.created_at > w.now - interval '1 day'))))[1] as next
        from (
            select 1 as place, 'assessment' as kind, true as wanted,
                (select a.id from assessments a where a.tenant_id = u.tenant_id and a.user_id = u.id
                    and a.status = 'draft' and a.assigned_at is not null
                    order by a.assigned_at, a.id limit 1) as subject
            union all select 2, 'reassessment', true,
                (select p.id from programs p where p.tenant_id = u.tenant_id and p.user_id = u.id
                    and p.status = 'active' and p.reassess_on <= w.wall::date and not exists (
                        select from submissions n where n.tenant_id = u.tenant_id and n.user_id = u.id
                            and n.submitted_at > p.created_at))
            union all select 3, 'session', coalesce((u.preferences -> 'email' ->> 'session_due')::boolean, true),
                (select s.id from programs p join sessions s on s.tenant_id = p.tenant_id and s.program_id = p.id
                    where p.tenant_id = u.tenant_id and p.user_id = u.id and p.status = 'active'
                        and s.status in ('planned', 'missed') and s.scheduled_on = w.wall::date
                    order by s.week, s.number limit 1)) x
        where x.subject is not null) d"""
# The newest answers of all say whether there may be a program; those of the wanted template are what it is made of.
_REGENERATE = f"""
    select case when u.status <> 'active' then 'not_active'
            when p.status = 'paused_safety' then 'paused_safety'
            when exists (select from programs o where o.tenant_id = u.tenant_id and o.user_id = u.id
                and o.status = 'pending_review') then 'program_waits'
            when s.id is null then 'no_submission'
            when exists (select from jobs j where j.tenant_id = u.tenant_id and j.user_id = u.id
                and j.kind = 'assessment' and j.status in ('queued', 'running', 'retrying', 'dead')) then 'in_progress'
            when exists (select from jobs j where j.tenant_id = u.tenant_id and j.assessment_id = n.assessment_id
                and j.result_type = 'referral') then 'referral'
            when p.id is null then 'no_program'
            when s.template_slug <> all(%s) then 'template_retired'
            when app.missing_consent(u.id) is not null then 'consent_required'
            when {_DRAFT.format(slug="s.template_slug")} then 'draft_open' end as code,
        'program' as kind, p.id as subject
    from (select 1) one left join {_UNDER_WAY}
    left join lateral (select x.assessment_id from submissions x
        where x.tenant_id = u.tenant_id and x.user_id = u.id
        order by x.submitted_at desc, x.attempt_number desc limit 1) n on true
    left join lateral (select x.id, x.template_slug from submissions x
        where x.tenant_id = u.tenant_id and x.user_id = u.id and x.template_slug = coalesce(%s, x.template_slug)
        order by x.submitted_at desc, x.attempt_number desc limit 1) s on true"""  # noqa: S608


def judgement(action: Action, options: Options, slugs: Sequence[str], now: datetime) -> tuple[str, list[Any]]:
    """A sub-select over `u`, and its values. `slugs`: templates of which programs can be made now."""
    match action:
        case "assign":
            return _ASSIGN, [options.template, options.again, options.template]
        case "remind":
            return _REMIND, [now, now]
        case "regenerate":
            return _REGENERATE, [list(slugs), options.template]
        case "archive":
            return _ARCHIVE, []
        case "export":
            return _EXPORT, []
