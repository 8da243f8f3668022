"""docs/permissions.md, made from domain/permissions.py: `python -m tests.api.permissions_page`."""

from pathlib import Path

from api.app import create_app
from domain.permissions import ALLOWED, PUBLIC
from domain.tenancy import PEOPLE, STAFF_ROLES
from tests.api.operations import Operation, operations

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
ROLES = ("individual", "member", "clinician", "business_admin", "business_owner", "operator", "content_admin")
_HEADINGS = ("individual", "member", "clinician", "admin", "owner", "operator", "content admin")
_BEGINNING = """# Who may call what

Made from `domain/permissions.py` by `python -m tests.api.permissions_page`; a test compares the two, and walks every
operation as every role.

A role says *what* somebody may do. *Whose* records they may do it to is said by PostgreSQL's policies: an individual
and a member reach their own, the care staff of a business (clinician, admin, owner) those of its members, and nobody
those of another tenant, which are answered as if they did not exist (404). Operators and content admins belong to no
tenant. Whoever is not in a row gets 403, before anything of the request is looked at; without a token it is 401.
"""


def page() -> str:
    assert set(ROLES) == PEOPLE | STAFF_ROLES
    found = operations(create_app().openapi())
    tags = sorted({each.tag for each in found if each.id not in PUBLIC})
    sections = [f"## {tag.capitalize()}\n\n{_table([each for each in found if each.tag == tag])}" for tag in tags]
    lines = "\n".join(f"- `{each}`: {each.summary}" for each in found if each.id in PUBLIC)
    return "\n".join([_BEGINNING, *sections, f"## Without a token\n\n{lines}\n"])


def _table(found: list[Operation]) -> str:
    lines = [f"| operation | {' | '.join(_HEADINGS)} |", f"|---|{':-:|' * len(_HEADINGS)}"]
    for each in found:
        if each.id not in PUBLIC:
            marks = " | ".join("yes" if role in ALLOWED[each.id] else "" for role in ROLES)
            lines.append(f"| {each.summary}<br>`{each}` | {marks} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
