"""Tables of text: CSV as spreadsheets write it, JSON objects in an array or one a line. Read as they are asked for."""

import csv
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from domain.imports.faults import FileFault
from domain.imports.headers import bounded
from domain.imports.limits import MOST_COLUMNS, MOST_LINE_BYTES, MOST_LINES, MOST_TITLE_CHARS
from domain.imports.model import Cell
from infra.sheets import File

_SEPARATORS = ",;\t"
_SAMPLE = 64 * 1024
_SAYS = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # Excel's own first line, which it does not show
_PART = 64 * 1024
_DEEPEST = 10
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


class TextTable:
    """Comma, semicolon or tab: the one that the header has most of, outside its quotes."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._path, self._encoding, self.chars = path, encoding, 0
        with path.open(encoding=encoding, newline="") as text:
            sample = text.read(_SAMPLE)
        said = _SAYS.match(sample)
        self._skip = said is not None
        self._separator = said[1] if said else _separator(sample)
        self._header, self.columns = 0, []
        for number, cells in self._records():
            if any(cells):
                self._header, self.columns = number, [cell.strip() for cell in cells]
                break
        bounded(self.columns, self._header)

    def __iter__(self) -> Iterator[tuple[int, list[Cell]]]:
        for number, cells in self._records():
            if number > self._header and any(cells):
                yield number, cells

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        with self._path.open(encoding=self._encoding, newline="") as text:
            if self._skip:
                text.readline()
            fed = 0

            def lines() -> Iterator[str]:
                """A quote that is never closed, or opened again on each line, must not make one record of it all."""
                nonlocal fed
                for line in text:
                    fed += len(line)
                    if fed > MOST_LINE_BYTES:
                        raise FileFault("line_too_long", number + 1)
                    yield line

            number = 0
            try:
                for cells in csv.reader(lines(), delimiter=self._separator, strict=True):
                    number += 1
                    self.chars += fed
                    fed = 0
                    if number > MOST_LINES:
                        raise FileFault("too_many_rows", number)
                    yield number, cells
            except csv.Error:
                raise FileFault("malformed_csv", number + 1) from None


def _separator(sample: str) -> str:
    header = next((line for line in _QUOTED.sub("", sample).splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=header.count)


class JsonTable:
    """Objects, whose names are the columns. Of an array row 2 is the first, as if there were a header above it; of
    lines the row is the line.
    """

    def __init__(self, file: File) -> None:
        self._file = file
        self.chars = 0
        self.columns: list[str] = []
        self._places: dict[str, int] = {}
        next(iter(self), None)  # the columns of the first row are there from the beginning

    def __iter__(self) -> Iterator[tuple[int, list[Cell]]]:
        read = self._array if self._file.format == "json" else self._lines
        for number, value in read():
            if not isinstance(value, dict):
                raise FileFault("bad_json", number)
            for name in [each for each in value if each not in self._places]:
                if len(self.columns) == MOST_COLUMNS:
                    raise FileFault("too_many_columns", number)
                if len(name) > MOST_TITLE_CHARS:
                    raise FileFault("long_title", number)
                self._places[name] = len(self.columns)
                self.columns.append(name)
            cells: list[Cell] = [None] * len(self.columns)
            for name, cell in value.items():
                cells[self._places[name]] = cell
            yield number, cells

    def _lines(self) -> Iterator[tuple[int, Any]]:
        with self._file.path.open(encoding=self._file.encoding) as text:
            for number, line in enumerate(text, 1):
                if number > MOST_LINES:
                    raise FileFault("too_many_rows", number)
                if len(line) > MOST_LINE_BYTES:
                    raise FileFault("line_too_long", number)
                if line.strip():
                    self.chars += len(line)
                    yield number, _value(line, number)

    def _array(self) -> Iterator[tuple[int, Any]]:
        """One element after the other; what is in memory is the element that is being read."""
        number, buffer, begun, end = 2, "", False, False
        with self._file.path.open(encoding=self._file.encoding) as text:
            while True:
                buffer = buffer.lstrip(" \t\r\n,") if begun else buffer.lstrip()
                if not begun and buffer:
                    buffer, begun = buffer[1:], True
                    continue
                if begun and buffer.startswith("]"):
                    if (buffer[1:] + text.read(_PART)).strip():
                        raise FileFault("bad_json", number)
                    return
                if buffer:
                    try:
                        value, used = _DECODER.raw_decode(buffer)
                        whole = used < len(buffer)  # a number may go on
                    except (ValueError, RecursionError):
                        whole = False
                    if whole:
                        if used > MOST_LINE_BYTES:
                            raise FileFault("line_too_long", number)
                        self.chars += used
                        _check(value, number)
                        yield number, value
                        number, buffer = number + 1, buffer[used:]
                        continue
                if end or len(buffer) > MOST_LINE_BYTES:
                    raise FileFault("bad_json" if end else "line_too_long", number)
                part = text.read(_PART)
                end = not part
                buffer += part


def _no_constant(_: str) -> Any:
    raise ValueError


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite)


def _value(line: str, number: int) -> Any:
    try:
        value = _DECODER.decode(line)
    except (ValueError, RecursionError):
        raise FileFault("bad_json", number) from None
    _check(value, number)
    return value


def _check(value: Any, number: int, depth: int = 0) -> None:
    """Texts that PostgreSQL cannot store, wherever they are, and what is nested deeper than any table."""
    if isinstance(value, str):
        if "\0" in value or (not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value)):
            raise FileFault("nul_bytes" if "\0" in value else "bad_json", number)
        return
    if isinstance(value, dict | list) and depth == _DEEPEST:
        raise FileFault("bad_json", number)
    if isinstance(value, dict):
        for name, inner in value.items():
            _check(name, number)
            _check(inner, number, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, number, depth + 1)
