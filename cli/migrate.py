"""Lambda's entry for migrations: the pipeline calls it before traffic moves, and again when the old release is gone."""

from typing import Any

from infra import logs, migrate, revisions, sign_in
from infra.seed import seed_templates
from infra.telemetry import entry


@entry("migrate")
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """`{"phase": "expand"}`: what adds; `{"phase": "contract"}`: what takes away as well. Returns the revision the
    database was at, the one it is at now, and which migrations wait for the other phase. What one release cannot do is
    not begun: `refused` says what is to be done instead.

    Raises InvocationFailed by whatever else goes wrong, another phase and what PostgreSQL says included; the log has
    it. The pipeline stops at either, and the release before goes on serving.
    """
    phase = event.get("phase")
    if phase not in ("expand", "contract"):
        raise ValueError("phase must be expand or contract")
    url = sign_in.administrator_url()
    before = migrate.current(url)
    try:
        plan = revisions.plan(before, phase)
    except revisions.OutOfOrder as error:  # the words are ours
        logs.error("migration_refused", phase=phase, before=before)
        return {"phase": phase, "before": before, "refused": str(error)}
    if plan.to is not None:
        migrate.upgrade(url, plan.to)
    if not plan.left:  # content is of the newest schema
        seed_templates(url)
    result = {"phase": phase, "before": before, "revision": migrate.current(url), "left": list(plan.left)}
    logs.info("migrated", **result)
    return result
