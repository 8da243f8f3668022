"""What must be mended before a template is published. No finding: answers are scored as the author meant."""

from domain.assessments.lint.conditions import condition_findings
from domain.assessments.lint.feeds import feed_findings
from domain.assessments.lint.findings import Finding
from domain.assessments.lint.scales import scale_findings
from domain.assessments.lint.structure import structure_findings
from domain.assessments.lint.texts import text_findings
from domain.assessments.template import Template

__all__ = ["Finding", "lint"]


def lint(template: Template) -> list[Finding]:
    """Every finding, in the order of the page.

    Names that are doubled, undefined or circular are reported alone: nothing else can be judged before.
    """
    findings = list(structure_findings(template))
    if not findings:
        findings += condition_findings(template)
        findings += scale_findings(template)
        findings += feed_findings(template)
    return [*findings, *text_findings(template)]
