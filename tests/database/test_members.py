"""Who may see and change whom, by the policies and triggers alone: with no code of ours in between."""

from collections.abc import Callable

import psycopg
import pytest

from domain.tenancy import CARE_ROLES
from tests.conftest import Database, Person

ROLES = ("business_owner", "business_admin", "clinician", "member")
Make = Callable[..., Person]


@pytest.fixture
def crew(person: Make) -> dict[str, Person]:
    """One of each role at acme."""
    return {role: person("acme", role) for role in ROLES}


def test_the_database_itself_refuses_what_the_api_would(db: Database, crew: dict[str, Person]) -> None:
    def changed(who: Person, of: Person, change: str) -> int:
        with psycopg.connect(db.app_url) as connection:
            c = who.context
            connection.execute("select app.set_context(%s, %s, %s)", (c.tenant_id, c.user_id, c.role))
            count = connection.execute(f"update users set {change} where id = %s", (of.context.user_id,)).rowcount
            connection.rollback()
            return count

    owner, admin, clinician, member = (crew[role] for role in ROLES)
    for who in (clinician, member):
        for of in crew.values():
            if of is not who:
                assert changed(who, of, "role = 'member', status = 'removed'") == 0
        with pytest.raises(psycopg.Error, match="may not change"):
            changed(who, who, "role = 'business_owner'")
        with pytest.raises(psycopg.Error, match="may not change"):
            changed(who, who, "status = 'suspended'")
        assert changed(who, who, "status = 'removed'") == 1
        assert changed(who, who, "preferences = '{}'") == 1
    for change in ("role = 'member'", "status = 'removed'", "status = 'suspended'"):
        with pytest.raises(psycopg.Error, match="may not change"):
            changed(admin, owner, change)
    for of in (admin, member):
        with pytest.raises(psycopg.Error, match="may not change"):
            changed(admin, of, "role = 'business_owner'")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        changed(owner, member, "email = 'other@acme.example'")
    with pytest.raises(psycopg.Error, match="has an owner"):
        changed(owner, owner, "status = 'removed'")


def test_a_member_sees_only_themselves_in_the_table(db: Database, crew: dict[str, Person], person: Make) -> None:
    person("globex")
    for role, who in crew.items():
        with psycopg.connect(db.app_url) as connection:
            c = who.context
            connection.execute("select app.set_context(%s, %s, %s)", (c.tenant_id, c.user_id, c.role))
            seen = {row[0] for row in connection.execute("select email from users").fetchall()}
        assert seen == ({each.email for each in crew.values()} if role in CARE_ROLES else {who.email})


def test_an_invitation_is_of_its_tenant_and_of_who_may_make_it(
    db: Database, crew: dict[str, Person], person: Make
) -> None:
    foreign = person("globex", "business_owner")
    made = """insert into invitations (tenant_id, id, email, role, invited_by, expires_at)
              values (%s, gen_random_uuid(), gen_random_uuid() || '@x.example', %s, %s, now() + interval '1 day')"""

    def may(who: Person, role: str, tenant: Person | None = None, inviter: Person | None = None) -> bool:
        with psycopg.connect(db.app_url) as connection:
            c = who.context
            connection.execute("select app.set_context(%s, %s, %s)", (c.tenant_id, c.user_id, c.role))
            try:
                connection.execute(made, ((tenant or who).tenant_id, role, (inviter or who).context.user_id))
            except psycopg.errors.InsufficientPrivilege:
                return False
            return True

    owner, admin, clinician, member = (crew[role] for role in ROLES)
    for role in ("business_admin", "clinician", "member"):
        assert [may(who, role) for who in (owner, admin, clinician, member)] == [True, True, role == "member", False]
    assert not may(foreign, "member", tenant=owner)
    assert not may(owner, "member", inviter=admin)
    for who, seen, changed in ((owner, 7, 7), (clinician, 7, 3), (member, 0, 0), (foreign, 0, 0)):
        with psycopg.connect(db.app_url) as connection:
            c = who.context
            connection.execute("select app.set_context(%s, %s, %s)", (c.tenant_id, c.user_id, c.role))
            assert len(connection.execute("select 1 from invitations").fetchall()) == seen
            assert connection.execute("select 1 from emails").fetchall() == []
            assert connection.execute("update invitations set status = 'revoked'").rowcount == changed
            connection.rollback()
