"""A small Questionnaire as another tool would write it, with nothing that a template cannot do."""

from copy import deepcopy
from typing import Any

Json = dict[str, Any]
CORE = "http://hl7.org/fhir/StructureDefinition"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition"

_RESOURCE: Json = {
    "resourceType": "Questionnaire",
    "id": "knee-check",
    "meta": {"profile": [f"{SDC}/sdc-questionnaire"]},
    "text": {"status": "generated", "div": "<div>...</div>"},
    "url": "https://clinic.example/Questionnaire/Knee_Check",
    "version": "2.1",
    "name": "KneeCheck",
    "title": "Knee check",
    "status": "draft",
    "subjectType": ["Patient"],
    "language": "en",
    "item": [
        {
            "linkId": "1",
            "prefix": "1.",
            "text": "Your knee",
            "type": "group",
            "item": [
                {"linkId": "/1.1", "text": "Which side?", "type": "choice", "answerOption": [
                    {"valueCoding": {"system": "http://snomed.info/sct", "code": "7771000", "display": "Left"}},
                    {"valueCoding": {"code": "Right side", "display": "Right"}}]},
                {"linkId": "1.2", "text": "Swollen?", "type": "boolean", "required": True, "enableWhen": [
                    {"question": "/1.1", "operator": "=", "answerCoding": {"code": "Right side"}}]},
                {"linkId": "1.3", "text": "Weight", "type": "quantity", "extension": [
                    {"url": f"{CORE}/questionnaire-unitOption", "valueCoding": {"code": "kg"}},
                    {"url": f"{CORE}/minValue", "valueDecimal": 20.5}]},
                {"linkId": "1.4", "text": "Anything else?", "type": "string"},
                {"linkId": "1.5", "text": "How often?", "type": "choice", "answerOption": [
                    {"valueString": "Never"}, {"valueString": "Every day"}]},
            ],
        },
        {"linkId": "2", "text": "Operations", "type": "group", "repeats": True, "item": [
            {"linkId": "2.1", "text": "Year", "type": "integer"}, {"linkId": "2.2", "text": "What", "type": "string"}]},
        {"linkId": "3", "text": "Thank you", "type": "display"},
    ],
}  # fmt: skip


def questionnaire() -> Json:
    return deepcopy(_RESOURCE)


def extension(name: str, kind: str, value: Any) -> Json:
    """By a bare name of a core extension, or by a whole url."""
    return {"url": name if "/" in name else f"{CORE}/{name}", f"value{kind}": value}
