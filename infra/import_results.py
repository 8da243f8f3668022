"""What became of each row of an import, as files on this machine's disk."""

from collections.abc import Iterable
from pathlib import Path

from domain.imports.escaping import as_text
from domain.imports.faults import problems
from domain.imports.model import Import, Row
from infra import result_tables


def written(directory: Path, found: Import, rows: Iterable[Row]) -> dict[str, Path]:
    header = [*found.columns, "_row", "_status", "_column", "_code", "_message", "_result"]
    return result_tables.written(directory, "results", header, (line(found, row) for row in rows))


def line(found: Import, row: Row) -> list[str]:
    cells = [as_text(cell) for cell in row.cells[: len(found.columns)]]
    cells += [""] * (len(found.columns) - len(cells))
    result = f"{row.result_type}/{row.result_id}" if row.result_id else ""
    return [*cells, str(row.number), row.status, *problems(row), result]
