"""What the stack has in its database: the schema, the shipped content, the demo's tenants and people."""

from collections.abc import Mapping

import psycopg

from infra import migrate, seed
from infra.local.cluster import SUPERUSER
from infra.local.demo import LOGINS
from infra.local.errors import LocalStackError
from infra.local.postgres import EmbeddedPostgres

RUNTIME_ROLES = ("ffp_app", "ffp_relay", "ffp_ops")


def ensure_schema(postgres: EmbeddedPostgres) -> str:
    """Migrates, and lets the roles that the migrations made sign in. Returns the revision."""
    migrate.upgrade(postgres.url())
    postgres.set_passwords(RUNTIME_ROLES)
    return str(migrate.current(postgres.url()))


def ensure_content(postgres: EmbeddedPostgres, subs: Mapping[str, str]) -> list[dict[str, str | None]]:
    """`subs` is e-mail -> Cognito's id; a user pool made anew has new ones, and the rows follow.

    Returns the demo users as stack.json has them.
    """
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
        )
        for login in LOGINS
    ]
    seed.seed_demo(postgres.url(), users)
    tenants = _tenants(postgres)
    return [
        {
            "email": login.email,
            "password": login.password,
            "role": login.role,
            "tenant_id": tenants.get(login.tenant),
        }
        for login in LOGINS
    ]


def _tenants(postgres: EmbeddedPostgres) -> dict[str, str]:
    """Slug -> id, read past row-level security: no role of FFP sees every tenant."""
    with psycopg.connect(postgres.url(SUPERUSER)) as connection:
        return {slug: str(found) for slug, found in connection.execute("select slug, id from tenants")}
