"""Published tables that no formula gives. What is unknown goes in as None."""

from collections.abc import Callable, Mapping
from typing import Any

from domain.assessments.conditions import Fact

# Lowest age of the row -> (men, women): fewer stands are below average for the age.
# CDC STEADI 30-second chair stand, norms Rikli and Jones 1999.
CHAIR_STAND: dict[int, tuple[int, int]] = {
    60: (14, 12),
    65: (12, 11),
    70: (12, 10),
    75: (11, 10),
    80: (10, 9),
    85: (8, 8),
    90: (7, 4),
}
CHAIR_STAND_LAST_AGE = 94
TANDEM_S = 10  # holding the tandem stance for less is a falls risk (CDC STEADI, 4-stage balance)
TUG_S = 12  # taking as long or longer for Timed Up and Go is a falls risk (CDC STEADI)

# (active, known disease, symptoms) -> (clearance, highest intensity before it).
# ACSM pre-participation logic, Riebe 2015 and Whitfield 2017. Symptoms decide whatever the disease answer is.
ACSM: dict[tuple[bool, bool, bool], tuple[str, str, str]] = {
    (False, False, False): ("not_required", "moderate", "may progress to vigorous"),
    (False, True, False): ("clearance_recommended", "none_until_cleared", "after clearance light-moderate"),
    (False, False, True): ("clearance_recommended", "none_until_cleared", "after clearance light-moderate"),
    (False, True, True): ("clearance_recommended", "none_until_cleared", "after clearance light-moderate"),
    (True, False, False): ("not_required", "vigorous", "continue moderate or vigorous"),
    (True, True, False): ("not_for_moderate_required_for_vigorous", "moderate", "clearance before vigorous"),
    (True, False, True): ("stop_and_seek_clearance", "none_until_cleared", ""),
    (True, True, True): ("stop_and_seek_clearance", "none_until_cleared", ""),
}


def chair_stand_cutoff(age: int, sex: str) -> int | None:
    """Stands that are average at this age; None outside 60 to 94 years or without a norm for the sex."""
    if sex not in ("male", "female") or age > CHAIR_STAND_LAST_AGE:
        return None
    row = max((first for first in CHAIR_STAND if first <= age), default=None)
    return None if row is None else CHAIR_STAND[row][sex == "female"]


def chair_stand_30s(age: Any, sex: Any, stands: Any, used_arms: Any = None) -> str | None:
    """`below_average` or `average`. Using the arms scores 0 stands."""
    if age is None or sex is None or (stands is None and not used_arms):
        return None
    cutoff = chair_stand_cutoff(age, sex)
    if cutoff is None:
        return None
    return "below_average" if (0 if used_arms else stands) < cutoff else "average"


def balance_tug(tandem_s: Any = None, tug_s: Any = None) -> str | None:
    """`falls_risk` or `no_falls_risk` from the tests that were done; None when none was."""
    if tandem_s is None and tug_s is None:
        return None
    risk = (tandem_s is not None and tandem_s < TANDEM_S) or (tug_s is not None and tug_s >= TUG_S)
    return "falls_risk" if risk else "no_falls_risk"


def yes_for_safety(answer: object) -> bool:
    """For a symptom or a disease, whatever is not a clear no counts as yes."""
    return answer not in ("no", False)


def acsm_row(active: object, known_disease: object, symptoms: object) -> tuple[str, str, str]:
    """(clearance, highest intensity now, note). Unknown reads as inactive, ill, with symptoms."""
    key = (active in ("yes", True), yes_for_safety(known_disease), yes_for_safety(symptoms))
    return ACSM[key]


def acsm_screening(active: Any = None, known_disease: Any = None, symptoms: Any = None) -> str | None:
    """The clearance code."""
    return acsm_row(active, known_disease, symptoms)[0]


TABLES: dict[str, Callable[..., str | None]] = {
    "chair_stand_30s": chair_stand_30s,
    "balance_tug": balance_tug,
    "acsm_screening": acsm_screening,
}
PARAMETERS: dict[str, dict[str, str]] = {
    "chair_stand_30s": {"age": "number", "sex": "string", "stands": "number", "used_arms": "boolean"},
    "balance_tug": {"tandem_s": "number", "tug_s": "number"},
    "acsm_screening": {"active": "string", "known_disease": "string", "symptoms": "string"},
}
CODES: dict[str, tuple[str, ...]] = {
    "chair_stand_30s": ("below_average", "average"),
    "balance_tug": ("falls_risk", "no_falls_risk"),
    "acsm_screening": tuple(dict.fromkeys(row[0] for row in ACSM.values())),
}


def look_up(table: str, inputs: Mapping[str, str], facts: Mapping[str, Fact]) -> str | None:
    """Run a table on facts: `inputs` maps its parameters to link ids."""
    return TABLES[table](**{parameter: facts.get(link) for parameter, link in inputs.items()})
