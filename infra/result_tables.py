"""A table as files on this machine's disk, for people: CSV and a workbook. One row in memory at a time."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import xlsxwriter  # type: ignore[import-untyped]

from domain.imports.escaping import escaped

_MOST_CHARS = 32_767  # of a cell of Excel


def written(directory: Path, name: str, header: Sequence[str], lines: Iterable[Sequence[str]]) -> dict[str, Path]:
    """`<name>.csv` and `<name>.xlsx`, both at once. No cell is run by a spreadsheet that opens them."""
    made = {each: directory / each for each in (f"{name}.csv", f"{name}.xlsx")}
    text_file, workbook = made.values()
    book = xlsxwriter.Workbook(
        str(workbook), {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    sheet = book.add_worksheet()
    with text_file.open("w", encoding="utf-8-sig", newline="") as text:
        table = csv.writer(text)
        table.writerow([escaped(each) for each in header])
        for place, title in enumerate(header):
            sheet.write_string(0, place, title[:_MOST_CHARS])
        for number, cells in enumerate(lines, 1):
            table.writerow([escaped(each) for each in cells])
            for place, cell in enumerate(cells):
                sheet.write_string(number, place, cell[:_MOST_CHARS])
    book.close()
    return made
