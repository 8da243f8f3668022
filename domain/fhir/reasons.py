"""Why something cannot cross between FHIR and a template: where, and what to do about it."""

from domain.assessments.model import Frozen

# One entry a code; docs/fhir.md lists them all.
MESSAGES: dict[str, str] = {
    "not_a_questionnaire": "Give one FHIR R4 resource whose resourceType is Questionnaire.",
    "too_big": "Divide it: at most 1000 items, 100000 values in all, and 64 levels.",
    "malformed": "FHIR R4 has no such value here: correct it.",
    "unknown_field": "FHIR R4 has no such field here: remove it.",
    "modifier_extension": "A modifier extension may change the meaning of everything beside it: remove it.",
    "implicit_rules": "Rules from elsewhere cannot be followed: remove implicitRules.",
    "contained": "Only value sets that list their options can be contained: remove it.",
    "subject_type": "Answers are about a person: let subjectType hold Patient, or remove it.",
    "name_missing": "Give the questionnaire a url, a name or an id that starts with a letter or digit.",
    "title_missing": "Give the questionnaire a title.",
    "version": "Write the version as up to three numbers, such as 1.0.0.",
    "language": "Write the language as two or three letters, with a country if need be: en, pt-BR.",
    "translation": "Give each translation a language and a text, and each language once.",
    "text_missing": "Give the item a text.",
    "unknown_type": "Use group, display, boolean, integer, decimal, date, string, text, choice, open-choice, quantity.",
    "duplicate_link_id": "Another linkId is the same once it holds only a-z, 0-9 and _: rename one.",
    "enable_when_expression": "Expressions are not run: write the condition as enableWhen.",
    "initial_expression": "Expressions are not run: remove it, the person answers.",
    "calculated_expression": "Expressions are not run: remove it, and add a computed value or scale after the import.",
    "answer_expression": "Expressions are not run: list the options as answerOption.",
    "constraint": "Expressions are not run: use required, minValue, maxValue, maxLength or regex.",
    "sub_questionnaire": "Other questionnaires are not fetched: put their items in this one.",
    "adaptive": "Questions that a server chooses one by one are not supported: give the whole questionnaire.",
    "media": "Pictures and sounds are not shown: say it in words.",
    "hidden": "Every item is shown to the person who answers: remove the item, or this extension.",
    "min_length": "A shortest length cannot be asked for: use regex, or remove it.",
    "decimal_places": "The number of decimals cannot be limited: use integer, or remove it.",
    "quantity_range": "Give the range as minValue and maxValue of a decimal with a unit.",
    "unit_choice": "An answer has one unit: leave exactly one, with its UCUM code.",
    "initial_value": "Nothing is answered beforehand: remove the initial value.",
    "nested_question": "Put it beside the question, in the same group, with an enableWhen.",
    "repeats": "Only choices and groups can repeat: ask once, or make it a repeating group.",
    "required_group": "Say of each question in the group whether it is required.",
    "group_empty": "Put an item into the group, or make it a display.",
    "row_content": "A repeating group holds plain questions: no group, display, open or multiple choice, condition.",
    "options_missing": "List the options as answerOption.",
    "options_not_here": "Only choice and open-choice have options: change the type, or remove them.",
    "option_type": "An option is a Coding, a string or an integer.",
    "duplicate_option": "Two options have the same code once it holds only letters, digits, _, . and -: rename one.",
    "weights_differ": "itemWeight and ordinalValue say different numbers: leave one of them.",
    "value_set": "The options are not here: list them as answerOption, or contain the value set with its expansion.",
    "max_length": "A text has from 1 to 4000 characters: change maxLength.",
    "misplaced": "This extension means nothing for an item of this type: remove it.",
    "slider_step": "A scale goes by steps of 1: change the step, or use choice.",
    "condition_answer": "Compare with a boolean, number, date, string or Coding.",
    "condition_unit": "Compare in the unit of the question.",
    "enable_behavior": "Say with enableBehavior whether all or any of the conditions have to be met.",
    "unanswered_differs": "FHIR meets != without an answer, a template does not: add `exists` true for that question.",
    "extras": "Our own extension does not hold what it should: take it from an unchanged export, or remove it.",
    "invalid": "The template model does not take it.",
    "circle": "Something decides itself: the lint names the circle.",
    "not_expressible": "FHIR has no such mix of any and none: move this condition to a group around the item.",
    "not_complete": "Only answers without issues make a completed response.",
    "wrong_template": "The answers belong to another template or version.",
}  # fmt: skip
MAX_REASONS = 100


class Reason(Frozen):
    """`pointer` (RFC 6901) names the place in the resource; `message` says what to do."""

    pointer: str
    code: str
    message: str


def reason(code: str, pointer: str, detail: str = "") -> Reason:
    return Reason(pointer=pointer, code=code, message=f"{MESSAGES[code]} {detail}".strip())
