"""A header and its rows, as people write them."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.imports.answers import answers_from, iso_date
from domain.imports.columns import template_columns
from domain.imports.faults import FILE_FAULTS, ROW_FAULTS, FileFault
from domain.imports.headers import COLUMNS, resolved
from domain.imports.model import Options
from domain.imports.reading import Reader
from infra.content import load_templates
from tests.answers import low_back_pain

TODAY = date(2026, 11, 22)
[BACK] = [template for template in load_templates() if template.id == "low-back-pain"]


def members(columns: list[str], *rows: list[Any], mapping: dict[str, str] | None = None) -> list[Any]:
    reader = Reader("members", columns, Options(mapping or {}), {}, TODAY)
    return [reader.read(number, row) for number, row in enumerate(rows, 2)]


@pytest.mark.parametrize(
    ("title", "column"),
    [
        ("E-Mail", "email"), ("Correo electrónico", "email"), ("  EMAIL_ADDRESS ", "email"), ("Patient ID", "external_id"),
        ("Número de socio", "external_id"), ("MRN", "external_id"), ("Nombre y apellidos", "name"), ("Rol", "role"),
        ("Surname", "last_name"), ("Shoe size", None), ("_code", None),
    ],
)  # fmt: skip
def test_titles_of_other_systems_and_languages(title: str, column: str | None) -> None:
    assert resolved([title], "members", {}) == ({0: column} if column else {})


def test_a_mapping_comes_before_what_is_guessed() -> None:
    assert resolved(["Name", "Nick", "id"], "members", {"Nick": "name"}) == {1: "name", 2: "external_id"}


@pytest.mark.parametrize(
    ("header", "mapping", "code"),
    [
        (["email", "e-mail"], {}, "column_twice"),
        (["email"], {"mail": "email"}, "unknown_column"),
        (["email"], {"email": "password"}, "unknown_column"),
        ([f"c{n}" for n in range(501)], {}, "too_many_columns"),
    ],
)
def test_headers_that_cannot_be_read(header: list[str], mapping: dict[str, str], code: str) -> None:
    with pytest.raises(FileFault) as refused:
        resolved(header, "members", mapping)
    assert (refused.value.code, refused.value.row) == (code, 1)


def test_members() -> None:
    rows = members(
        ["id", "email", "first name", "surname", "role"],
        ["1", " ANA@Harbour.Example ", "Ana", "Lima", ""],
        ["", "bo@harbour.example", "Bo", "", "Administradora"],
        ["3", "", "C", "", "king"],
        ["4", "x", "=1", "", "", "more"],
        ["5", "d@harbour.example", "#REF!", ""],
    )
    assert [(row.external_id, row.email, row.values["name"], row.values["role"]) for row in rows[:2]] == [
        ("1", "ana@harbour.example", "Ana Lima", "member"),
        (None, "bo@harbour.example", "Bo", "business_admin"),
    ]
    assert [[(each.column, each.code) for each in row.issues] for row in rows] == [
        [],
        [],
        [("email", "required"), ("role", "unknown_option")],
        [(None, "too_many_cells"), ("first name", "formula"), ("email", "bad_address")],
        [("first name", "error_cell")],
    ]


def test_an_escaped_cell_is_what_it_was() -> None:
    [row] = members(["email", "name"], ["a@harbour.example", "'-Ana"])
    assert (row.values["name"], row.issues) == ("-Ana", [])


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("1984-05-17", "1984-05-17"), ("30819", "1984-05-17"), ("30819.0", "1984-05-17"), ("61", "1900-03-01"),
        ("60", "60"), ("2958465", "9999-12-31"), ("2958466", "2958466"), ("1984-05-17T00:00:00", "1984-05-17"),
        ("17/05/1984", "17/05/1984"),
    ],
)  # fmt: skip
def test_dates(cell: str, day: str) -> None:
    assert iso_date(cell) == day


def test_a_table_says_what_the_form_says() -> None:
    """All answers in the columns that the empty table has, with words for codes and a date as Excel keeps it."""
    given_answers = low_back_pain()
    table = {"psfs": given_answers["psfs"]}
    cells: list[tuple[str, Any]] = []
    for column in template_columns("assessments", BACK):
        link, _, rest = column.partition(".")
        if rest:
            number, _, name = rest.partition(".")
            cells.append((column, str(table[link][int(number) - 1][name])))
        elif column in given_answers:
            value = given_answers[column]
            cells.append((column, ";".join(value) if isinstance(value, list) else str(value)))
    said = dict(cells) | {"date_of_birth": "30819", "sex": "Female"}
    answers, unknown = answers_from(BACK, said.items())
    assert (answers, unknown) == (given_answers, [])


def test_an_assessment_is_judged_as_a_submission_is() -> None:
    answers = low_back_pain(nprs_now=44) | {"sex": "robot"}
    titles = ["email", *("NPRS Now" if link == "nprs_now" else link for link in answers)]
    reader = Reader("assessments", titles, Options({}, "low-back-pain"), {"low-back-pain": BACK}, TODAY)
    row = reader.read(2, ["a@harbour.example", *answers.values()])
    assert {(each.column, each.code) for each in row.issues} == {
        ("NPRS Now", "out_of_range"),
        ("sex", "unknown_option"),
    }


@given(st.lists(st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text()), st.dictionaries(st.text(), st.text())), max_size=8))  # fmt: skip
def test_no_row_is_more_than_wrong(cells: list[Any]) -> None:
    """Whatever is in it: it is read, and its faults have words and hold nothing of it."""
    for kind, extra in (("members", []), ("assessments", ["nprs_now"]), ("programs", [])):
        columns = [*COLUMNS[kind], *extra]  # type: ignore[index]
        row = Reader(kind, columns, Options(), {"low-back-pain": BACK}, TODAY).read(2, cells)  # type: ignore[arg-type]
        for each in row.issues:
            assert each.code in ROW_FAULTS
            assert each.column is None or each.column in {*columns, *BACK.asked}


def test_every_code_of_the_engine_has_words_here() -> None:
    from domain.assessments.issues import MESSAGES

    assert MESSAGES.keys() <= ROW_FAULTS.keys()
    assert not ROW_FAULTS.keys() & FILE_FAULTS.keys() - {"too_many_cells", "unknown_template", "not_allowed"}
