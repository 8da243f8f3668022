"""Videos: what FFP ships to every tenant, and how far each person has watched.

The work on them belongs to a tenant of its own in which nobody is: jobs, leases, dead letters and replays are those of
every other work (docs/adr/0014).
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

CONTENT_TENANT = "00000000-0000-7000-8000-0000000000ff"  # domain/tenancy.py says the same

TABLES = """
create table videos (
    id uuid primary key,
    title text not null,
    language text not null check (language ~ '^[a-z]{2,3}(-[A-Z]{2})?$'),
    exercises text[] not null,             -- which exercises it shows, of the shipped library
    status text not null default 'draft'
        check (status in ('draft', 'processing', 'ready', 'published', 'retired', 'failed')),
    media_type text not null,              -- of the upload, as it was announced
    upload_size bigint not null,           -- bytes, as announced
    upload_id uuid not null,               -- names the upload and what is made of it; each upload has a new one
    media_key text,                        -- what the following are of: the prefix of its files
    size bigint,
    duration_s double precision,
    width integer,
    height integer,
    hls boolean not null default false,
    captions_key text,
    error_code text,
    revision integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    published_at timestamptz,
    check (status not in ('ready', 'published', 'retired') or (media_key is not null and duration_s > 0))
);

create table video_progress (
    tenant_id uuid not null,
    user_id uuid not null,
    video_id uuid not null references videos (id),
    furthest_s double precision not null,
    session_id uuid,                       -- where it was watched last, as the client says
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    completed_at timestamptz,              -- set once
    primary key (tenant_id, user_id, video_id),
    foreign key (tenant_id, user_id) references users (tenant_id, id)
);

-- Which programs of a tenant an exercise is in: how staff are let to a video.
create index prescribed_exercises_exercise_idx on prescribed_exercises (tenant_id, exercise);
"""

RIGHTS = f"""
-- Content admins, and the worker that processes what they have uploaded.
create function app.keeps_content() returns boolean language sql stable parallel safe as $$
    select coalesce(app.role() = 'content_admin' or (app.role() = 'worker' and app.tenant_id() = '{CONTENT_TENANT}'), false) $$;

alter table videos enable row level security, force row level security;
alter table video_progress enable row level security, force row level security;
create policy videos_read on videos for select to ffp_app
    using (status = 'published' or (select app.keeps_content()));
create policy videos_add on videos for insert to ffp_app with check ((select app.keeps_content()));
create policy videos_change on videos for update to ffp_app
    using ((select app.keeps_content())) with check ((select app.keeps_content()));
create policy videos_ship on videos to ffp_owner using (true) with check (true);
create policy video_progress_own on video_progress
    using (tenant_id = (select app.tenant_id()) and (user_id = (select app.user_id()) or (select app.sees_tenant())))
    with check (tenant_id = (select app.tenant_id()) and user_id = (select app.user_id()));
grant select on videos to ffp_app;
grant insert (id, title, language, exercises, media_type, upload_size, upload_id) on videos to ffp_app;
grant update (title, language, exercises, status, media_type, upload_size, upload_id, media_key, size, duration_s, width,
    height, hls, captions_key, error_code, revision, updated_at, published_at) on videos to ffp_app;
grant select on video_progress to ffp_app;
grant insert (tenant_id, user_id, video_id, furthest_s, session_id, completed_at),
    update (furthest_s, session_id, updated_at, completed_at) on video_progress to ffp_app;

-- The tenant of content work, where nobody is.
select app.set_context('{CONTENT_TENANT}', null, 'worker');
insert into tenants (id, slug, name, kind) values ('{CONTENT_TENANT}', 'ffp-content', 'FFP content', 'business')
    on conflict do nothing;
select app.set_context(null, null, null);
"""

FUNCTIONS = """
-- Whether one of these exercises is in a program that the caller may see: the policies of programs say which those are.
-- Whoever sees the tenant sees all of them. By the index in any case: the planner takes an exercise for a common one,
-- and would read on through everything that the tenant has until it comes to it.
create function app.sees_exercises(p_tenant uuid, p_user uuid, p_exercises text[]) returns boolean
language plpgsql stable set enable_seqscan = off set enable_bitmapscan = off as $$
begin
    if app.sees_tenant() then
        return exists (select from prescribed_exercises x where x.tenant_id = p_tenant and x.exercise = any (p_exercises));
    end if;
    return exists (select from programs p
        join sessions s on s.tenant_id = p.tenant_id and s.program_id = p.id
        join prescribed_exercises x on x.tenant_id = s.tenant_id and x.session_id = s.id
        where p.tenant_id = p_tenant and p.user_id = p_user and x.exercise = any (p_exercises));
