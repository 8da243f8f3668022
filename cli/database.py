"""`ffp migrate`: the database's schema."""

import typer

from cli.options import DEFAULT_DIR, DataDir


def migrate(data_dir: DataDir = DEFAULT_DIR) -> None:
    """Bring the database to the newest schema: the one in FFP_ADMIN_DATABASE_URL, or else the stack's."""
    from cli.stack import stack_of
    from infra import settings
    from infra.migrate import current, upgrade

    try:
        url = settings.admin_database_url()
    except settings.SettingMissing:
        url = stack_of(data_dir)["admin_database_url"]
    before = current(url)
    upgrade(url)
    after = current(url)
    was = f" (was {before})" if before != after else ""
    typer.echo(f"The schema is at revision {after}{was}.")
