"""Whom an import does something for is told of at once.

Each row's job and notification was told by itself: a few hundred messages in the commit of a chunk. Whoever commits with
a message waits in one line of the whole database, and each process of the API has to read them all, whether anybody
waits there or not. Now a chunk says once for whom there is something new. Who else is told, as clinicians are of a
referral, is told as before.
"""

from alembic import op
from sqlalchemy import text

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

TELL = """
-- app.told_at_once: the person and the job of the row that app.import_assessments is at. Other jobs of theirs are told.
create or replace function app.tell_change() returns trigger language plpgsql as $$
declare
    v_told uuid := case tg_argv[0] when 'job' then new.id else new.user_id end;
begin
    if strpos(current_setting('app.told_at_once', true), v_told::text) > 0 then
        return null;
    end if;
    perform pg_notify('ffp_changes', concat_ws(' ', tg_argv[0], new.tenant_id, new.user_id, new.id));
    return null;
end $$;

-- Payload: whom it concerns; 200 of them are less than the 8,000 bytes that PostgreSQL takes.
create function app.tell_people(p_people uuid[]) returns void language sql as $$
    select pg_notify('ffp_people', string_agg(person::text, ' '))
    from unnest(p_people) with ordinality as p (person, number) group by (number - 1) / 200 $$;
revoke execute on function app.tell_people from public;
grant execute on function app.tell_people to ffp_app;
"""
# Parts of app.import_assessments: what stood there, and what stands there now.
PARTS = (
    (
        "v_sync text := current_setting('synchronous_commit');",
        "v_sync text := current_setting('synchronous_commit');\n    v_told uuid[] := '{}';",
    ),
    (
        "perform app.set_context(p_tenant, p_actor, p_actor_role);",
        """perform app.set_context(p_tenant, p_actor, p_actor_role),
                set_config('app.told_at_once', concat_ws(' ', r.user_id, r.job), true);""",
    ),
    ("return next;", "if code is null then v_told := v_told || r.user_id; end if;\n        return next;"),
    (
        "-- A claim by itself",
        """perform app.tell_people(v_told), set_config('app.told_at_once', '', true);
    -- A claim by itself""",
    ),
)  # fmt: skip


def upgrade() -> None:
    op.execute(TELL)
    for before, after in PARTS:
        _replace(before, after)


def _replace(before: str, after: str) -> None:
    """In app.import_assessments. What is not there to be replaced stops the migration."""
    found = op.get_bind().execute(
        text("""select pg_get_functiondef(oid) from pg_proc
                where pronamespace = 'app'::regnamespace and proname = 'import_assessments'""")
    )
    source = found.scalar_one()
    if source.count(before) != 1:
        raise RuntimeError("app.import_assessments is another one than this migration knows")
    op.get_bind().exec_driver_sql(source.replace(before, after))


def downgrade() -> None:
    for before, after in reversed(PARTS):
        _replace(after, before)
    op.execute("drop function app.tell_people")
    op.execute("""
        create or replace function app.tell_change() returns trigger language plpgsql as $$
        begin
            perform pg_notify('ffp_changes', concat_ws(' ', tg_argv[0], new.tenant_id, new.user_id, new.id));
            return null;
        end $$""")
