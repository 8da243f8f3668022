"""Conditions on their way to enableWhen, and back.

Two things differ. A template compares with a set, FHIR with one value. And FHIR meets `!=` while there is no answer, a
template does not. Writing spells both out; where that takes several lists of conditions, groups go around the item.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from domain.assessments.conditions import Behavior, Condition, Scalar
from domain.assessments.lint.conditions import source_of
from domain.assessments.template import Template
from domain.fhir.element import Element
from domain.fhir.names import Json

_KNOWS_AN_ANSWER = ("=", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Clause:
    """Comparisons of one question of which all (`both`) or any have to hold."""

    both: bool
    atoms: list[Json]


class NotExpressible(Exception):
    """A mix of any and all that enableWhen cannot say, not even with groups."""


def write_conditions(template: Template, conditions: Sequence[Condition], behavior: Behavior) -> list[Json]:
    """The enableWhen and enableBehavior of each level, the item's own last. Raises NotExpressible."""
    any_of = behavior == "any" and len(conditions) > 1
    clauses = [_clause(template, condition, any_of=any_of) for condition in conditions]
    if any_of:
        if any(clause.both and len(clause.atoms) > 1 for clause in clauses):
            raise NotExpressible
        return [_level([atom for clause in clauses for atom in clause.atoms], "any")]
    together = [atom for clause in clauses if clause.both or len(clause.atoms) == 1 for atom in clause.atoms]
    levels = [_level(clause.atoms, "any") for clause in clauses if not clause.both and len(clause.atoms) > 1]
    if together:
        levels.append(_level(together, "all"))
    return levels or ([{"enableBehavior": "any"}] if behavior == "any" else [{}])


def _level(atoms: list[Json], behavior: Behavior) -> Json:
    return {"enableWhen": atoms} | ({"enableBehavior": behavior} if len(atoms) > 1 else {})


def _clause(template: Template, condition: Condition, *, any_of: bool) -> Clause:
    question, answers = condition.question, condition.answer
    values: tuple[Scalar, ...] = answers if isinstance(answers, tuple) else (answers,)
    if condition.operator != "!=":
        return Clause(both=False, atoms=[_atom(template, question, condition.operator, value) for value in values])
    if any_of:
        source = source_of(template, question)
        closed: tuple[Scalar, ...] = (True, False) if source.kind == "boolean" else ()
        rest = [value for value in (source.codes if source.kind == "choice" else closed) if value not in values]
        if not rest:
            raise NotExpressible
        return Clause(both=False, atoms=[_atom(template, question, "=", value) for value in rest])
    atoms = [_atom(template, question, "exists", True)]
    return Clause(both=True, atoms=[*atoms, *(_atom(template, question, "!=", value) for value in values)])


def _atom(template: Template, question: str, operator: str, value: Scalar) -> Json:
    return {"question": question, "operator": operator} | _answer(template, question, value)


def _answer(template: Template, question: str, value: Scalar) -> Json:
    if isinstance(value, bool):
        return {"answerBoolean": value}
    source = source_of(template, question)
    if isinstance(value, int | float):
        return {"answerInteger" if source.whole and isinstance(value, int) else "answerDecimal": value}
    item = template.asked.get(question)
    if source.kind in ("choice", "codes") or any(option.code == value for option in getattr(item, "options", ())):
        return {"answerCoding": {"code": value}}
    return {"answerDate" if source.kind == "date" else "answerString": value}


Translate = Callable[[Element, str], tuple[str, Any] | None]
"""An enableWhen and its answer field -> our link id and value; None after noting why not."""


def read_conditions(element: Element, translate: Translate) -> tuple[list[Json], str]:
    """Conditions as our JSON, and how they combine."""
    entries = element.children("enableWhen")
    behavior = element.text("enableBehavior")
    if (behavior is None and len(entries) > 1) or behavior not in (None, "all", "any"):
        element.refuse("enable_behavior")
    found = [read for entry in entries if (read := _read(entry, translate)) is not None]
    open_ended = [condition for condition in found if condition["operator"] == "!="]
    if open_ended and (len(found) == 1 or behavior == "any"):
        found += [{"question": c["question"], "operator": "exists", "answer": False} for c in open_ended]
        behavior = "any"
    answered = {c["question"] for c in found if _needs_answer(c)}
    if behavior != "any" and any(condition["question"] not in answered for condition in open_ended):
        element.refuse("unanswered_differs", "enableWhen")
    return found, behavior or "all"


def _needs_answer(condition: Json) -> bool:
    operator, answer = condition["operator"], condition["answer"]
    return operator in _KNOWS_AN_ANSWER or (operator == "exists" and answer is True)


def _read(entry: Element, translate: Translate) -> Json | None:
    entry.only(frozenset({"question", "operator", *(name for name in entry.value if name.startswith("answer"))}))
    operator, field = entry.text("operator"), entry.choice("answer")
    if operator not in ("exists", "!=", *_KNOWS_AN_ANSWER):
        entry.refuse("malformed", "operator")
        return None
    translated = translate(entry, field) if field is not None else None
    if translated is None:
        return None
    question, answer = translated
    if (operator == "exists") != isinstance(answer, bool) and operator not in ("=", "!="):
        entry.refuse("malformed", field or "answer")
        return None
    return {"question": question, "operator": operator, "answer": answer}
