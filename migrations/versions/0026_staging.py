"""Rows of imports are kept in thousands at once: their import is looked up once a statement, not once a row.

The foreign key's own trigger was more than half of what PostgreSQL needed to keep a row. Nothing else than this check can
be missed: a row never changes its import, and no role of a running service may delete one.
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

CHECK = """
create function app.check_import_rows() returns trigger language plpgsql as $$
begin
    if exists (select from (select distinct tenant_id, import_id from made) m
               where not exists (select from imports i where i.tenant_id = m.tenant_id and i.id = m.import_id)) then
        raise exception 'no such import' using errcode = 'foreign_key_violation';
    end if;
    return null;
end $$;
revoke execute on function app.check_import_rows from public;
grant execute on function app.check_import_rows to ffp_app;
alter table import_rows drop constraint import_rows_tenant_id_import_id_fkey;
create trigger import_rows_of_an_import after insert on import_rows referencing new table as made
    for each statement execute function app.check_import_rows();
"""


def upgrade() -> None:
    op.execute(CHECK)


def downgrade() -> None:
    op.execute("""
        drop trigger import_rows_of_an_import on import_rows;
        drop function app.check_import_rows;
        alter table import_rows add foreign key (tenant_id, import_id) references imports (tenant_id, id);
    """)
