"""The items of a Questionnaire as those of a template."""

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from domain.assessments.items import Item
from domain.fhir.conditions import read_conditions
from domain.fhir.element import Element
from domain.fhir.extras import Extras, ItemExtras, digest
from domain.fhir.names import Json
from domain.fhir.options import as_code
from domain.fhir.questions import QuestionReader, check_places, occurs
from domain.fhir.texts import read_text
from domain.fhir.tree import Tree, control_of, is_presented, level_of

TYPES = frozenset({
    "group", "display", "boolean", "integer", "decimal", "date", "string", "text", "choice", "open-choice", "quantity",
})  # fmt: skip
_MOST_ROWS = 100
_FIELDS = frozenset({
    "linkId", "definition", "code", "prefix", "text", "type", "enableWhen", "enableBehavior", "required", "repeats",
    "readOnly", "maxLength", "answerValueSet", "answerOption", "initial", "item",
})  # fmt: skip
_ITEM: TypeAdapter[Item] = TypeAdapter(Item)
_STAND_IN = {"type": "display", "linkId": "x", "text": {"en": "x"}}


class ItemReader:
    """Refusals are noted; what is returned is whole only when there are none."""

    def __init__(self, root: Element, extras: Extras, value_sets: dict[str, Element], base: str) -> None:
        self._root = root
        self._extras = extras
        self._base = base
        self._tree = Tree(root, extras)
        self._questions = QuestionReader(value_sets, base)

    def read(self) -> list[Json]:
        return [item for element in self._root.children("item") for item in self._item(element)]

    def _item(self, element: Element, restored: ItemExtras | None = None) -> Iterator[Json]:
        """Nothing for what nobody enters, such as a total, or for what cannot be read."""
        link = element.text("linkId") or ""
        self._check_fields(element)
        if element.flag("readOnly"):
            return
        inner = self._tree.unwrapped(element, link)
        if inner is not None:
            yield from self._item(inner, self._tree.remembered(link))
            return
        content = self._content(element, link)
        if content is not None:
            content |= self._conditions(element, self._known(link), restored)
            yield from self._valid(element, content)

    def _known(self, link: str) -> ItemExtras:
        return self._extras.items.get(link, ItemExtras())

    def _check_fields(self, element: Element) -> None:
        element.only(_FIELDS)
        if element.value.get("initial"):
            element.refuse("initial_value", "initial")

    def _valid(self, element: Element, content: Json) -> Iterator[Json]:
        """The model's own rules, unless it is known to break them already.

        A group is judged without its parts, so that each error is told at its place.
        """
        if element.findings.any_in(element.pointer) or content.get("options") == []:  # said where they are missing
            return
        probe = {**content, "items": [_STAND_IN]} if content["type"] == "group" else content
        try:
            _ITEM.validate_python(probe)
        except ValidationError as error:
            for entry in error.errors(include_url=False, include_input=False):
                field = next((str(part) for part in reversed(entry["loc"]) if isinstance(part, str)), "")
                element.refuse("invalid", detail=f"{field}: {entry['msg']}."[:300])
            return
        yield content

    # What kind of item it is

    def _content(self, element: Element, link: str) -> Json | None:
        kind, text = element.text("type"), read_text(element, "text", self._base)
        if kind is None or kind not in TYPES:
            element.refuse("unknown_type", "type")
            return None
        if text is None:
            element.refuse("text_missing")
            return None
        if element.flag("repeats") and kind not in ("group", "choice"):
            element.refuse("repeats", "repeats")
        check_places(element, kind)
        beside, inside = self._presented(element)
        shared: Json = {"linkId": self._tree.link_of(link), "text": text}
        if "help" in beside:
            shared["help"] = beside["help"]
        if kind == "group":
            content = self._group(element, link, inside)
            return None if content is None else shared | content
        for nested in inside:
            nested.refuse("nested_question")
        if kind == "display":
            return shared | {"type": kind} | ({"help": self._known(link).help} if self._known(link).help else {})
        shared["required"] = element.flag("required")
        return shared | self._questions.read(element, link, kind, self._known(link), beside)

    def _group(self, element: Element, link: str, inside: list[Element]) -> Json | None:
        if not inside:
            element.refuse("group_empty")
            return None
        if element.flag("repeats"):
            return self._rows(element, link, inside)
        if element.flag("required"):
            element.refuse("required_group", "required")
        return {"type": "group", "items": [item for part in inside for item in self._item(part)]}

    def _rows(self, element: Element, link: str, inside: list[Element]) -> Json:
        columns: list[Json] = []
        for part in inside:
            plain = part.value.get("type") not in ("group", "display", "open-choice") and not part.value.get("repeats")
            if not plain or part.value.get("enableWhen") or part.value.get("readOnly"):
                part.refuse("row_content")
                continue
            self._check_fields(part)
            column = self._content(part, part.text("linkId") or "")
            columns += [] if column is None else self._valid(part, column)
        limits = occurs(element)
        if limits["maxOccurs"] is None:
            limits["maxOccurs"] = _MOST_ROWS
        return {
            "type": "rows",
            "required": element.flag("required"),
            "columns": columns,
            "key": self._known(link).key,
            **limits,
        }

    def _presented(self, element: Element) -> tuple[Json, list[Element]]:
        """Texts that belong to the item itself, by control, and the items that are really inside it."""
        texts: Json = {}
        inside = []
        for part in element.children("item"):
            code = control_of(part)
            if code is None or not is_presented(part):
                inside.append(part)
                continue
            self._check_fields(part)
            text = read_text(part, "text", self._base)
            if text is None or code in texts:
                part.refuse("text_missing" if text is None else "malformed")
            else:
                texts[code] = text
        return texts, inside

    # Conditions

    def _conditions(self, element: Element, known: ItemExtras, restored: ItemExtras | None) -> Json:
        if restored is None and known.written is not None and known.written == digest([level_of(element)]):
            restored = known
        if restored is not None:
            return {"enableWhen": restored.enable_when, "enableBehavior": restored.enable_behavior}
        conditions, behavior = read_conditions(element, self._translate)
        return {"enableWhen": conditions, "enableBehavior": behavior}

    def _translate(self, entry: Element, field: str) -> tuple[str, Any] | None:
        """The question in our names, and the answer as our items hold it."""
        link = entry.text("question")
        if not link:
            entry.refuse("malformed", "question")
            return None
        question = self._tree.elements.get(link)
        codes: dict[str | int, str] = {}
        if question is not None and question.value.get("type") in ("choice", "open-choice"):
            codes = self._questions.options(link, question).codes
        answer = self._answer(entry, field, question)
        if answer is None:
            entry.refuse("condition_answer", field)
            return None
        if field == "answerCoding":
            answer = codes.get(answer, as_code(answer))
        return self._tree.link_of(link), answer if isinstance(answer, bool) else codes.get(answer, answer)

    def _answer(self, entry: Element, field: str, question: Element | None) -> Any:
        if field == "answerBoolean":
            return entry.flag(field)
        if field in ("answerInteger", "answerDecimal"):
            return entry.number(field)
        if field in ("answerDate", "answerString"):
            return entry.text(field)
        inner = entry.child(field) if field in ("answerCoding", "answerQuantity") else None
        if inner is None:
            return None
        if field == "answerCoding":
            return inner.text("code")
        unit = inner.text("code") or inner.text("unit")
        if question is None or (unit is not None and unit != self._questions.unit(question)):
            entry.refuse("condition_unit", field)
        return inner.number("value")
