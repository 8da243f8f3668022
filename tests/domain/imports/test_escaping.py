import re

from hypothesis import example, given
from hypothesis import strategies as st

from domain.imports.escaping import as_text, escaped, unescaped


@given(st.text())
@example("'=1+1")
@example("''")
@example("'")
@example("=x")
@example("+x")
@example("-x")
@example("@x")
@example("\tx")
@example("\rx")
@example("-5")
@example("+5.5")
def test_what_leaves_comes_back_and_no_spreadsheet_runs_it(text: str) -> None:
    out = escaped(text)
    assert unescaped(out) == text
    assert not out.startswith(("=", "+", "-", "@", "\t", "\r")) or re.fullmatch(r"[+-][0-9]+([.,][0-9]+)?", out)


def test_cells_of_json_as_a_table_has_them() -> None:
    cells = ["a", None, True, 5, 1.5, ["x", "y"], [{"a": 1}]]
    assert [as_text(cell) for cell in cells] == ["a", "", "true", "5", "1.5", "x|y", '[{"a": 1}]']
