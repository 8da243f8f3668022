"""Files of every form, and files that mean harm: read in bounded memory, or refused in words."""

import io
import json
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.imports.faults import FILE_FAULTS, FileFault
from infra import sheets

ROWS = [["ID", "Name", "Note"], ["1", "Žofie", 'said "hi", twice'], ["2", "Ben", "two\nlines"], ["3", "", "x;y\tz"]]


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "source"
    path.write_bytes(content)
    return path


def read(path: Path) -> tuple[list[str], list[tuple[int, list[object]]]]:
    table = sheets.opened(sheets.inspected(path))
    return table.columns, list(table)


def refused(tmp_path: Path, content: bytes) -> tuple[str, int | None]:
    with pytest.raises(FileFault) as fault:
        columns, rows = read(written(tmp_path, content))
        assert (columns, rows) == "it was read"
    assert fault.value.code in FILE_FAULTS
    return fault.value.code, fault.value.row


def as_csv(separator: str, newline: str) -> str:
    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if any(c in text for c in f'"\n\r{separator}') else text

    return newline.join(separator.join(map(cell, row)) for row in ROWS) + newline


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_one_table_in_the_forms_of_spreadsheets(separator: str, newline: str, encoding: str, tmp_path: Path) -> None:
    columns, rows = read(written(tmp_path, as_csv(separator, newline).encode(encoding)))
    assert columns == ROWS[0]
    assert rows == [(number, row) for number, row in enumerate(ROWS[1:], 2)]


def test_an_array_may_be_one_line(tmp_path: Path) -> None:
    """As programs write it."""
    people = [{"email": f"person{number}@harbour.example"} for number in range(20_000)]
    _, rows = read(written(tmp_path, json.dumps(people).encode()))
    assert rows[-1] == (20_001, ["person19999@harbour.example"])


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    content = b'sep=;\r\nID;Note\r\n\r\n1;"a\r\nb"\r\n;\r\n2;c\r\n'
    assert read(written(tmp_path, content)) == (["ID", "Note"], [(3, ["1", "a\r\nb"]), (5, ["2", "c"])])


def test_json_in_an_array_and_by_lines(tmp_path: Path) -> None:
    objects = [{"ID": 1, "Name": "Ana"}, {"ID": 2, "Note": ["x", "y"]}, {"Name": None}]
    cells = [[1, "Ana"], [2, None, ["x", "y"]], [None, None, None]]
    columns, rows = read(written(tmp_path, json.dumps(objects, indent=1).encode()))
    assert (columns, rows) == (["ID", "Name", "Note"], list(enumerate(cells, 2)))
    lines = "\n\n".join(map(json.dumps, objects)).encode()
    assert read(written(tmp_path, lines)) == (columns, [(1, cells[0]), (3, cells[1]), (5, cells[2])])


def workbook(tmp_path: Path, fill: Callable[..., object]) -> bytes:
    path = tmp_path / "book.xlsx"
    book = xlsxwriter.Workbook(str(path))
    fill(book, book.add_worksheet())
    book.close()
    return path.read_bytes()


def test_a_workbook(tmp_path: Path) -> None:
    def fill(book: xlsxwriter.Workbook, sheet: xlsxwriter.worksheet.Worksheet) -> None:
        sheet.write_row(2, 1, ["ID", "Born", "Pain", "Yes"])
        day = book.add_format({"num_format": "d/m/yyyy"})
        sheet.write_row(4, 1, [1001, None, 2.5, True])
        sheet.write_datetime(4, 2, date(1984, 5, 17), day)

    columns, rows = read(written(tmp_path, workbook(tmp_path, fill)))
    assert columns == ["ID", "Born", "Pain", "Yes"]
    assert rows == [(5, ["1001", "1984-05-17", "2.5", "true"])]


def zipped(parts: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


_OFFICE = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
BOOK = b'<workbook xmlns:r="%b"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>' % _OFFICE
RELS = (
    b'<Relationships><Relationship Id="rId1" Type="%b/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    % _OFFICE
)


def book_of(sheet: bytes, texts: bytes = b"<sst></sst>", more: bytes = b"") -> bytes:
    return zipped(
        {
            "xl/styles.xml": more,
            "xl/workbook.xml": BOOK, "xl/_rels/workbook.xml.rels": RELS, "xl/worksheets/sheet1.xml": b'<worksheet><sheetData><row r="1">' + sheet + b"</row></sheetData></worksheet>",
            "xl/sharedStrings.xml": texts,
        }
    )  # fmt: skip


def saved(rows: list[list[str]]) -> bytes:
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made)
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    book.close()
    return made.getvalue()


