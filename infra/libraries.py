"""Exercise libraries in PostgreSQL, each content that was ever in use, parsed once per process."""

from typing import TYPE_CHECKING

from infra.rows import TenantConnection

if TYPE_CHECKING:
    from domain.programs.library import Library

# By content hash, so they cannot be another's or out of date. An installation has one, two while it is renewed.
_parsed: "dict[str, Library]" = {}
_MAX_PARSED = 4


class LibraryRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection

    def get(self, content_hash: str) -> "Library":
        """Raises LookupError for a content that was never seeded: then a program is older than its database."""
        if content_hash not in _parsed:
            # Only who edits a program needs it: a tenth of a cold start is in these models.
            from domain.programs.library import Library  # noqa: PLC0415

            rows = self._connection.execute("select document from libraries where content_hash = %s", (content_hash,))
            if not rows:
                raise LookupError("no library of this hash has been seeded")
            while len(_parsed) >= _MAX_PARSED:
                del _parsed[next(iter(_parsed))]
            _parsed[content_hash] = Library.model_validate(rows[0]["document"])
        return _parsed[content_hash]
