"""The first sheet of an Excel workbook, read by calamine, which keeps it in memory: so it is measured first.

What is measured is what is really there. A zip file's own sizes are what its maker says; here each part is unpacked
piece by piece and thrown away, and counted: the used range, texts however often they are used, formulas.
"""

import re
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from domain.imports.faults import FileFault
from domain.imports.headers import bounded
from domain.imports.limits import (
    MOST_CELLS,
    MOST_LINE_BYTES,
    MOST_TEXT_BYTES,
    MOST_UNPACKED_BYTES,
    MOST_UNPACKED_IN_ALL,
)
from domain.imports.model import Cell

_PIECE = 256 * 1024
_OVERLAP = 4096
_ENCRYPTED = 0x1
# What stands between two bounds is bounded itself: a search that begins anew at each of a thousand tags without an end
# takes hours.
_TAGS = re.compile(rb"<(?:\w+:)?(sheet|Relationship)\s([^<>]{0,2000})>")
_ATTRIBUTE = re.compile(rb"([\w:]+)\s*=\s*[\"']([^\"']*)[\"']")
_PLACE = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]{1,3})([0-9]{1,7})[\"']")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_SHARED = re.compile(rb"\st\s*=\s*[\"']s[\"']")
_USE = re.compile(rb"\st\s*=\s*[\"']s[\"'][^<>]{0,100}>\s{0,9}<(?:\w+:)?v>\s{0,9}([0-9]{1,9})\s{0,9}<")
_TEXT_END = re.compile(rb"</(?:\w+:)?si\s*>|<(?:\w+:)?si\s*/>")
_MOST_PARTS = 10_000  # a workbook has dozens
_MOST_DIRECTORY = 200 * _MOST_PARTS
_END, _END_BYTES, _MOST_COMMENT = b"PK\x05\x06", 22, 65_535
_TEXTS = "xl/sharedStrings.xml"


class Workbook:
    """Dates come as ISO texts, numbers as a spreadsheet would write them without a format."""

    def __init__(self, path: Path) -> None:
        self._path, self.chars = path, 0
        _measure(path)
        self._rows = self._sheet()
        header = next(((n, cells) for n, cells in self._numbered() if any(c not in ("", None) for c in cells)), None)
        self._header = header[0] if header else 0
        self.columns = [str(_plain(cell)).strip() for cell in header[1]] if header else []
        while self.columns and not self.columns[-1]:
            self.columns.pop()
        bounded(self.columns, self._header)

    def _sheet(self) -> Any:
        try:
            return CalamineWorkbook.from_path(str(self._path)).get_sheet_by_index(0)
        except (CalamineError, OSError, IndexError, ValueError):
            raise FileFault("malformed_workbook") from None

    def _numbered(self) -> Iterator[tuple[int, list[Any]]]:
        """From the sheet's first row, also where the table begins further down."""
        return enumerate(self._rows.iter_rows(), 1)

    def __iter__(self) -> Iterator[tuple[int, list[Cell]]]:
        for number, cells in self._numbered():
            if number > self._header and any(cell not in ("", None) for cell in cells):
                texts = [_plain(cell) for cell in cells]
                length = sum(map(len, texts))
                if length > MOST_LINE_BYTES:
                    raise FileFault("line_too_long", number)
                self.chars += length
                yield number, texts


def _plain(cell: Any) -> str:  # noqa: PLR0911 - one for each kind of cell
    match cell:
        case str():
            if "\0" in cell:  # as `_x0000_`
                raise FileFault("nul_bytes")
            return cell
        case bool():
            return "true" if cell else "false"
        case float():
            return str(int(cell)) if cell.is_integer() else repr(cell)
        case datetime():
            return cell.date().isoformat() if cell.time() == time() else cell.isoformat()
        case date() | time():
            return cell.isoformat()
        case timedelta():
            return str(cell)
        case _:
            return "" if cell is None else str(cell)


def _measure(path: Path) -> None:
    """Raises FileFault: malformed_workbook, unpacks_too_large, too_many_cells, formula_cells."""
    try:
        _has_small_directory(path)
        with zipfile.ZipFile(path) as book:
            parts = {part.filename: part for part in book.infolist()}
        if len(parts) > _MOST_PARTS:
            raise FileFault("malformed_workbook")
        if any(part.flag_bits & _ENCRYPTED for part in parts.values()):
            raise FileFault("malformed_workbook")
        first = _first_sheet(path, parts)
        lengths = _texts(path, parts[_TEXTS]) if _TEXTS in parts else array("L")
        total = 0
        for name, part in parts.items():
            if name == first:
                _sheet(path, part, lengths)
            elif name != _TEXTS:
                for piece in _unpacked(path, part):
                    total += len(piece)
                    if total > MOST_UNPACKED_IN_ALL:
                        raise FileFault("unpacks_too_large")
    except (zipfile.BadZipFile, zlib.error, KeyError, OSError, NotImplementedError):
        raise FileFault("malformed_workbook") from None


