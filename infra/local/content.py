"""What the stack has in its database: the schema, the shipped content, the demo's tenants and people."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import resources
from importlib.resources.abc import Traversable

import psycopg
from psycopg import sql

from infra.local.cluster import SUPERUSER
from infra.local.demo import LOGINS
from infra.local.errors import LocalStackError
from infra.local.postgres import DATABASE, EmbeddedPostgres

RUNTIME_ROLES = ("ffp_app", "ffp_relay", "ffp_ops")


def ensure_content(postgres: EmbeddedPostgres, subs: Mapping[str, str]) -> str:
    """Migrates, publishes and seeds, unless this database has had exactly that. Returns the schema's revision.

    `subs` is e-mail -> Cognito's id; a user pool made anew has new ones, and the rows follow.
    """
    wanted = _fingerprint(subs)
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        row = connection.execute(
            "select shobj_description(oid, 'pg_database') from pg_database where datname = %s", [DATABASE]
        ).fetchone()
        if row != (wanted,):
            _prepare(postgres, subs)
            note = sql.SQL("comment on database {} is {}")
            connection.execute(note.format(sql.Identifier(DATABASE), sql.Literal(wanted)))
        row = connection.execute("select version_num from alembic_version").fetchone()
        return str(row[0]) if row else ""


def demo_users(postgres: EmbeddedPostgres) -> list[dict[str, str | None]]:
    """As stack.json has them. Read past row-level security: no role of FFP sees every tenant."""
    with psycopg.connect(postgres.url(SUPERUSER)) as connection:
        tenants = {slug: str(found) for slug, found in connection.execute("select slug, id from tenants")}
    return [
        {
            "email": login.email,
            "password": login.password,
            "role": login.role,
            "tenant_id": tenants.get(login.tenant),
        }
        for login in LOGINS
    ]


def _prepare(postgres: EmbeddedPostgres, subs: Mapping[str, str]) -> None:
    # Half a second of imports that most starts can do without.
    from infra import migrate, seed  # noqa: PLC0415
    from infra.local import poison  # noqa: PLC0415

    migrate.upgrade(postgres.url())
    postgres.set_passwords(RUNTIME_ROLES)
    try:
        seed.seed_templates(postgres.url())
    except ValueError as error:  # somebody changed a template and not its version
        raise LocalStackError(f"{error}, or start with another --data-dir") from None
    users = [
        seed.DemoUser(
            sub=subs[login.email],
            email=login.email,
            role=login.role,
            tenant=login.tenant,
            tenant_kind=login.tenant_kind,
            review=login.review,
        )
        for login in LOGINS
    ]
    seed.seed_demo(postgres.url(), users)
    poison.seed(postgres.url(), datetime.now(UTC).date())


def _fingerprint(subs: Mapping[str, str]) -> str:
    """Of everything that decides what the database holds after a start: migrations, content, code that seeds it."""
    found = hashlib.sha256(json.dumps([repr(LOGINS), subs], sort_keys=True).encode())
    infra = resources.files("infra")
    seeding = [infra / name for name in ("migrate.py", "seed.py", "content.py")]
    for file in (*_files(resources.files("migrations")), *_files(resources.files("domain")), *seeding):
        found.update(file.read_bytes())
    return f"made from {found.hexdigest()}"


def _files(directory: Traversable) -> Iterable[Traversable]:
    for entry in sorted(directory.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            yield from _files(entry)
        elif entry.name.endswith((".py", ".yaml")):
            yield entry
