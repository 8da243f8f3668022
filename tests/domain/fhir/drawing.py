"""Templates drawn at random: every kind of item, every kind of condition."""

import string
from typing import Any

from hypothesis import strategies as st

from domain.assessments.template import Template
from tests.domain.assessments.making import template, when

Json = dict[str, Any]
LANGUAGES = ("en", "es", "pt-BR")
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
numbers = st.integers(-1000, 1000) | st.floats(-1000, 1000)
texts = st.dictionaries(st.sampled_from(LANGUAGES), words, min_size=1)
CODES = ("x", "y", "z")

# What conditions can ask about, and what may be answered or compared with.
SOURCES: dict[str, tuple[Json, tuple[Any, ...]]] = {
    "s_bool": ({"type": "boolean"}, (True, False)),
    "s_int": ({"type": "integer", "minValue": 0, "maxValue": 4}, (0, 1, 3, 4)),
    "s_decimal": ({"type": "decimal"}, (0, 0.5, 2)),
    "s_date": ({"type": "date"}, ("2020-01-01", "2020-01-02", "2021-05-05")),
    "s_choice": ({"type": "choice", "options": [{"code": code, "text": code} for code in CODES]}, CODES),
    "s_many": ({"type": "multi-choice", "options": [{"code": code, "text": code} for code in CODES]}, CODES),
    "s_open": ({"type": "open-choice", "options": [{"code": code, "text": code} for code in CODES]}, ("x", "own")),
    "s_text": ({"type": "text"}, ("a", "b")),
}
ORDERED = ("s_int", "s_decimal", "s_date")


def sources() -> list[Json]:
    return [{"linkId": link, "text": link, **kind} for link, (kind, _) in SOURCES.items()]


@st.composite
def conditions(draw: st.DrawFn) -> Json:
    question = draw(st.sampled_from(sorted(SOURCES)))
    values = st.sampled_from(SOURCES[question][1])
    order = ("<", "<=", ">", ">=") if question in ORDERED else ()
    operator = draw(st.sampled_from(("exists", "=", "!=", *order)))
    if operator == "exists":
        return when(question, operator, draw(st.booleans()))
    sets = st.lists(values, min_size=1, max_size=3, unique=True)
    return when(question, operator, draw(values | sets if operator in ("=", "!=") else values))


@st.composite
def conditional(draw: st.DrawFn) -> Json:
    return {
        "enableWhen": draw(st.lists(conditions(), max_size=3)),
        "enableBehavior": draw(st.sampled_from(("all", "any"))),
    }


@st.composite
def options(draw: st.DrawFn) -> list[Json]:
    code = st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=8).filter(
        lambda c: c[0].isalnum()
    )
    return [
        {
            "code": one,
            "text": draw(texts),
            "weight": draw(st.none() | numbers),
            "exclusive": draw(st.booleans()),
        }
        for one in draw(st.lists(code, min_size=1, max_size=4, unique=True))
    ]


@st.composite
def questions(draw: st.DrawFn, kinds: tuple[str, ...]) -> Json:
    """Everything of one question but its link id and conditions."""
    kind = draw(st.sampled_from(kinds))
    made: Json = {"type": kind, "text": draw(texts), "required": draw(st.booleans())}
    made["help"] = draw(st.none() | texts)
    match kind:
        case "integer" | "decimal":
            made |= {"minValue": draw(st.none() | numbers), "maxValue": draw(st.none() | numbers)}
            made["unit"] = draw(st.sampled_from((None, "kg", "min")))
        case "scale":
            made |= {"low": draw(texts), "high": draw(texts), "minValue": draw(st.integers(0, 3))}
        case "date":
            made |= {"minValue": draw(st.none() | st.dates().map(str)), "pastOnly": draw(st.booleans())}
        case "text":
            made |= {"maxLength": draw(st.integers(1, 200)), "regex": draw(st.sampled_from((None, "[a-z]+")))}
        case "open-choice":
            made |= {"options": draw(options()), "maxLength": draw(st.integers(1, 4000))}
        case "choice":
            made["options"] = draw(options())
        case "multi-choice" | "tick-list":
            made |= {"options": draw(options()), "minOccurs": draw(st.integers(0, 2))}
            made["maxOccurs"] = draw(st.none() | st.integers(1, 3))
        case "body-map":
            made["options"] = [{"code": area, "text": draw(texts)} for area in ("knee", "hip")]
        case "rows":
            columns = [draw(questions(COLUMNS)) | {"linkId": f"c{n}"} for n in range(draw(st.integers(1, 3)))]
            made |= {
                "columns": columns,
                "key": draw(st.sampled_from((None, "c0"))),
                "maxOccurs": draw(st.integers(1, 9)),
            }
    return made


COLUMNS = ("boolean", "integer", "decimal", "scale", "date", "text", "choice")
KINDS = (*COLUMNS, "open-choice", "multi-choice", "tick-list", "body-map", "rows")


@st.composite
def items(draw: st.DrawFn, depth: int = 2) -> Json:
    kind = draw(st.sampled_from(("question", "question", "display", *(["group"] if depth else []))))
    if kind == "question":
        made = draw(questions(KINDS))
    else:
        made = {"type": kind, "text": draw(texts), "help": draw(st.none() | texts)}
    if kind == "group":
        made["items"] = draw(st.lists(items(depth - 1), min_size=1, max_size=2))
    return made | draw(conditional())


def numbered(made: list[Json], start: int = 0) -> list[Json]:
    """The same items with link ids of their own."""
    found = []
    for number, item in enumerate(made):
        inner = {"items": numbered(item["items"], start * 10 + number * 10 + 10)} if "items" in item else {}
        found.append({**item, "linkId": f"i{start}_{number}", **inner})
    return found


@st.composite
def templates(draw: st.DrawFn) -> Template:
    drawn = numbered(draw(st.lists(items(), min_size=1, max_size=3)))
    rest: Json = {
        "title": draw(texts),
        "description": draw(st.none() | texts),
        "licence": draw(st.none() | words),
        "languages": draw(st.lists(st.sampled_from(LANGUAGES), min_size=1, unique=True)),
        "version": ".".join(str(draw(st.integers(0, 30))) for _ in range(3)),
    }
    return template(*sources(), *drawn, **rest)