def altered(book: bytes, old: bytes, new: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return zipped({name: archive.read(name).replace(old, new) for name in archive.namelist()})


def padded(count: int, content: bytes) -> bytes:
    made = io.BytesIO(book_of(b'<c r="A1"><v>1</v></c>'))
    with zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(count):
            archive.writestr(f"xl/media/{number}", content)
    return made.getvalue()


HARMFUL: dict[str, tuple[Callable[[], bytes], str]] = {
    "bomb": (lambda: book_of(b"", more=b" " * 200_000_000), "unpacks_too_large"),
    "wide_range": (lambda: book_of(b'<c r="A1"/></row><row><c r="XFD1048576"><v>1</v></c>'), "too_many_cells"),
    "one_text_often": (
        lambda: book_of(
            b'<c r="A1" t="s"><v>0</v></c>' * 20_000, b"<sst><si><t>" + b"x" * 30_000 + b"</t></si></sst>"
        ),
        "unpacks_too_large",
    ),
    "hidden_use": (lambda: book_of(b'<c r="A1" t="s"><!-- --><v>0</v></c>', b"<sst><si><t>x</t></si></sst>"), "malformed_workbook"),
    "formula": (lambda: book_of(b'<c r="A1"><f>HYPERLINK("x")</f><v>1</v></c>'), "formula_cells"),
    "no_workbook": (lambda: zipped({"a.txt": b"x"}), "malformed_workbook"),
    "cut_off": (lambda: book_of(b"")[:-40], "malformed_workbook"),
    "endless_line": (lambda: b"email\n" + b"x" * 20_000_000, "line_too_long"),
    "endless_quote": (lambda: b'email\n"' + b"x\n" * 3_000_000, "line_too_long"),
    "quotes_without_end": (lambda: b"email\n" + b'a","b\n' * 100_000, "line_too_long"),
    "open_quotes": (lambda: b'email,b\n"a' + b'","b\n' * 200_000, "line_too_long"),
    "columns": (lambda: b",".join(b"c%d" % n for n in range(10_000)) + b"\n1\n", "too_many_columns"),
    "nul": (lambda: b"email\na\0b\n", "nul_bytes"),
    "nul_in_json": (lambda: b'[{"a": "\\u0000"}]', "nul_bytes"),
    "surrogate": (lambda: b'{"a": "\\ud800"}', "bad_json"),
    "deep": (lambda: b'[{"a": ' + b"[" * 30_000 + b"]" * 30_000 + b"}]", "bad_json"),
    "nested": (lambda: b'[{"a": ' + b"[" * 300 + b"]" * 300 + b"}]", "bad_json"),
    "nul_in_a_workbook": (lambda: altered(saved([["email"], ["here"]]), b"here", b"a_x0000_b"), "nul_bytes"),
    "long_object": (lambda: b'[{"a": "' + b"x" * 1_000_000 + b'"}]', "line_too_long"),
    "not_a_number": (lambda: b'[{"a": NaN}]', "bad_json"),
    "infinite": (lambda: b'[{"a": 1e999}]', "bad_json"),
    "twice": (lambda: b'{"a": 1, "a": 2}', "bad_json"),
    "many_names": (lambda: json.dumps([{f"c{n}": 1} for n in range(501)]).encode(), "too_many_columns"),
    "one_line_in_cp1252": (lambda: ('[{"a": "é"}' + "," * 600_000 + "]").encode("cp1252"), "line_too_long"),
    "no_encoding": (lambda: b"email\n\x81\n", "bad_encoding"),
    "two_encodings": (lambda: "email\né\n".encode() + b"\xe9\n", "mixed_encoding"),
    "nothing": (lambda: b" \n", "empty_file"),
    "blank_lines": (lambda: b"email\n" + b"\n" * 1_500_000 + b"a@b.example\n", "too_many_rows"),
    "blank_cells": (lambda: b"email,b\n" + b",\n" * 1_500_000, "too_many_rows"),
    "blank_lines_of_json": (lambda: b'{"email": 1}\n' + b"\n" * 1_500_000 + b"{}", "too_many_rows"),
    "long_title": (lambda: b"email," + b"x" * 1_000 + b"\n1,2\n", "long_title"),
    "long_name": (lambda: json.dumps([{"email": "a"}, {"x" * 1_000: 1}]).encode(), "long_title"),
    "long_row_of_a_workbook": (lambda: saved([["email"] * 9, ["x" * 8_000] * 9]), "line_too_long"),
    "attributes_without_end": (lambda: book_of(b"<c" + b' t="s"' * 150_000), "malformed_workbook"),
    "tags_without_end": (lambda: zipped({"xl/workbook.xml": b"<sheet " * 140_000}), "malformed_workbook"),
    "text_without_end": (lambda: book_of(b"", b"<sst><si><t>" + b"x" * 20_000_000), "malformed_workbook"),
    "many_bombs": (lambda: padded(5, b"\0" * 90_000_000), "unpacks_too_large"),
    "many_parts": (lambda: padded(12_000, b""), "malformed_workbook"),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=pytest.mark.long if each == "many_bombs" else ()) for each in HARMFUL]
)
def test_harm(name: str, tmp_path: Path) -> None:
    made, code = HARMFUL[name]
    content = made()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refused(tmp_path, content)[0] == code
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB


def test_texts_that_hide_from_the_count_are_not_read(tmp_path: Path) -> None:
    """A comment between a cell and its number: what cannot be counted could be anything, however well it reads."""
    whole = workbook(tmp_path, lambda _, sheet: sheet.write_row(0, 0, ["email", "name"]))
    with zipfile.ZipFile(io.BytesIO(whole)) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    assert read(written(tmp_path, zipped(parts)))[0] == ["email", "name"]
    sheet = "xl/worksheets/sheet1.xml"
    assert refused(tmp_path, zipped(parts | {sheet: parts[sheet].replace(b"<v>", b"<!-- --><v>")})) == (
        "malformed_workbook",
        None,
    )


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "source"
    path.write_bytes(content)
    with suppress(FileFault):  # whose codes refused() knows; anything else is a failure
        read(path)


@pytest.mark.long
def test_a_file_of_any_size_takes_little_memory(tmp_path: Path) -> None:
    """57 MB of rows: a process of its own says how much it took at most."""
    path = tmp_path / "source"
    with path.open("w") as file:
        file.write("email,name\n")
        for number in range(600_000):
            file.write(f"person{number}@harbour.example,{'x' * 60}\n")
    script = (
        "import sys; from pathlib import Path; from infra import sheets\n"
        "print(sum(1 for _ in sheets.opened(sheets.inspected(Path(sys.argv[1])))))\n"
        "print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')))"
    )
    said = subprocess.run([sys.executable, "-c", script, str(path)], check=True, capture_output=True, text=True)
    rows, most = map(int, said.stdout.split())
    assert rows == 600_000
    assert most < 60_000  # kB, the interpreter included
