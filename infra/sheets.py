"""A file on this machine's disk as rows: of text, of JSON or of a workbook, told apart by what is in it.

One pass looks at the bytes before anything is built from them: size, hash, encoding, NUL bytes, lines without an end.
After it every reader holds a line, or a bounded sheet, and no more. Rows are numbered as a spreadsheet shows them.
"""

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from domain.imports.faults import FileFault
from domain.imports.limits import MOST_BYTES, MOST_LINE_BYTES
from domain.imports.model import Cell, Format

_CHUNK = 256 * 1024
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ZIP = b"PK\x03\x04"


class Table(Protocol):
    """`columns` are the header's; of JSON they grow as rows bring new names. A row may be shorter. `chars` is how much
    text has been read so far, more or less.
    """

    columns: list[str]
    chars: int

    def __iter__(self) -> Iterator[tuple[int, list[Cell]]]: ...


@dataclass(frozen=True, slots=True)
class File:
    """`path` is where its text lies as bytes of `encoding`; `size` and `sha256` (hexadecimal) are of what came."""

    path: Path
    format: Format
    encoding: str
    size: int
    sha256: str


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def inspected(path: Path) -> File:
    """Raises FileFault for what cannot be read: too_large, nul_bytes, line_too_long, bad_encoding, mixed_encoding."""
    size, sha256 = path.stat().st_size, digest(path)
    if size > MOST_BYTES:
        raise FileFault("too_large")
    with path.open("rb") as stream:
        start = stream.read(64)
    if not start.strip():
        raise FileFault("empty_file")
    if start.startswith(_ZIP):
        return File(path, "xlsx", "", size, sha256)
    if start.startswith(_UTF16):
        path = _as_utf8(path)
    encoding = _encoding(path, is_array=start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"["))
    with path.open(encoding=encoding) as text:
        first = text.read(4096).lstrip()[:1]
    found: Format = "json" if first == "[" else "ndjson" if first == "{" else "csv"
    return File(path, found, encoding, size, sha256)


def opened(file: File) -> Table:
    """Raises FileFault, here or while its rows are read."""
    if file.format == "xlsx":
        from infra.workbooks import Workbook  # noqa: PLC0415 - its library is not the API's

        return Workbook(file.path)
    from infra.texts import JsonTable, TextTable  # noqa: PLC0415

    return TextTable(file.path, file.encoding) if file.format == "csv" else JsonTable(file)


def _as_utf8(path: Path) -> Path:
    """What Excel calls Unicode text, beside it in the encoding of everybody else."""
    target = path.with_suffix(".utf8")
    try:
        with path.open(encoding="utf-16") as source, target.open("w", encoding="utf-8", newline="") as made:
            while part := source.read(_CHUNK):
                made.write(part)
    except UnicodeError:
        raise FileFault("bad_encoding") from None
    return target


def _encoding(path: Path, *, is_array: bool) -> str:
    """An array of JSON may be one line: it is read element by element, if it is the UTF-8 that JSON has to be."""
    decoder, is_utf8, run = codecs.getincrementaldecoder("utf-8")(), True, 0
    has_long_line = False
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            if b"\0" in chunk:
                raise FileFault("nul_bytes")
            first = min((place for end in (b"\n", b"\r") if (place := chunk.find(end)) >= 0), default=-1)
            last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            has_long_line = has_long_line or run + (len(chunk) if first < 0 else first) > MOST_LINE_BYTES
            if has_long_line and not (is_array and is_utf8):
                raise FileFault("line_too_long")
            run = run + len(chunk) if first < 0 else len(chunk) - 1 - last
            if is_utf8:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    is_utf8 = False
    if is_utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            is_utf8 = False
    if has_long_line and not is_utf8:
        raise FileFault("line_too_long")
    return "utf-8-sig" if is_utf8 else _windows(path)


def _windows(path: Path) -> str:
    """Not all of it is UTF-8. Where some of what is beyond ASCII is, the file was put together from two."""
    as_utf8 = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                as_utf8 = as_utf8 or number
            except UnicodeDecodeError:
                try:
                    line.decode("cp1252")
                except UnicodeDecodeError:
                    raise FileFault("bad_encoding", number) from None
    if as_utf8:
        raise FileFault("mixed_encoding", as_utf8)
    return "cp1252"
