"""A FHIR R4 Questionnaire as a template, or everything that stands in the way of it."""

import re
from typing import Any

from pydantic import ValidationError

from domain.assessments.errors import NotImportable
from domain.assessments.template import Template
from domain.fhir.element import Element, Findings
from domain.fhir.extras import read_extras
from domain.fhir.items import ItemReader
from domain.fhir.names import Json
from domain.fhir.reasons import reason
from domain.fhir.scan import forbidden, oversized
from domain.fhir.texts import LANGUAGE_TAG, read_text

_FIELDS = frozenset({
    "resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "url", "identifier", "version",
    "name", "title", "derivedFrom", "status", "experimental", "subjectType", "date", "publisher", "contact",
    "description", "useContext", "jurisdiction", "purpose", "copyright", "approvalDate", "lastReviewDate",
    "effectivePeriod", "code", "item",
})  # fmt: skip
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,2}")


def import_questionnaire(resource: object) -> Template:
    """The template a Questionnaire asks for. Raises NotImportable, and nothing else whatever `resource` is.

    One of ours comes back as it was. One from elsewhere has no scores, and feeds that lint then asks for.
    """
    too_big = oversized(resource)
    if too_big is not None:
        raise NotImportable([too_big])
    if not isinstance(resource, dict) or resource.get("resourceType") != "Questionnaire":
        raise NotImportable([reason("not_a_questionnaire", "")])
    findings = Findings()
    forbidden(resource, findings)
    content = _content(Element(resource, "", findings))
    template = _valid(content, findings)
    if template is None:
        raise NotImportable(findings.reasons)
    return template


def _content(root: Element) -> Json:
    root.only(_FIELDS)
    if root.value.get("implicitRules"):
        root.refuse("implicit_rules", "implicitRules")
    base = root.text("language") or "en"
    if not LANGUAGE_TAG.fullmatch(base):
        root.refuse("language", "language")
        base = "en"
    subjects = root.value.get("subjectType")
    if subjects is not None and (not isinstance(subjects, list) or "Patient" not in subjects):
        root.refuse("subject_type", "subjectType")
    title = read_text(root, "title", base) or read_text(root, "name", base)
    if title is None:
        root.refuse("title_missing")
    extras = read_extras(root)
    return {
        "id": _slug(root),
        "version": _version(root),
        "title": title,
        "description": read_text(root, "description", base),
        "languages": extras.languages or (base,),
        "licence": root.text("copyright"),
        "regions": extras.regions,
        "items": ItemReader(root, extras, _value_sets(root), base).read(),
        "computed": extras.computed,
        "scales": extras.scales,
        "feeds": extras.feeds,
    }


def _valid(content: Json, findings: Findings) -> Template | None:
    if findings.reasons:
        return None
    try:
        return Template.model_validate(content)
    except ValidationError as error:
        for entry in error.errors(include_url=False, include_input=False):
            field = str(entry["loc"][0]) if entry["loc"] else ""
            findings.add("invalid", f"/{'item' if field == 'items' else field}", f"{entry['msg']}.")
        return None


def _slug(root: Element) -> str:
    """From the url's last part, the name or the id: small letters, digits and hyphens."""
    last = (root.text("url") or "").partition("|")[0].rstrip("/").rsplit("/", 1)[-1]
    for words in (last, root.text("name"), root.text("id")):
        slug = re.sub(r"[^a-z0-9]+", "-", (words or "").lower()).strip("-")[:64].rstrip("-")
        if slug:
            return slug if slug[0].isalpha() else f"q-{slug}"[:64].rstrip("-")
    root.refuse("name_missing")
    return ""


def _version(root: Element) -> str:
    """Three numbers; 1.0.0 when the questionnaire has none."""
    version = root.text("version") or "1.0.0"
    if not _VERSION.fullmatch(version):
        root.refuse("version", "version")
        return version
    numbers = [int(part) for part in version.split(".")]
    return ".".join(str(number) for number in (*numbers, 0, 0)[:3])


def _value_sets(root: Element) -> dict[str, Element]:
    """Contained value sets by id; whatever else is contained is refused."""
    found: dict[str, Element] = {}
    for contained in root.children("contained"):
        name: Any = contained.text("id")
        if contained.value.get("resourceType") != "ValueSet" or not name:
            contained.refuse("contained")
        else:
            found[name] = contained
    return found
