"""Small templates for one rule each."""

from typing import Any

from domain.assessments.template import Template

TEXT = {"en": "Text"}
OPTIONS = [{"code": code, "text": TEXT} for code in ("x", "y", "z")]
FEEDS = {
    "region": "knee", "pain": ["f_pain"], "age": "f_age", "sex": "f_sex", "level": "f_level", "goal": "f_goal",
    "equipment": "f_equipment", "days": "f_days", "minutes": "f_minutes", "conditions": "f_conditions",
}  # fmt: skip


def item(kind: str, link: str, **rest: Any) -> dict[str, Any]:
    defaults: dict[str, dict[str, Any]] = {
        "choice": {"options": OPTIONS},
        "open-choice": {"options": OPTIONS},
        "multi-choice": {"options": OPTIONS},
        "tick-list": {"options": [*OPTIONS, {"code": "none", "text": TEXT, "exclusive": True}]},
        "body-map": {"options": [{"code": "knee", "text": TEXT}, {"code": "hip", "text": TEXT}]},
        "scale": {"low": TEXT, "high": TEXT},
        "rows": {"columns": [item("scale", "score"), item("text", "name")]} if kind == "rows" else {},
    }
    return {"type": kind, "linkId": link, "text": TEXT, **defaults.get(kind, {}), **rest}


def when(question: str, operator: str, answer: Any) -> dict[str, Any]:
    return {"question": question, "operator": operator, "answer": answer}


def choice(link: str, *codes: str, **rest: Any) -> dict[str, Any]:
    return item("choice", link, options=[{"code": code, "text": TEXT} for code in codes], required=True, **rest)


def _fed() -> list[dict[str, Any]]:
    """The items every template needs to feed a program."""
    return [
        item("date", "f_born", required=True),
        item("scale", "f_pain", required=True),
        choice("f_sex", "female", "male", "other"),
        choice("f_level", "beginner", "advanced"),
        choice("f_goal", "reduce_pain"),
        item("multi-choice", "f_equipment", required=True, options=[
            {"code": "chair", "text": TEXT}, {"code": "none", "text": TEXT, "exclusive": True}]),
        item("integer", "f_days", required=True, minValue=2, maxValue=5),
        choice("f_minutes", "20", "30"),
        item("multi-choice", "f_conditions", required=True, options=[
            {"code": "none", "text": TEXT, "exclusive": True}]),
    ]  # fmt: skip


FED: dict[str, Any] = {
    "f_born": "1990-01-01", "f_pain": 1, "f_sex": "male", "f_level": "beginner", "f_goal": "reduce_pain",
    "f_equipment": ["none"], "f_days": 2, "f_minutes": "20", "f_conditions": ["none"],
}  # fmt: skip


def template(*items: dict[str, Any], scales: Any = (), computed: Any = (), **rest: Any) -> Template:
    """A template of these items and those that feed a program."""
    return Template.model_validate(
        {
            "id": "test",
            "version": "1.0.0",
            "title": TEXT,
            "licence": "ours",
            "regions": ["knee"],
            "items": [*items, *_fed()],
            "computed": [{"kind": "age", "id": "f_age", "label": TEXT, "born": "f_born"}, *computed],
            "scales": list(scales),
            "feeds": FEEDS,
            **rest,
        }
    )


def total(*links: str, **rest: Any) -> dict[str, Any]:
    return {
        "method": "sum", "id": "total", "label": TEXT, "of": list(links), "direction": "higher_worse", "min": 0,
        "max": 10, **rest,
    }  # fmt: skip


def band(code: str, low: float, high: float) -> dict[str, Any]:
    return {"code": code, "label": TEXT, "min": low, "max": high}