def _has_small_directory(path: Path) -> None:
    """The list of parts is read as a whole: before that, what the end of the file says of its size. A file of more than
    4 GB has another end, in front of this one.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - _END_BYTES - _MOST_COMMENT - 20))
        tail = stream.read()
    place = len(tail) - _END_BYTES
    if not (tail[place : place + 4] == _END and tail.endswith(b"\0\0")):
        place = tail.rfind(_END)
    if place < 0 or tail[max(0, place - 20) : place].startswith(b"PK\x06\x07"):
        raise FileFault("malformed_workbook")
    if int.from_bytes(tail[place + 12 : place + 16], "little") > _MOST_DIRECTORY:
        raise FileFault("malformed_workbook")


def _unpacked(path: Path, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """What comes out of the part, whatever its header says of its size."""
    total = 0
    with path.open("rb") as stream:
        stream.seek(part.header_offset)
        head = stream.read(30)
        if len(head) < 30 or not head.startswith(b"PK\x03\x04"):  # noqa: PLR2004 - a local header
            raise FileFault("malformed_workbook")
        stream.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
        left, inflate = part.compress_size, zlib.decompressobj(-15)
        while left > 0 and (packed := stream.read(min(_PIECE, left))):
            left -= len(packed)
            while packed:
                if part.compress_type == zipfile.ZIP_STORED:
                    made, packed = packed, b""
                elif part.compress_type == zipfile.ZIP_DEFLATED:
                    made = inflate.decompress(packed, _PIECE)
                    packed = inflate.unconsumed_tail
                else:
                    raise FileFault("malformed_workbook")
                total += len(made)
                if total > MOST_UNPACKED_BYTES:
                    raise FileFault("unpacks_too_large")
                yield made
        rest = inflate.flush(_PIECE) if part.compress_type == zipfile.ZIP_DEFLATED else b""
        if rest:
            yield rest


def _whole(path: Path, part: zipfile.ZipInfo) -> bytes:
    found = b""
    for piece in _unpacked(path, part):
        found += piece
        if len(found) > _PIECE * 4:
            raise FileFault("unpacks_too_large")
    return found


def _first_sheet(path: Path, parts: dict[str, zipfile.ZipInfo]) -> str:
    def tags(name: str, kind: bytes) -> list[dict[bytes, bytes]]:
        return [dict(_ATTRIBUTE.findall(text)) for tag, text in _TAGS.findall(_whole(path, parts[name])) if tag == kind]

    sheets = tags("xl/workbook.xml", b"sheet")
    if not sheets:
        raise FileFault("malformed_workbook")
    wanted = next((value for name, value in sheets[0].items() if name.endswith(b":id")), b"")
    for each in tags("xl/_rels/workbook.xml.rels", b"Relationship"):
        if each.get(b"Id") == wanted:
            target = each.get(b"Target", b"").decode("utf-8", "replace")
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    raise FileFault("malformed_workbook")


def _texts(path: Path, part: zipfile.ZipInfo) -> "array[int]":
    """How many bytes each shared text takes at most."""
    lengths, run, total = array("L"), b"", 0
    for piece in _unpacked(path, part):
        total += len(piece)
        if total > MOST_TEXT_BYTES:
            raise FileFault("unpacks_too_large")
        pieces = _TEXT_END.split(run + piece)
        lengths.extend(len(each) for each in pieces[:-1])
        run = pieces[-1]
        if len(run) > 4 * _PIECE:  # a cell has 32,767 characters
            raise FileFault("malformed_workbook")
    return lengths


def _sheet(path: Path, part: zipfile.ZipInfo, lengths: "array[int]") -> None:
    rows = columns = shared = used = text = 0
    before = b""
    for piece in _unpacked(path, part):
        window = before + piece
        cut = window.rfind(b"<", 0, max(0, len(window) - _OVERLAP)) if len(window) > _OVERLAP else 0
        # Whole cells only: what begins after the cut is looked at with the next piece.
        start = window.rfind(b"<c", 0, cut + 2) if cut > 0 else -1
        whole, before = (window[:start], window[start:]) if start > 0 else (b"", window)
        if len(before) > 4 * _PIECE:
            raise FileFault("malformed_workbook")
        rows, columns, shared, used, text = _count(whole, lengths, (rows, columns, shared, used, text))
    rows, columns, shared, used, text = _count(before, lengths, (rows, columns, shared, used, text))
    if rows * columns > MOST_CELLS:
        raise FileFault("too_many_cells")
    if shared != used:
        raise FileFault("malformed_workbook")


def _count(
    whole: bytes, lengths: "array[int]", so_far: tuple[int, int, int, int, int]
) -> tuple[int, int, int, int, int]:
    rows, columns, shared, used, text = so_far
    if _FORMULA.search(whole):
        raise FileFault("formula_cells")
    for letters, digits in _PLACE.findall(whole):
        rows, columns = max(rows, int(digits)), max(columns, _column(letters))
    shared += len(_SHARED.findall(whole))
    for number in _USE.findall(whole):
        used += 1
        if int(number) < len(lengths):
            text += lengths[int(number)]
    if text > MOST_TEXT_BYTES:
        raise FileFault("unpacks_too_large")
    return rows, columns, shared, used, text


def _column(letters: bytes) -> int:
    found = 0
    for letter in letters.upper():
        found = found * 26 + letter - 64
    return found
