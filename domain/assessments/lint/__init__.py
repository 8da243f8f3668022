"""What must be mended before a template is published. No finding: answers are scored as the author meant."""

from collections.abc import Iterator
from itertools import islice

from domain.assessments.lint.conditions import condition_findings
from domain.assessments.lint.feeds import feed_findings
from domain.assessments.lint.findings import Finding
from domain.assessments.lint.scales import scale_findings
from domain.assessments.lint.structure import structure_findings
from domain.assessments.lint.texts import text_findings
from domain.assessments.template import Template

__all__ = ["Finding", "lint"]
MAX_FINDINGS = 200


def lint(template: Template) -> list[Finding]:
    """The findings in the order of the page, 200 at most: nobody mends more at a time.

    Names that are doubled, undefined or circular are reported alone: nothing else can be judged before.
    """
    return list(islice(_findings(template), MAX_FINDINGS))


def _findings(template: Template) -> Iterator[Finding]:
    broken = list(islice(structure_findings(template), MAX_FINDINGS))
    yield from broken
    if not broken:
        yield from condition_findings(template)
        yield from scale_findings(template)
        yield from feed_findings(template)
    yield from text_findings(template)
