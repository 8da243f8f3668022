"""What is in a template file, and what there is to mend in it."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cli.documents import Unreadable, parse_json, parse_yaml, read_text
from domain.assessments.lint import lint
from domain.assessments.template import Template
from domain.fhir import NotImportable, import_questionnaire
from domain.fhir.scan import oversized
from domain.safety.lint import lint_safety
from infra.content import load_red_flags, with_sections


def read_document(file: Path) -> dict[str, Any]:
    """One JSON or YAML object. Raises Unreadable."""
    try:
        with file.open("rb") as source:
            text = read_text(source)
    except OSError as error:
        raise Unreadable(error.strerror or "no such file") from None
    document = parse_json(text) if file.suffix == ".json" else parse_yaml(text)
    if not isinstance(document, dict):
        raise Unreadable("it does not hold one object")
    if oversized(document) is not None:
        raise Unreadable("it holds too many values, or some that JSON does not have")
    return document


def findings_of(document: dict[str, Any]) -> list[dict[str, str]]:
    """`where`, `code` and `mend` of everything: of the form first, and of the meaning once the form is right."""
    try:
        template = import_questionnaire(document) if "resourceType" in document else _ours(document)
    except NotImportable as error:
        return [_finding(reason.pointer or "/", reason.code, reason.message) for reason in error.reasons]
    except ValidationError as error:
        return [
            _finding(".".join(str(part) for part in entry["loc"]), "invalid", f"{entry['msg']}.")
            for entry in error.errors(include_url=False, include_input=False)
        ]
    except _NotThere as error:
        return [_finding(str(error), "unknown_name", "No shared section or feed has this name: correct or add it.")]
    return [finding.model_dump() for finding in (*lint(template), *lint_safety(template, load_red_flags()))]


class _NotThere(Exception):
    """A section that is included, or a feed that an included section needs."""


def _ours(document: dict[str, Any]) -> Template:
    """A template file may include sections as the shipped ones do, provided that everything is where it belongs."""
    lists = [document.get(name, []) for name in ("items", "computed", "scales")]
    if not _laid_out([document.get("feeds")]) or not all(_laid_out(entries) for entries in lists):
        return Template.model_validate(document)
    try:
        return with_sections(document)
    except KeyError as error:
        raise _NotThere(str(error.args[0])) from None


def _laid_out(entries: Any) -> bool:
    """Lists of objects down to the last group, and what they include by name."""
    return isinstance(entries, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("include", ""), str)
        and isinstance(entry.get("without", []), list)
        and _laid_out(entry.get("items", []))
        for entry in entries
    )


def _finding(where: str, code: str, mend: str) -> dict[str, str]:
    return {"where": where, "code": code, "mend": mend}