end $$;

-- What there is to play. No row: there is no such video, or it is not for the caller.
create function app.stream_video(p_tenant uuid, p_user uuid, p_role text, p_video uuid)
returns table (id uuid, title text, language text, status text, media_key text, hls boolean, captions_key text,
    duration_s double precision, width integer, height integer, furthest_s double precision)
language plpgsql as $$
#variable_conflict use_column
declare
    v videos;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    select * into v from videos where id = p_video and media_key is not null;
    if not found or not (app.keeps_content() or app.sees_exercises(p_tenant, p_user, v.exercises)) then return; end if;
    return query select v.id, v.title, v.language, v.status, v.media_key, v.hls, v.captions_key, v.duration_s, v.width,
        v.height, (select g.furthest_s from video_progress g
                   where g.tenant_id = p_tenant and g.user_id = p_user and g.video_id = p_video);
end $$;

-- The furthest that somebody has watched. It never goes back, is written once in p_interval_s at the most (but for the
-- end, at nine tenths), and what changes nothing writes nothing. No row: see above; or the session is not the caller's.
create function app.note_progress(p_tenant uuid, p_user uuid, p_role text, p_video uuid, p_position_s double precision,
    p_session uuid, p_interval_s double precision, p_request text)
returns table (furthest_s double precision, completed_at timestamptz, written boolean, completed_now boolean)
language plpgsql as $$
#variable_conflict use_column
declare
    v videos;
    g video_progress;
    v_known boolean;
    v_now timestamptz := clock_timestamp();
    v_position double precision;
    v_end timestamptz;
begin
    perform app.set_context(p_tenant, p_user, p_role);
    select * into v from videos where id = p_video and status = 'published';
    if not found then return; end if;
    select * into g from video_progress where tenant_id = p_tenant and user_id = p_user and video_id = p_video;
    v_known := found;
    if not v_known and not app.sees_exercises(p_tenant, p_user, v.exercises) then return; end if;
    if p_session is not null and not exists (
            select from sessions s where s.tenant_id = p_tenant and s.id = p_session and s.user_id = p_user) then
        return;
    end if;
    v_position := least(p_position_s, v.duration_s);
    v_end := case when v_position >= 0.9 * v.duration_s then v_now end;
    if v_known and not (v_position > g.furthest_s
            and (g.updated_at <= v_now - make_interval(secs => p_interval_s) or (v_end is not null and g.completed_at is null))) then
        return query select g.furthest_s, g.completed_at, false, false;
        return;
    end if;
    if v_end is null then -- a few lost seconds are nobody's loss
        perform set_config('synchronous_commit', 'off', true);
    end if;
    insert into video_progress as kept (tenant_id, user_id, video_id, furthest_s, session_id, completed_at)
        values (p_tenant, p_user, p_video, v_position, p_session, v_end)
        on conflict (tenant_id, user_id, video_id) do update set furthest_s = excluded.furthest_s, updated_at = v_now,
            session_id = coalesce(excluded.session_id, kept.session_id),
            completed_at = coalesce(kept.completed_at, excluded.completed_at)
        where excluded.furthest_s > kept.furthest_s and (kept.updated_at <= v_now - make_interval(secs => p_interval_s)
            or (excluded.completed_at is not null and kept.completed_at is null))
        returning * into g;
    if not found then -- somebody else of the same person's devices was faster
        return query select k.furthest_s, k.completed_at, false, false from video_progress k
            where k.tenant_id = p_tenant and k.user_id = p_user and k.video_id = p_video;
        return;
    end if;
    if g.completed_at = v_end then
        insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
            values (p_tenant, p_user, p_role, 'video.completed', 'video', p_video, p_user, p_request);
    end if;
    return query select g.furthest_s, g.completed_at, true, coalesce(g.completed_at = v_end, false);
end $$;

revoke execute on function app.keeps_content, app.sees_exercises, app.stream_video, app.note_progress from public;
grant execute on function app.keeps_content, app.sees_exercises, app.stream_video, app.note_progress to ffp_app;
"""


def upgrade() -> None:
    for statements in (TABLES, RIGHTS, FUNCTIONS):
        op.execute(statements)


def downgrade() -> None:
    op.execute("""
        drop function app.note_progress, app.stream_video, app.sees_exercises;
        drop index prescribed_exercises_exercise_idx;
        drop table video_progress, videos;
        drop function app.keeps_content;
    """)
