"""Whether a template asks every safety question of its regions, of everybody it concerns."""

from collections.abc import Iterator

from domain.assessments.items import ChoiceItem
from domain.assessments.lint.findings import Finding
from domain.assessments.template import Template
from domain.safety.questions import flags_of
from domain.safety.rules import RedFlagRules

ANSWERS = {"yes", "no", "not_sure"}


def lint_safety(template: Template, rules: RedFlagRules) -> list[Finding]:
    """Findings of the red-flag items; the ACSM questions stand in for `cv_metab_renal`."""
    covered = {"cv_metab_renal"} if template.feeds.acsm is not None else set()
    needed = {flag.id for region in template.regions for flag in flags_of(rules, region)} - covered
    asked = {link.removeprefix("rf_") for link in template.asked if link.startswith("rf_")}
    known = {flag.id for flag in rules.items if not flag.computed}
    findings = [
        Finding(where=f"rf_{name}", code="flag_not_asked", mend="Ask it: it belongs to a region of the template.")
        for name in sorted(needed - asked)
    ]
    findings += [
        Finding(where=f"rf_{name}", code="flag_unknown", mend="No such flag in red_flags.yaml.")
        for name in sorted(asked - known)
    ]
    return [*findings, *_skippable(template, asked & known)]


def _skippable(template: Template, flags: set[str]) -> Iterator[Finding]:
    for name in sorted(flags):
        item = template.asked[f"rf_{name}"]
        parent = template.parents[item.link_id]
        sources = {condition.question for condition in item.enable_when}
        conditional = parent is not None and template.by_id[parent].enable_when
        sure = all(getattr(template.by_id.get(source), "required", False) for source in sources)
        codes = {option.code for option in item.options} if isinstance(item, ChoiceItem) else set()
        if codes != ANSWERS or conditional or not sure or not getattr(item, "required", False):
            mend = "Make it a required yes, no or not_sure, depending on required questions at most."
            yield Finding(where=item.link_id, code="flag_optional", mend=mend)
