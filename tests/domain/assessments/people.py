"""Complete answer sets of the shipped templates, with nothing wrong in them."""

from datetime import date
from typing import Any

from domain.assessments.completion import complete
from domain.assessments.results import Result, result_of
from domain.assessments.template import Template
from infra.content import load_red_flags, load_templates

TODAY = date(2026, 3, 1)
TEMPLATES = {template.id: template for template in load_templates()}
RULES = load_red_flags()
Answers = dict[str, Any]


def healthy(template: Template, **changes: Any) -> Answers:
    """A woman of 40 with mild pain and no red flag. A change to None takes the answer away."""
    activities = ("Gardening", "Running", "Lifting")
    answers: Answers = {
        "date_of_birth": "1986-02-01",
        "sex": "female",
        "nprs_now": 2,
        "nprs_average": 3,
        "symptom_duration": "6_to_12_weeks",
        "first_episode": "no",
        "rmdq": ["1", "5", "8", "11", "21"],
        "psfs": [{"activity": name, "score": number} for number, name in enumerate(activities, 3)],
        "conditions": ["none"],
        "goal": "reduce_pain",
        "experience": "intermediate",
        "equipment": ["chair", "wall", "band"],
        "days_per_week": 3,
        "minutes": "45",
        "pain_areas": ["elsewhere"],
        "acsm_active": "yes",
        "acsm_disease": "no",
        "acsm_symptoms": "no",
    }
    answers |= {link: "no" for link in template.asked if link.startswith("rf_")}
    answers = {link: value for link, value in answers.items() if link in template.asked}
    return {link: value for link, value in (answers | changes).items() if value is not None}


def result_for(template_id: str = "low-back-pain", **changes: Any) -> Result:
    """Score and screen a healthy person with these changes."""
    template = TEMPLATES[template_id]
    return result_of(template, complete(template, healthy(template, **changes), TODAY), RULES)
