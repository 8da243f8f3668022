"""Every string in every language of the template."""

from collections.abc import Iterator, Mapping

from domain.assessments.items import Choosing, Item, RowsItem, ScaleItem
from domain.assessments.lint.findings import Finding
from domain.assessments.scales import Arithmetic, RuleBased, TickCount
from domain.assessments.template import Template


def text_findings(template: Template) -> Iterator[Finding]:
    for where, text in texts(template):
        for language in template.languages:
            if language not in text:
                mend = f"Translate into `{language}`, or take the language off the template."
                yield Finding(where=where, code="translation_missing", mend=mend)


def texts(template: Template) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Every localised string with the place it stands."""
    yield "title", template.title
    if template.description is not None:
        yield "description", template.description
    for item, _ in template.walk():
        yield from _of_item(item)
    for computed in template.computed:
        yield computed.id, computed.label
    for scale in template.scales:
        yield scale.id, scale.label
        if isinstance(scale, Arithmetic | TickCount):
            yield from ((f"{scale.id}.{band.code}", band.label) for band in scale.bands)
        if isinstance(scale, RuleBased):
            yield from ((f"{scale.id}.{rule.code}", rule.label) for rule in scale.rules)


def _of_item(item: Item) -> Iterator[tuple[str, Mapping[str, str]]]:
    yield item.link_id, item.text
    if item.help is not None:
        yield f"{item.link_id}.help", item.help
    if isinstance(item, ScaleItem):
        yield from ((f"{item.link_id}.low", item.low), (f"{item.link_id}.high", item.high))
    if isinstance(item, Choosing):
        yield from ((f"{item.link_id}.{option.code}", option.text) for option in item.options)
    if isinstance(item, RowsItem):
        for column in item.columns:
            yield from _of_item(column)
