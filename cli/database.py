"""`ffp migrate`: the database's schema and the content that ships with it."""

import typer

from cli.options import DEFAULT_DIR, DataDir
from infra.local.errors import LocalStackError


def migrate(data_dir: DataDir = DEFAULT_DIR) -> None:
    """Bring the database to the newest schema and content: the one in FFP_ADMIN_DATABASE_URL, or else the stack's."""
    from infra import production, settings
    from infra.local.layout import stack_of
    from infra.migrate import current, upgrade
    from infra.seed import seed_templates

    production.refuse("migrate")
    try:
        url = settings.admin_database_url()
    except settings.SettingMissing:
        url = stack_of(data_dir)["admin_database_url"]
    before = current(url)
    upgrade(url)
    try:
        seed_templates(url)
    except ValueError as error:  # a template was changed without its version
        raise LocalStackError(str(error)) from None
    after = current(url)
    was = f" (was {before})" if before != after else ""
    typer.echo(f"The schema is at revision {after}{was}; templates and exercises are those of this release.")
