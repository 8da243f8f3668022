"""What every part of a template is made of: frozen models, link ids, and strings in several languages."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from domain.assessments.limits import MAX_LANGUAGES

ENGINE_VERSION = "1.0.0"  # raised whenever the same answers could give another score, screening or profile


class Frozen(BaseModel):
    """A value. JSON names are camelCase, so that they read like the FHIR R4 Questionnaire they map to."""

    # Built by first use: a poll needs no template, and building all of them is a tenth of a cold start.
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


LinkId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]


def _as_english(value: Any) -> Any:
    return {"en": value} if isinstance(value, str) else value


Localised = Annotated[
    dict[Language, Annotated[str, StringConstraints(min_length=1, max_length=4000)]],
    BeforeValidator(_as_english),
    Field(min_length=1, max_length=MAX_LANGUAGES),
]
"""Language tag -> text. A plain string in a data file is English."""
