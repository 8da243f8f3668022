"""Bring a database to the newest schema: roles, then Alembic, one runner at a time."""

from importlib import resources

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text

# Any fixed number: whoever migrates this database holds this advisory lock.
_LOCK = 4_602_113
ROLES = ("ffp_owner", "ffp_app", "ffp_relay", "ffp_ops")


def _engine_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def _ensure_roles(connection: Connection) -> None:
    """Roles belong to the cluster, not to a database, so no migration can own them. Twins may race: both are right."""
    for role in ROLES:
        connection.execute(
            text(f"""do $$ begin
                if not exists (select 1 from pg_roles where rolname = '{role}') then
                    create role {role} {"nologin" if role == "ffp_owner" else "login"};
                end if;
            exception when duplicate_object or unique_violation then null; end $$""")  # noqa: S608
        )
    if connection.scalar(text("select 1 from pg_roles where rolname = 'rds_iam'")):  # Amazon RDS: they sign in by token
        connection.execute(text("grant rds_iam to ffp_app, ffp_relay, ffp_ops"))
    if not connection.scalar(text("select pg_has_role(current_user, 'ffp_owner', 'member')")):
        connection.execute(text("grant ffp_owner to current_user"))
    name = connection.scalar(text("select quote_ident(current_database())"))
    connection.execute(text(f"grant create on database {name} to ffp_owner"))
    connection.execute(text(f"grant connect on database {name} to ffp_app, ffp_relay, ffp_ops"))
    connection.execute(text("grant create, usage on schema public to ffp_owner"))


def scripts() -> str:
    """The folder of the migrations that this installation has."""
    return str(resources.files("migrations"))


def config(connection: Connection) -> Config:
    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", scripts())
    return made


def upgrade(admin_url: str, revision: str = "head") -> None:
    """Upgrade the database at `admin_url` (a role that may become ffp_owner). Safe to run twice and side by side.

    Waits at most 60 s for another runner, 5 s for any table lock, 5 minutes for a statement.
    """
    engine = create_engine(_engine_url(admin_url), connect_args={"connect_timeout": 10})
    try:
        with engine.connect() as connection:
            connection.execute(text("set lock_timeout = '60s'"))
            connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": _LOCK})
            connection.execute(text("set lock_timeout = '5s'"))
            connection.execute(text("set statement_timeout = '5min'"))
            _ensure_roles(connection)
            connection.execute(text("set role ffp_owner"))
            connection.commit()
            command.upgrade(config(connection), revision)
            # Alembic makes this table; whether a process is ready goes by what it says.
            connection.execute(text("grant select on alembic_version to ffp_app"))
            connection.commit()
    finally:
        engine.dispose()  # ends the session, and with it the advisory lock


def current(admin_url: str) -> str | None:
    """The revision the database is at, or None where nothing has been migrated."""
    engine = create_engine(_engine_url(admin_url), connect_args={"connect_timeout": 10})
    try:
        with engine.connect() as connection:
            if not connection.scalar(text("select to_regclass('public.alembic_version')")):
                return None
            found: str | None = connection.scalar(text("select version_num from alembic_version"))
            return found
    finally:
        engine.dispose()
