"""The demo's member: answers to the low-back-pain assessment, in the pages a person would save."""

from typing import Any

TEMPLATE = "low-back-pain"

PAGES: tuple[dict[str, Any], ...] = (
    {"date_of_birth": "1984-05-17", "sex": "female"},
    {"nprs_now": 3, "nprs_average": 4, "symptom_duration": "2_to_6_weeks", "first_episode": "no"},
    {
        "rmdq": ["2", "3", "5", "11", "14", "21"],
        "psfs": [
            {"activity": "Gardening", "score": 4},
            {"activity": "Sitting through a meeting", "score": 5},
            {"activity": "Putting on shoes", "score": 6},
        ],
        "conditions": ["none"],
    },
    {
        "goal": "reduce_pain",
        "experience": "intermediate",
        "equipment": ["chair", "wall", "band", "dumbbell"],
        "days_per_week": 3,
        "minutes": "30",
    },
)


def safety_answers(items: list[dict[str, Any]]) -> dict[str, str]:
    """`no` to every red flag that the template asks, whichever these are."""
    found = {}
    for item in items:
        if item["linkId"].startswith("rf_"):
            found[item["linkId"]] = "no"
        found |= safety_answers(item.get("items") or [])
    return found
