"""Cells on their way out and in again: a spreadsheet must never run what somebody has typed.

A text that begins with `= + - @`, a tab or a return is a formula to a spreadsheet, so it leaves with an apostrophe
before it (OWASP, CSV injection). Numbers may begin with a sign. Uploaded again, the apostrophe goes.
"""

import json
import re
from typing import Any

_RISKY = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-][0-9]+([.,][0-9]+)?")
OURS_ESCAPES = "'"
SEPARATOR = "|"  # between the entries of one cell


def escaped(text: str) -> str:
    if text.startswith(_RISKY):
        return text if _NUMBER.fullmatch(text) else OURS_ESCAPES + text
    return OURS_ESCAPES + text if _looks_escaped(text) else text  # it must come back as it is


def unescaped(text: str) -> str:
    return text[1:] if _looks_escaped(text) else text


def _looks_escaped(text: str) -> bool:
    return text.startswith(OURS_ESCAPES) and text[1:].startswith((*_RISKY, OURS_ESCAPES))


def as_text(cell: Any) -> str:
    """What a cell of any format is in a table."""
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, list) and all(isinstance(each, str) for each in cell):
        return SEPARATOR.join(cell)
    return json.dumps(cell, ensure_ascii=False)
