"""The schema as SQLAlchemy sees it: what `alembic check` compares the migrated database with (tests/database).

Request paths do not import this: SQLAlchemy costs a cold start about as much as FastAPI does (docs/adr/0003).
"""

from infra.tables import assessments, audit, bulk, content, jobs, operations, people, programs, rights, telling
from infra.tables.columns import metadata

__all__ = [
    "assessments",
    "audit",
    "bulk",
    "content",
    "jobs",
    "metadata",
    "operations",
    "people",
    "programs",
    "rights",
    "telling",
]
