"""Names: each defined once, each use defined, nothing deciding itself."""

from collections import Counter
from collections.abc import Iterable, Iterator
from graphlib import CycleError

from domain.assessments.items import Choosing, RowsItem
from domain.assessments.lint.findings import Finding
from domain.assessments.scales import Arithmetic, RuleBased, TickCount
from domain.assessments.template import Template


def structure_findings(template: Template) -> Iterator[Finding]:
    """Items, computed values and scales share one set of names, because a condition may name any of them."""
    names = [item.link_id for item, _ in template.walk()]
    names += [part.id for part in (*template.computed, *template.scales)]
    for where, listed in (("template", names), *_lists(template)):
        for name, count in Counter(listed).items():
            if count > 1:
                yield Finding(where=where, code="duplicate_id", mend=f"Give each `{name}` its own name.")
    yield from _dangling(template, set(names))
    try:
        _ = template.order
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        yield Finding(where=error.args[1][0], code="cycle", mend=f"Break the circle {circle}.")


def _lists(template: Template) -> Iterator[tuple[str, Iterable[str]]]:
    """Names that have to differ within one item or scale."""
    for item in template.asked.values():
        if isinstance(item, RowsItem):
            yield item.link_id, [column.link_id for column in item.columns]
        for part in item.columns if isinstance(item, RowsItem) else (item,):
            if isinstance(part, Choosing):
                yield part.link_id, [option.code for option in part.options]
    for scale in template.scales:
        if isinstance(scale, Arithmetic | TickCount):
            yield scale.id, [band.code for band in scale.bands]
        if isinstance(scale, RuleBased):
            yield scale.id, [rule.code for rule in scale.rules]
        if isinstance(scale, Arithmetic):
            yield scale.id, scale.of


def _dangling(template: Template, known: set[str]) -> Iterator[Finding]:
    feeds = ((f"feeds.{name}", [link]) for name, link in template.feeds.named().items())
    for where, sources in (*template.dependencies.items(), *feeds):
        for name in sources:
            if name not in known:
                yield Finding(where=where, code="dangling_reference", mend=f"Define `{name}`, or name another.")
