"""Cells of a table as answers to a template's questions.

What cannot be read as the kind of its question stays as it is: the engine that judges submissions judges it too.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from domain.assessments.items import (
    Asked,
    BooleanItem,
    ChoiceItem,
    DateItem,
    DecimalItem,
    IntegerItem,
    Option,
    RowsItem,
    ScaleItem,
    SelectItem,
)
from domain.assessments.template import Template
from domain.imports.headers import folded
from domain.imports.model import Cell

_YES = frozenset({"true", "yes", "y", "1", "si", "s", "verdadero", "x"})
_NO = frozenset({"false", "no", "n", "0", "falso"})
_WHOLE = re.compile(r"[+-]?[0-9]{1,12}(\.0+)?")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,12}([.,][0-9]{1,12})?")
_SERIAL = re.compile(r"[0-9]{1,7}(\.0+)?")
_TIME = re.compile(r"[T ][0-9:.]+(Z|[+-][0-9:]+)?$")
# Excel counts days from here (its 1900 was a leap year; nobody's date is before March 1900) to the end of 9999.
_EPOCH = date(1899, 12, 30)
_LAST_SERIAL = 2_958_465
_ENTRIES = re.compile(r"\s*[|;]\s*")
_MOST_NUMBERED = 20


def iso_date(text: str) -> str:
    """`2026-01-31`, the same with a time, or the number that Excel stores; anything else as it is."""
    if _SERIAL.fullmatch(text):
        days = int(float(text))
        if 60 < days <= _LAST_SERIAL:  # noqa: PLR2004 - the leap day that never was
            return (_EPOCH + timedelta(days=days)).isoformat()
    return _TIME.sub("", text)


def names_of(template: Template) -> dict[str, list[str]]:
    """Column -> what else it may be called: the words of its question, in every language. The cells of a question that
    is a table of its own are `<question>.<row>.<column>`, rows from 1.
    """
    found: dict[str, list[str]] = {}
    for link, item in template.asked.items():
        found[link] = list(item.text.values())
        if isinstance(item, RowsItem):
            for number in range(1, min(item.max_occurs, _MOST_NUMBERED) + 1):
                for column in item.columns:
                    found[f"{link}.{number}.{column.link_id}"] = []
    return found


def answers_from(template: Template, cells: Iterable[tuple[str, Cell]]) -> tuple[dict[str, Any], list[str]]:
    """The answers, and the columns that ask for nothing in this template. Blank cells are no answers."""
    answers: dict[str, Any] = {}
    tables: dict[str, dict[int, dict[str, Any]]] = {}
    unknown = []
    for column, cell in cells:
        if cell is None or cell == "":
            continue
        item = template.asked.get(column)
        if item is not None:
            answers[column] = _value(item, cell)
            continue
        link, _, rest = column.partition(".")
        number, _, name = rest.partition(".")
        table = template.asked.get(link)
        inner = {each.link_id: each for each in table.columns} if isinstance(table, RowsItem) else {}
        if name in inner and number.isdecimal():
            tables.setdefault(link, {}).setdefault(int(number), {})[name] = _value(inner[name], cell)
        else:
            unknown.append(column)
    for link, rows in tables.items():
        answers.setdefault(link, [rows[number] for number in sorted(rows)])
    return answers, unknown


def _value(item: Asked, cell: Cell) -> Any:  # noqa: PLR0911 - one for each kind of question
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    match item:
        case BooleanItem():
            said = folded(text)
            return True if said in _YES else False if said in _NO else text
        case IntegerItem() | ScaleItem():
            return int(float(text)) if _WHOLE.fullmatch(text) else text
        case DecimalItem():
            return float(text.replace(",", ".")) if _DECIMAL.fullmatch(text) else text
        case DateItem():
            return iso_date(text)
        case ChoiceItem():
            return _code(item.options, text)
        case SelectItem():
            return [_code(item.options, each) for each in _ENTRIES.split(text) if each]
        case RowsItem():
            return _table(text)
        case _:
            return text


def _code(options: Iterable[Option], text: str) -> str:
    """The option's code, by its code or by its words in any language."""
    said, options = folded(text), list(options)
    if any(option.code == text for option in options):
        return text
    for option in options:
        if said in (folded(option.code), *map(folded, option.text.values())):
            return option.code
    return text


def _table(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def column_of(pointer: str, columns: Mapping[str, str]) -> str | None:
    """The file's column that an issue below /answers is about; `columns` are ours -> the file's."""
    parts = pointer.split("/")[2:]
    if not parts:
        return None
    if len(parts) == 3 and parts[1].isdecimal():  # noqa: PLR2004 - question, row, column
        exact = f"{parts[0]}.{int(parts[1]) + 1}.{parts[2]}"
        return columns.get(exact, columns.get(parts[0], exact))
    return columns.get(parts[0], parts[0])
