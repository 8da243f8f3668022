"""Template files share sections: `include` puts one in its place before the template is read."""

from collections.abc import Iterator, Mapping
from typing import Any

from domain.assessments.template import Template
from domain.safety.questions import questions
from domain.safety.rules import RedFlagRules

SAFETY_TITLE = {
    "en": "Has any of this happened lately, or does it apply to you?",
    "es": "¿Le ha pasado algo de esto últimamente o se aplica a usted?",
}


def assemble(document: Mapping[str, Any], sections: Mapping[str, Any], rules: RedFlagRules) -> Template:
    """A template from its file and the shared sections. Raises KeyError for a section that does not exist.

    In a list, `{include: name}` stands for the entries of that section, and
    `{include: red_flags, without: [ids]}` for the safety questions of the region. In `feeds` it gives the
    entries that are not written there.
    """
    own = dict(document["feeds"])
    feeds = {**sections[own.pop("include")], **own} if "include" in own else own

    def expand(entries: Any) -> Iterator[Any]:
        for entry in entries:
            name = entry.get("include")
            if name == "red_flags":
                asked = questions(rules, feeds["region"], {"sex": feeds["sex"]}, entry.get("without", ()))
                yield {"type": "group", "linkId": "safety", "text": SAFETY_TITLE, "items": asked}
            elif name is not None:
                yield from sections[name]
            else:
                yield {**entry, "items": list(expand(entry["items"]))} if "items" in entry else entry

    lists = {name: list(expand(document.get(name, ()))) for name in ("items", "computed", "scales")}
    return Template.model_validate({**document, **lists, "feeds": feeds})
