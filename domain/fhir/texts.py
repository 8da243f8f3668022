"""A string in several languages: the base one in its field, the others beside it as translations."""

import re
from collections.abc import Mapping

from domain.fhir.element import Element
from domain.fhir.names import LANGUAGE, TRANSLATION, Json, extension

LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")


def write_text(name: str, text: Mapping[str, str], base: str) -> Json:
    """The field and, when there is more to say, its `_` sibling. A text without `base` says which language it is in."""
    tag = base if base in text else min(text)
    notes = [] if tag == base else [extension(LANGUAGE, "Code", tag)]
    notes += [
        {"url": TRANSLATION, "extension": [extension("lang", "Code", other), extension("content", "String", words)]}
        for other, words in sorted(text.items())
        if other != tag
    ]
    return {name: text[tag]} | ({f"_{name}": {"extension": notes}} if notes else {})


def read_text(element: Element, name: str, base: str) -> dict[str, str] | None:
    """Language -> text; None when there is none."""
    words = element.text(name)
    if not words:
        return None
    beside = element.child(f"_{name}")
    if beside is None:
        return {base: words}
    own = beside.extension(LANGUAGE)
    texts = {(own.text("valueCode") if own is not None else None) or base: words}
    for translation in beside.extensions(TRANSLATION):
        lang, content = translation.extensions("lang"), translation.extensions("content")
        tag = lang[0].text("valueCode") if lang else None
        other = content[0].text("valueString", "valueMarkdown") if content else None
        if not tag or not other or tag in texts:
            translation.refuse("translation")
        else:
            texts[tag] = other
    for tag in texts:
        if not LANGUAGE_TAG.fullmatch(tag):
            beside.refuse("language")
    return texts
