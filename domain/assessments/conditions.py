"""When an item is shown, or a rule applies: typed comparisons, never text that is run."""

from collections.abc import Callable, Mapping, Sequence
from operator import eq, ge, gt, le, lt
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from domain.assessments.limits import MAX_SET
from domain.assessments.model import Frozen, LinkId

Fact = bool | int | float | str | frozenset[str]
"""What is known of one link id, computed value or scale. Dates are ISO strings, which sort as dates do."""

Scalar = StrictBool | StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)] | StrictStr
Behavior = Literal["all", "any"]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


class Condition(Frozen):
    """`question` names an item, a computed value or a scale.

    A list as `answer` is a set: `=` is any of it, `!=` none of it.
    """

    question: LinkId
    operator: Literal["exists", "=", "!=", "<", "<=", ">", ">="]
    answer: Scalar | Annotated[tuple[Scalar, ...], Field(max_length=MAX_SET)]

    @model_validator(mode="after")
    def _answer_fits_operator(self) -> Self:
        if self.operator == "exists" and not isinstance(self.answer, bool):
            raise ValueError("`exists` compares with true or false")
        if self.operator in _ORDER and isinstance(self.answer, (bool, tuple)):
            raise ValueError("an order compares with one number or date")
        if isinstance(self.answer, tuple) and not self.answer:
            raise ValueError("a set of answers names at least one")
        return self


def kind_of(value: object) -> str:
    """`boolean`, `number`, `string` or `codes`: values of different kinds are never equal (True is not 1)."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "codes"


def _same(fact: Fact, answer: object) -> bool:
    if isinstance(fact, frozenset):
        return answer in fact
    return kind_of(fact) == kind_of(answer) and eq(fact, answer)


def met(condition: Condition, facts: Mapping[str, Fact]) -> bool:
    """Without a fact only `exists = false` is met: an unanswered question decides nothing else."""
    fact = facts.get(condition.question)
    if condition.operator == "exists":
        return (fact is not None) == condition.answer
    if fact is None:
        return False
    answers = condition.answer if isinstance(condition.answer, tuple) else (condition.answer,)
    if condition.operator in ("=", "!="):
        return any(_same(fact, answer) for answer in answers) == (condition.operator == "=")
    if kind_of(fact) != kind_of(answers[0]):
        return False
    return _ORDER[condition.operator](fact, answers[0])


def all_met(conditions: Sequence[Condition], behavior: Behavior, facts: Mapping[str, Fact]) -> bool:
    """No conditions: met."""
    results = [met(condition, facts) for condition in conditions]
    return all(results) if behavior == "all" or not results else any(results)
