"""The names FHIR R4 and its extensions have for what a template says."""

from typing import Any

Json = dict[str, Any]

# Canonical urls are names, not addresses. `.example` is reserved, so nobody else can ever own ours.
BASE = "https://ffp.example/fhir"
EXTRAS = f"{BASE}/StructureDefinition/template-extras"
LINE = f"{BASE}/StructureDefinition/prescribed-line"

_CORE = "http://hl7.org/fhir/StructureDefinition"
_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition"
ITEM_WEIGHT = f"{_CORE}/itemWeight"
ORDINAL_VALUE = f"{_CORE}/ordinalValue"  # the name itemWeight had in R4; older readers know only this one
TRANSLATION = f"{_CORE}/translation"
LANGUAGE = f"{_CORE}/language"
MIN_VALUE = f"{_CORE}/minValue"
MAX_VALUE = f"{_CORE}/maxValue"
REGEX = f"{_CORE}/regex"
MIN_OCCURS = f"{_CORE}/questionnaire-minOccurs"
MAX_OCCURS = f"{_CORE}/questionnaire-maxOccurs"
UNIT = f"{_CORE}/questionnaire-unit"
UNIT_OPTION = f"{_CORE}/questionnaire-unitOption"
EXCLUSIVE = f"{_CORE}/questionnaire-optionExclusive"
CONTROL = f"{_CORE}/questionnaire-itemControl"
SLIDER_STEP = f"{_CORE}/questionnaire-sliderStepValue"
HIDDEN = f"{_CORE}/questionnaire-hidden"

CONTROL_SYSTEM = "http://hl7.org/fhir/questionnaire-item-control"
UCUM = "http://unitsofmeasure.org"
PRESENTED = frozenset({"help", "lower", "upper"})  # controls of a display item that belongs to its parent

# Extensions that change what is asked or what an answer may be: passing over one would change the questionnaire.
REFUSED_EXTENSIONS: dict[str, str] = {
    f"{_SDC}/sdc-questionnaire-enableWhenExpression": "enable_when_expression",
    f"{_SDC}/sdc-questionnaire-initialExpression": "initial_expression",
    f"{_SDC}/sdc-questionnaire-calculatedExpression": "calculated_expression",
    f"{_SDC}/sdc-questionnaire-answerExpression": "answer_expression",
    f"{_SDC}/sdc-questionnaire-candidateExpression": "answer_expression",
    f"{_SDC}/sdc-questionnaire-answerOptionsToggleExpression": "answer_expression",
    f"{_SDC}/sdc-questionnaire-subQuestionnaire": "sub_questionnaire",
    f"{_SDC}/sdc-questionnaire-questionnaireAdaptive": "adaptive",
    f"{_SDC}/sdc-questionnaire-itemMedia": "media",
    f"{_SDC}/sdc-questionnaire-itemAnswerMedia": "media",
    f"{_SDC}/sdc-questionnaire-minQuantity": "quantity_range",
    f"{_SDC}/sdc-questionnaire-maxQuantity": "quantity_range",
    f"{_SDC}/sdc-questionnaire-unitOpen": "unit_choice",
    f"{_CORE}/questionnaire-constraint": "constraint",
    f"{_CORE}/targetConstraint": "constraint",
    f"{_CORE}/questionnaire-unitValueSet": "unit_choice",
    f"{_CORE}/questionnaire-usageMode": "hidden",
    f"{_CORE}/cqf-expression": "calculated_expression",
    f"{_CORE}/cqf-calculatedValue": "calculated_expression",
    f"{_CORE}/minLength": "min_length",
    f"{_CORE}/maxDecimalPlaces": "decimal_places",
}


def extension(url: str, kind: str, value: Any) -> Json:
    """`{"url": url, "value<kind>": value}`."""
    return {"url": url, f"value{kind}": value}


def control(code: str) -> Json:
    return extension(CONTROL, "CodeableConcept", {"coding": [{"system": CONTROL_SYSTEM, "code": code}]})
