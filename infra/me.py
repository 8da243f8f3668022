"""One's own profile in PostgreSQL."""

from collections.abc import Mapping

from domain.errors import NotFound, StaleRevision
from domain.rights import Profile
from infra import audit
from infra.rows import TenantConnection

_COLUMNS = """u.id, u.email, u.display_name, u.locale, u.time_zone, u.role, u.revision, u.created_at,
    t.id as tenant_id, t.name as tenant_name, t.kind as tenant_kind"""
_READ = f"""
    select {_COLUMNS} from users u join tenants t on t.id = u.tenant_id
    where u.tenant_id = %s and u.id = %s"""  # noqa: S608 - our own column names
_CHANGE = f"""
    update users u set display_name = coalesce(%(display_name)s, u.display_name),
        locale = coalesce(%(locale)s, u.locale), time_zone = coalesce(%(time_zone)s, u.time_zone),
        revision = u.revision + 1
    from tenants t
    where t.id = u.tenant_id and u.tenant_id = %(tenant)s and u.id = %(user)s and u.revision = %(revision)s
    returning {_COLUMNS}"""  # noqa: S608


class ProfileRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id
        self._user_id = connection.context.user_id

    def read(self) -> Profile:
        rows = self._connection.execute(_READ, (self._tenant_id, self._user_id))
        if not rows:
            raise NotFound
        return Profile(**rows[0])

    def change(self, revision: int, changes: Mapping[str, str]) -> Profile:
        """Raises StaleRevision unless the profile still is at `revision`."""
        names = ("display_name", "locale", "time_zone")
        own = {"tenant": self._tenant_id, "user": self._user_id, "revision": revision}
        rows = self._connection.execute(_CHANGE, {name: changes.get(name) for name in names} | own)
        if not rows:
            raise StaleRevision
        found = Profile(**rows[0])
        audit.record(self._connection, "profile.changed", "user", found.id, found.id)
        return found

    def knows_time_zone(self, name: str) -> bool:
        """Whether it is in the IANA database, as the server has it."""
        return bool(self._connection.execute("select 1 from pg_timezone_names where name = %s", (name,)))
