"""What became of each row of an import, as files on this machine's disk."""

import csv
from collections.abc import Iterable
from pathlib import Path

import xlsxwriter  # type: ignore[import-untyped]

from domain.imports.escaping import as_text, escaped
from domain.imports.faults import problems
from domain.imports.model import Import, Row

NAMES = ("results.csv", "results.xlsx")
_MOST_CHARS = 32_767  # of a cell of Excel


def written(directory: Path, found: Import, rows: Iterable[Row]) -> dict[str, Path]:
    """Both files at once; one row in memory."""
    made = {name: directory / name for name in NAMES}
    header = [*found.columns, "_row", "_status", "_column", "_code", "_message", "_result"]
    book = xlsxwriter.Workbook(
        str(made["results.xlsx"]), {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    sheet = book.add_worksheet()
    with made["results.csv"].open("w", encoding="utf-8-sig", newline="") as text:
        table = csv.writer(text)
        table.writerow([escaped(each) for each in header])
        for place, title in enumerate(header):
            sheet.write_string(0, place, title[:_MOST_CHARS])
        for number, row in enumerate(rows, 1):
            cells = line(found, row)
            table.writerow([escaped(each) for each in cells])
            for place, cell in enumerate(cells):
                sheet.write_string(number, place, cell[:_MOST_CHARS])
    book.close()
    return made


def line(found: Import, row: Row) -> list[str]:
    cells = [as_text(cell) for cell in row.cells[: len(found.columns)]]
    cells += [""] * (len(found.columns) - len(cells))
    result = f"{row.result_type}/{row.result_id}" if row.result_id else ""
    return [*cells, str(row.number), row.status, *problems(row), result]
