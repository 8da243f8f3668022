"""The header of an empty table."""

from domain.assessments.items import RowsItem
from domain.assessments.template import Template
from domain.imports.headers import COLUMNS
from domain.imports.model import Kind

_SHOWN = 3  # rows of a question that is a table of its own


def template_columns(kind: Kind, template: Template | None = None) -> list[str]:
    """Our columns, and with a template those of its questions in the order of the page."""
    columns = [column for column in COLUMNS[kind] if column not in ("first_name", "last_name")]
    if kind != "assessments" or template is None:
        return columns
    columns.remove("template")
    for link, item in template.asked.items():
        if isinstance(item, RowsItem):
            numbers = range(1, min(item.max_occurs, max(item.min_occurs, _SHOWN)) + 1)
            columns += [f"{link}.{number}.{each.link_id}" for number in numbers for each in item.columns]
        else:
            columns.append(link)
    return columns
