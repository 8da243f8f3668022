"""Tables of the spine: tenants to programs, jobs and their outbox, idempotency keys, audit log."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
create schema app;
create schema identity;

create table tenants (
    id uuid primary key,
    slug text not null unique,
    name text not null,
    kind text not null check (kind in ('individual', 'business')),
    settings jsonb not null default '{}',
    created_at timestamptz not null default now()
);

create table users (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    email text not null,
    display_name text not null default '',
    role text not null check (role in ('individual', 'business_owner', 'business_admin', 'clinician', 'member')),
    status text not null default 'active' check (status in ('active', 'suspended', 'removed')),
    parent_business_id uuid,
    created_at timestamptz not null default now(),
    primary key (tenant_id, id),
    foreign key (tenant_id, parent_business_id) references users (tenant_id, id)
);
create unique index users_email_key on users (tenant_id, lower(email));

-- Who a verified token is. Nobody but the schema owner's functions reads it: a global unique e-mail or
-- subject readable by the application would tell one tenant who is a customer of another.
create table identity.principals (
    sub text primary key,
    tenant_id uuid,
    user_id uuid,
    staff_id uuid not null default gen_random_uuid(), -- by which the audit log knows staff
    staff_role text check (staff_role in ('operator', 'content_admin')),
    created_at timestamptz not null default now(),
    check ((staff_role is null) = (tenant_id is not null)),
    check ((tenant_id is null) = (user_id is null)),
    foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index principals_user_idx on identity.principals (tenant_id, user_id);

-- One row is one version. tenant_id null: shipped by FFP, readable by every tenant. A draft may change until it is
-- published; what is published never does, and may only be retired.
create table templates (
    id uuid primary key,
    tenant_id uuid references tenants (id),
    slug text not null,
    version text not null,
    content_hash text not null,
    document jsonb not null,
    status text not null check (status in ('draft', 'published', 'retired')),
    revision integer not null default 1,
    updated_at timestamptz not null default now(),
    published_at timestamptz
);
create unique index templates_version_key on templates (tenant_id, slug, version) nulls not distinct;

-- The exercise library as people read it; the worker plans from the packaged file it was made from.
create table exercises (
    id text primary key,
    name text not null,
    cue text not null,
    document jsonb not null
);

-- The same with its rules, each content that was ever in use: an edited program is checked against its own library.
create table libraries (
    content_hash text primary key,
    document jsonb not null,
    created_at timestamptz not null default now()
);

-- The red-flag rules that a template is held against before it is published; the newest are in force.
create table safety_rules (
    content_hash text primary key,
    document jsonb not null,
    created_at timestamptz not null default now()
);

-- A spec holds nothing of a person, so one solved spec serves every tenant. The hash covers all that the plan depends on.
create table solved_specs (
    input_hash text primary key,
    plan jsonb not null,
    created_at timestamptz not null default now()
);

create table assessments (
    tenant_id uuid not null,
    id uuid not null,
    user_id uuid not null,
    template_id uuid not null references templates (id),
    status text not null default 'draft' check (status in ('draft', 'submitted')),
    answers jsonb not null default '{}',
    revision integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    submitted_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create unique index assessments_open_key on assessments (tenant_id, user_id, template_id) where status = 'draft';
create index assessments_user_idx on assessments (tenant_id, user_id, id desc);

create table submissions (
    tenant_id uuid not null,
    id uuid not null,
    assessment_id uuid not null,
    user_id uuid not null,
    template_slug text not null,
    template_version text not null,
    template_hash text not null,
    engine_version text not null,
    answers jsonb not null,
    enabled jsonb not null,
    computed jsonb not null,
    attempt_number integer not null,
    is_initial boolean not null,
    answered_on date not null, -- the day that dates the ages in `computed`
    submitted_at timestamptz not null default now(),
    primary key (tenant_id, id),
    unique (tenant_id, assessment_id),
    unique (tenant_id, user_id, template_slug, attempt_number),
    foreign key (tenant_id, assessment_id) references assessments (tenant_id, id)
);
create unique index submissions_initial_key on submissions (tenant_id, user_id, template_slug) where is_initial;

create table scores (
    tenant_id uuid not null,
    submission_id uuid not null,
    user_id uuid not null,
    engine_version text not null,
    result jsonb not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, submission_id),
    foreign key (tenant_id, submission_id) references submissions (tenant_id, id)
);

-- The status resource a client polls, and with published_at null the outbox entry of its next task.
create table jobs (
    tenant_id uuid not null,
    id uuid not null,
    user_id uuid not null,
    kind text not null check (kind in ('assessment')),
    assessment_id uuid not null,
    status text not null default 'queued'
        check (status in ('queued', 'running', 'retrying', 'succeeded', 'failed', 'canceled', 'dead')),
    stage text not null default 'scoring' check (stage in ('scoring', 'generating')),
    attempt integer not null default 0,
    max_attempts integer not null default 5,
    revision integer not null default 1,
    lease_until timestamptz,
    published_at timestamptz,
    result_type text check (result_type in ('program', 'referral')),
    result_id uuid,
    review text check (review in ('pending', 'approved', 'rejected')), -- of the program, where one is asked for
    error_code text,
    correlation_id text not null,
    traceparent text,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    updated_at timestamptz not null default now(),
    finished_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, assessment_id),
    foreign key (tenant_id, assessment_id) references assessments (tenant_id, id)
);
-- Both stay small: a job leaves the first when its message is out and the second when its lease ends.
create index jobs_unpublished_idx on jobs (updated_at) where published_at is null and status in ('queued', 'running', 'retrying');
create index jobs_open_idx on jobs (updated_at) where status in ('queued', 'running', 'retrying');

create table attempts (
    tenant_id uuid not null,
    job_id uuid not null,
    stage text not null,
    number integer not null,
    worker text not null,
    started_at timestamptz not null default now(),
    ended_at timestamptz,
    outcome text check (outcome in ('succeeded', 'retry', 'failed', 'canceled')),
    error_code text,
    primary key (tenant_id, job_id, stage, number),
    foreign key (tenant_id, job_id) references jobs (tenant_id, id)
);

create table programs (
    tenant_id uuid not null,
    id uuid not null,
    user_id uuid not null,
    submission_id uuid not null,
    job_id uuid not null,
    status text not null check (status in ('pending_review', 'active', 'rejected', 'archived')),
    revision integer not null default 1,
    reviewed_by uuid,
    reviewed_at timestamptz,
    review_note text,
    weeks integer not null,
    start_on date not null,
    spec jsonb not null,
    proof jsonb not null,
    input_hash text not null,
    library_hash text not null,
    engine_version text not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, id),
    unique (tenant_id, submission_id),
    unique (tenant_id, job_id),
    foreign key (tenant_id, submission_id) references submissions (tenant_id, id),
    foreign key (tenant_id, job_id) references jobs (tenant_id, id),
    foreign key (tenant_id, reviewed_by) references users (tenant_id, id)
);
create index programs_review_idx on programs (tenant_id, created_at) where status = 'pending_review';
create index programs_user_idx on programs (tenant_id, user_id, id desc);
create unique index programs_active_key on programs (tenant_id, user_id) where status = 'active';

create table sessions (
    tenant_id uuid not null,
    id uuid not null,
    program_id uuid not null,
    user_id uuid not null,
    week integer not null,
    number integer not null,
    deload boolean not null,
    scheduled_on date not null,
    minutes numeric(5, 2) not null,
    primary key (tenant_id, id),
    unique (tenant_id, program_id, week, number),
    foreign key (tenant_id, program_id) references programs (tenant_id, id)
);

create table prescribed_exercises (
    tenant_id uuid not null,
    session_id uuid not null,
    position integer not null,
    user_id uuid not null,
    exercise text not null,
    role text not null check (role in ('warm', 'main', 'cardio', 'balance', 'cool')),
    sets integer not null,
    reps integer,
    seconds integer,
    rest_s integer not null,
    minutes numeric(5, 2) not null,
    effort integer,
    why jsonb not null,
    primary key (tenant_id, session_id, position),
    check ((reps is null) <> (seconds is null)),
    foreign key (tenant_id, session_id) references sessions (tenant_id, id)
);

create table notifications (
    tenant_id uuid not null,
    id uuid not null,
    user_id uuid not null,
    kind text not null check (kind in ('referral', 'program_ready', 'program_to_review', 'program_rejected')),
    subject_type text not null,
    subject_id uuid not null,
    created_at timestamptz not null default now(),
    read_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index notifications_user_idx on notifications (tenant_id, user_id, created_at desc, id);

create table idempotency_keys (
    tenant_id uuid not null references tenants (id),
    user_id uuid not null,
    route text not null,
    key text not null,
    body_hash text not null,
    response jsonb not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, user_id, route, key)
);
create index idempotency_keys_age_idx on idempotency_keys (created_at);

-- tenant_id null: what staff did to what is shipped to every tenant.
create table audit_log (
    tenant_id uuid references tenants (id),
    id bigint generated always as identity,
    at timestamptz not null default now(),
    actor_id uuid,
    actor_role text not null,
    action text not null,
    subject_type text not null,
    subject_id uuid not null,
    subject_user_id uuid,
    request_id text,
    constraint audit_log_tenant_id_id_key unique nulls not distinct (tenant_id, id),
    check (tenant_id is not null or actor_role = 'content_admin')
);
create index audit_log_subject_idx on audit_log (tenant_id, subject_user_id, id);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("""
        drop table audit_log, idempotency_keys, notifications, prescribed_exercises, sessions, programs, attempts, jobs,
            scores, submissions, assessments, libraries, safety_rules, solved_specs, exercises, templates, identity.principals, users, tenants;
        drop schema identity;
        drop schema app;
    """)
