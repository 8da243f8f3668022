"""Complete, unremarkable answers to the shipped templates."""

from typing import Any

from infra.content import load_templates

_PLAN = {
    "goal": "reduce_pain",
    "experience": "intermediate",
    "equipment": ["chair", "wall", "band", "dumbbell"],
    "days_per_week": 3,
    "minutes": "30",
}


def _no_red_flags(slug: str) -> dict[str, str]:
    [template] = [t for t in load_templates() if t.id == slug]
    return {link: "no" for link in template.asked if link.startswith("rf_")}


def low_back_pain(**changes: Any) -> dict[str, Any]:
    return {
        **_no_red_flags("low-back-pain"),
        "date_of_birth": "1984-05-17",
        "sex": "female",
        "nprs_now": 3,
        "nprs_average": 4,
        "symptom_duration": "2_to_6_weeks",
        "first_episode": "no",
        "rmdq": ["2", "3", "5", "11", "14", "21"],
        "psfs": [
            {"activity": "Gardening", "score": 4},
            {"activity": "Sitting through a meeting", "score": 5},
            {"activity": "Putting on shoes", "score": 6},
        ],
        "conditions": ["none"],
        **_PLAN,
        **changes,
    }
