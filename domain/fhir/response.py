"""A submitted assessment as a FHIR R4 QuestionnaireResponse."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from domain.assessments.completion import Completed
from domain.assessments.errors import NotExportable
from domain.assessments.items import Asked, Choosing, RowsItem, SelectItem
from domain.assessments.scoring import score
from domain.assessments.template import Template
from domain.fhir.names import Json
from domain.fhir.questionnaire import canonical, export_questionnaire
from domain.fhir.reasons import reason

_FIELDS = {
    "boolean": "valueBoolean", "date": "valueDate", "decimal": "valueDecimal", "integer": "valueInteger",
    "scale": "valueInteger",
}  # fmt: skip


def export_response(
    template: Template,
    completed: Completed,
    *,
    response_id: str,
    subject: str,
    authored: datetime,
    author: str | None = None,
) -> Json:
    """The answers, computed values and scores, nested as in the exported Questionnaire; what is hidden is absent.

    `subject` and `author` are FHIR references, such as `Patient/1`; `authored` says its time zone. Raises NotExportable
    for answers of another template version, or with issues: a response that lacks an answer is not completed.
    """
    if completed.template_hash != template.content_hash:
        raise NotExportable([reason("wrong_template", "")])
    if completed.issues:
        raise NotExportable([reason("not_complete", issue.pointer) for issue in completed.issues])
    questionnaire = export_questionnaire(template)
    items = [*_Responder(template, completed).items(questionnaire["item"])]
    return {
        "resourceType": "QuestionnaireResponse",
        "id": response_id,
        "language": questionnaire["language"],
        "questionnaire": canonical(template),
        "status": "completed",
        "subject": {"reference": subject},
        "authored": authored.isoformat(),
        **({} if author is None else {"author": {"reference": author}}),
        **({"item": items} if items else {}),
    }


class _Responder:
    def __init__(self, template: Template, completed: Completed) -> None:
        self.template = template
        self.answers = completed.answers
        self.derived: dict[str, Json] = {name: _plain(value) for name, value in completed.computed.items()}
        for scale in score(template, completed):
            if scale.value is not None:
                self.derived[scale.id] = {"valueDecimal": scale.value}
            elif scale.band is not None:
                self.derived[scale.id] = {"valueCoding": {"code": scale.band}}

    def items(self, questions: list[Json]) -> Iterator[Json]:
        """Those of the questions that have an answer, and the groups they are in."""
        for question in questions:
            link = question["linkId"]
            item = self.template.asked.get(link)
            if question.get("readOnly"):
                if link in self.derived:
                    yield _answered(question, [self.coded(question, self.derived[link])])
            elif isinstance(item, RowsItem):
                yield from self.rows(item, question)
            elif item is not None and link in self.answers:
                yield _answered(question, _answers(item, question, self.answers[link]))
            elif inside := [*self.items(question.get("item", []))]:
                yield _opened(question) | {"item": inside}

    def rows(self, item: RowsItem, question: Json) -> Iterator[Json]:
        """A group for each row."""
        shown = {part["linkId"]: part for part in question["item"]}
        columns = [(column, shown[f"{item.link_id}.{column.link_id}"]) for column in item.columns]
        for row in self.answers.get(item.link_id, ()):
            cells = [
                _answered(part, _answers(column, part, row[column.link_id]))
                for column, part in columns
                if row.get(column.link_id) not in (None, "")
            ]
            yield _opened(question) | {"item": cells}

    def coded(self, question: Json, value: Json) -> Json:
        """A code with the words the questionnaire has for it."""
        return {"valueCoding": _coding(question, value["valueCoding"]["code"])} if "valueCoding" in value else value


def _opened(question: Json) -> Json:
    return {"linkId": question["linkId"]} | ({"text": question["text"]} if "text" in question else {})


def _answered(question: Json, answers: list[Json]) -> Json:
    return _opened(question) | {"answer": answers}


def _answers(item: Asked, question: Json, value: Any) -> list[Json]:
    if isinstance(item, SelectItem):
        return [{"valueCoding": _coding(question, code)} for code in value]
    if isinstance(item, Choosing) and any(option.code == value for option in item.options):
        return [{"valueCoding": _coding(question, value)}]
    return [{_FIELDS.get(item.type, "valueString"): value}]


def _coding(question: Json, code: str) -> Json:
    """As the Questionnaire lists it, without the translations."""
    options = (option["valueCoding"] for option in question.get("answerOption", ()))
    found: Json = next((option for option in options if option["code"] == code), {})
    return {"code": code} | ({"display": found["display"]} if "display" in found else {})


def _plain(value: float | str) -> Json:
    return {"valueInteger" if isinstance(value, int) else "valueDecimal": value}
