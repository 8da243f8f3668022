"""The packaged data files, read and checked once per process.

A broken file stops the process with a `pydantic.ValidationError` that names the entry: no door opens on it.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from domain.assessments.sections import assemble
from domain.assessments.template import Template
from domain.programs.library import Library
from domain.rights import ConsentText
from domain.safety import RedFlagRules


def _read(name: str) -> Any:
    """One data file. The C loader is about eight times faster than the Python one and equally safe."""
    return yaml.load((files("domain.data") / name).read_bytes(), Loader=yaml.CSafeLoader)


@cache
def load_library() -> Library:
    """The exercise library with its contraindication rules."""
    exercises, rules = _read("exercises.yaml"), _read("contraindications.yaml")
    return Library.model_validate({"exercises": exercises["exercises"], "conditions": rules["conditions"]})


@cache
def load_red_flags() -> RedFlagRules:
    """The safety rules."""
    return RedFlagRules.model_validate(_read("red_flags.yaml"))


@cache
def load_templates() -> list[Template]:
    """The shipped templates, by id; `_sections.yaml` holds what they share."""
    folder = files("domain.data") / "templates"
    found = {path.name for path in folder.iterdir() if path.name.endswith(".yaml")}
    return [with_sections(_read(f"templates/{name}")) for name in sorted(found - {"_sections.yaml"})]


@cache
def load_consents() -> list[ConsentText]:
    """What people are asked to agree to, every version there is."""
    return [
        ConsentText(
            each["document"], each["version"], each["title"], each["body"],
            hashlib.sha256(f"{each['title']}\n{each['body']}".encode()).hexdigest(),
        )
        for each in _read("consents.yaml")
    ]  # fmt: skip


def with_sections(document: Mapping[str, Any]) -> Template:
    """A template from the content of its file, which may include the shared sections. Raises what assemble() does."""
    return assemble(document, _sections(), load_red_flags())


@cache
def _sections() -> Any:
    return _read("templates/_sections.yaml")
