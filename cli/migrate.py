"""Lambda's entry for migrations: the pipeline calls it before traffic moves, and again when the old release is gone."""

from typing import Any

from infra import logs, migrate, production, revisions, sign_in
from infra.seed import seed_templates


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """`{"phase": "expand"}`: what adds; `{"phase": "contract"}`: what takes away as well. Returns the revision the
    database was at, the one it is at now, and which migrations wait for the other phase.

    Raises ValueError for another phase, OutOfOrder for what one release cannot do, and what PostgreSQL says: the
    pipeline stops at any of them, and the release before goes on serving.
    """
    production.refuse("migrate")
    phase = event.get("phase")
    if phase not in ("expand", "contract"):
        raise ValueError("phase must be expand or contract")
    url = sign_in.administrator_url()
    before = migrate.current(url)
    plan = revisions.plan(before, phase)
    if plan.to is not None:
        migrate.upgrade(url, plan.to)
    if not plan.left:  # content is of the newest schema
        seed_templates(url)
    result = {"phase": phase, "before": before, "revision": migrate.current(url), "left": list(plan.left)}
    logs.info("migrated", **result)
    return result
