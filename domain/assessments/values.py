"""One answer against one question: type, range, options. Any JSON value may come; none raises."""

import math
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from domain.assessments.issues import Issue, IssueCode, issue
from domain.assessments.items import (
    MAX_MAGNITUDE,
    Asked,
    BooleanItem,
    ChoiceItem,
    DateItem,
    DecimalItem,
    IntegerItem,
    OpenChoiceItem,
    RowsItem,
    ScaleItem,
    SelectItem,
    TextItem,
)

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Path = tuple[str | int, ...]
Single = (
    BooleanItem | IntegerItem | DecimalItem | ScaleItem | DateItem | TextItem | ChoiceItem | OpenChoiceItem
)  # fmt: skip


def is_blank(value: object) -> bool:
    """Unanswered: nothing, only spaces, or an empty list."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def check(item: Asked, value: Any, path: Path) -> Iterator[Issue]:
    """What is wrong with a value that is not blank; whether it is required is not decided here."""
    match item:
        case RowsItem():
            yield from _rows(item, value, path)
        case SelectItem():
            yield from _selection(item, value, path)
        case _:
            code = _single(item, value)
            if code is not None:
                yield issue(code, *path)


def _single(item: Single, value: Any) -> IssueCode | None:
    match item:
        case BooleanItem():
            return None if isinstance(value, bool) else "wrong_type"
        case IntegerItem() | ScaleItem() | DecimalItem():
            return _number(item, value)
        case DateItem():
            return _date(item, value)
        case ChoiceItem():
            return _choice(item, value)
        case TextItem(regex=regex):
            code = _text(value, item.max_length)
            return "pattern" if code is None and regex and not re.fullmatch(regex, value) else code
        case OpenChoiceItem():
            return _text(value, item.max_length)


def _choice(item: ChoiceItem, value: Any) -> IssueCode | None:
    if not isinstance(value, str):
        return "wrong_type"
    return None if any(option.code == value for option in item.options) else "unknown_option"


def _number(item: IntegerItem | DecimalItem | ScaleItem, value: Any) -> IssueCode | None:
    whole = not isinstance(item, DecimalItem)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return "wrong_type"
    if isinstance(value, float) and not math.isfinite(value):
        return "out_of_range"
    low = -MAX_MAGNITUDE if item.min_value is None else item.min_value
    high = MAX_MAGNITUDE if item.max_value is None else item.max_value
    return None if low <= value <= high else "out_of_range"


def _date(item: DateItem, value: Any) -> IssueCode | None:
    if not isinstance(value, str):
        return "wrong_type"
    if not _DATE.fullmatch(value):
        return "not_a_date"
    try:
        date.fromisoformat(value)
    except ValueError:
        return "not_a_date"
    inside = (item.min_value or value) <= value <= (item.max_value or value)
    return None if inside else "out_of_range"


def _text(value: Any, max_length: int) -> IssueCode | None:
    if not isinstance(value, str):
        return "wrong_type"
    if len(value) > max_length:
        return "too_long"
    # NUL and lone surrogates are valid in JSON but neither in UTF-8 nor in PostgreSQL.
    return "bad_text" if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value) else None


def _selection(item: SelectItem, value: Any, path: Path) -> Iterator[Issue]:
    if not isinstance(value, list):
        yield issue("wrong_type", *path)
        return
    if len(value) > (item.max_occurs or len(item.options)):
        yield issue("too_many", *path)
        return
    exclusive = {option.code: option.exclusive for option in item.options}
    seen: set[str] = set()
    for number, code in enumerate(value):
        if not isinstance(code, str):
            yield issue("wrong_type", *path, number)
        elif code not in exclusive:
            yield issue("unknown_option", *path, number)
        elif code in seen:
            yield issue("duplicate", *path, number)
        else:
            seen.add(code)
    if len(value) > 1 and any(exclusive[code] for code in seen):
        yield issue("exclusive", *path)


def _rows(item: RowsItem, value: Any, path: Path) -> Iterator[Issue]:
    if not isinstance(value, list):
        yield issue("wrong_type", *path)
        return
    if len(value) > item.max_occurs:
        yield issue("too_many", *path)
        return
    columns = {column.link_id: column for column in item.columns}
    keys: set[str] = set()
    for number, row in enumerate(value):
        if not isinstance(row, dict):
            yield issue("wrong_type", *path, number)
            continue
        for name, cell in row.items():
            if name not in columns:
                yield issue("unknown_question", *path, number, name)
            elif not is_blank(cell):
                yield from check(columns[name], cell, (*path, number, name))
        key = row_key(item, row)
        if key is not None and key in keys:
            yield issue("duplicate", *path, number)
        elif key is not None:
            keys.add(key)


def row_key(item: RowsItem, row: dict[str, Any]) -> str | None:
    """The row's identity without case and outer spaces; None when there is none."""
    cell = row.get(item.key) if item.key else None
    return cell.strip().casefold() if isinstance(cell, str) and cell.strip() else None


def incomplete(item: Asked, value: Any, path: Path) -> Iterator[Issue]:
    """What a well-typed answer still lacks before it can be submitted."""
    if isinstance(item, SelectItem | RowsItem) and len(value) < item.min_occurs:
        yield issue("too_few", *path)
    if isinstance(item, RowsItem):
        for number, row in enumerate(value):
            for column in item.columns:
                if column.required and is_blank(row.get(column.link_id)):
                    yield issue("required", *path, number, column.link_id)
