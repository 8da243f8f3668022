"""What a row would do, by what is there."""

from typing import Any
from uuid import uuid4

import pytest

from domain.imports.model import Options
from domain.imports.planning import Known, Person, Wish, planned
from domain.imports.reading import Read

ANA = Person(uuid4(), "ana@x.example", "A", "Ana", "member", "active")
BO = Person(uuid4(), "bo@x.example", None, "", "member", "active")
GONE = Person(uuid4(), "gone@x.example", None, "", "member", "removed")
KNOWN = Known([ANA, BO, GONE], invited=frozenset({"open@x.example"}))
TITLES = {"external_id": "ID", "email": "Mail", "role": "Role", "name": "Name"}


def plan(external_id: str | None, email: str | None, on_duplicate: str = "skip", **values: Any) -> tuple[str, Any, Any]:
    said = {"name": "", "role": "member", "says_role": False} | values
    wish = Wish("members", on_duplicate, Options(), values.pop("as_role", "business_owner"), TITLES)  # type: ignore[arg-type]
    row = planned(Read(2, [], external_id, email, said), KNOWN, wish)
    return row.status, row.action, [(each.column, each.code) for each in row.issues]


@pytest.mark.parametrize(
    ("external_id", "email", "on_duplicate", "values", "expected"),
    [
        ("N", "new@x.example", "skip", {}, ("pending", "create", [])),
        (None, "gone@x.example", "skip", {}, ("pending", "create", [])),
        ("A", "ana@x.example", "skip", {}, ("skipped", None, [])),
        ("A", "ana@x.example", "fail", {}, ("failed", None, [("ID", "already_there")])),
        ("A", "ana@x.example", "update", {}, ("skipped", None, [])),
        ("A", "ana@x.example", "update", {"name": "Anna"}, ("pending", "update", [])),
        ("B", "bo@x.example", "update", {}, ("pending", "update", [])),
        ("A", "ana@x.example", "update", {"role": "clinician", "says_role": True}, ("failed", None, [("Role", "role_differs")])),
        ("A", "bo@x.example", "update", {}, ("failed", None, [("ID", "external_id_taken")])),
        ("A", "other@x.example", "update", {}, ("failed", None, [("Mail", "email_differs")])),
        ("Z", "ana@x.example", "update", {}, ("failed", None, [("ID", "external_id_differs")])),
        (None, "open@x.example", "skip", {}, ("skipped", None, [])),
        (None, "open@x.example", "fail", {}, ("failed", None, [("Mail", "open_invitation")])),
        (None, "new@x.example", "skip", {"role": "business_admin", "as_role": "clinician"}, ("failed", None, [("Role", "not_allowed")])),
    ],
)  # fmt: skip
def test_members(external_id: str, email: str, on_duplicate: str, values: dict[str, Any], expected: Any) -> None:
    assert plan(external_id, email, on_duplicate, **values) == expected


@pytest.mark.parametrize(
    ("external_id", "email", "on_duplicate", "expected"),
    [
        ("A", None, "skip", ("skipped", None, [])),
        ("A", None, "fail", ("failed", None, [(None, "already_there")])),
        ("A", None, "update", ("pending", "update", [])),
        (None, "bo@x.example", "skip", ("failed", None, [(None, "draft_open")])),
        ("B", "bo@x.example", "skip", ("failed", None, [("ID", "unknown_member")])),
        (None, "gone@x.example", "skip", ("failed", None, [("Mail", "unknown_member")])),
        ("N", None, "skip", ("failed", None, [("ID", "unknown_member")])),
    ],
)
def test_assessments(external_id: str | None, email: str | None, on_duplicate: str, expected: Any) -> None:
    known = Known([ANA, BO, GONE], submitted=frozenset({(ANA.id, "t")}), drafts=frozenset({(BO.id, "t")}))
    wish = Wish("assessments", on_duplicate, Options(), "clinician", TITLES)  # type: ignore[arg-type]
    row = planned(Read(2, [], external_id, email, {"template": "t"}), known, wish)
    assert (row.status, row.action, [(each.column, each.code) for each in row.issues]) == expected
