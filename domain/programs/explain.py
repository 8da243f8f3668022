"""Why a line is in the plan: rule ids on the line, and the words for each id."""

from domain.programs.problem import Candidate, Problem
from domain.programs.spec import ProgramSpec

SENTENCES: dict[str, str] = {
    "I03": "passes every condition's limits",
    "I04": "is within the level allowed now",
    "I05": "needs only equipment that is there",
    "I08": "fills the session to its length",
    "I10": "is light today: the same muscle worked hard the day before",
    "I12": "fills the place every session has",
    "I13": "gives the session its movement group",
    "I16": "brings a muscle to its useful weekly sets",
    "I22": "works the region that was assessed",
    "I23": "trains balance, which is asked for on at least three days",
    "P01": "may come back often because it is for the assessed region",
    "P02": "suits the assessed region",
    "P03": "worth of one set in this plan",
    "P06": "belongs to the fifth day, which is for mobility and cardio",
    "clinician_edit": "was changed by a clinician",
}


def sentence(rule: str) -> str:
    """Words for a rule id; what follows a colon names the group, muscle, region or number it is about."""
    rule_id, _, about = rule.partition(":")
    text = SENTENCES[rule_id]
    return f"{text} ({about.replace('_', ' ')})" if about else text


def reasons(candidate: Candidate, problem: Problem, spec: ProgramSpec, light: bool) -> tuple[str, ...]:
    """What admitted (I03-I05) and what chose an exercise of the main work."""
    why = ["I03", "I04", "I05"]
    if candidate.group in problem.groups:
        why.append(f"I13:{candidate.group}")
    if candidate.regional:
        why.append(f"I22:{spec.region}")
    why += [f"I16:{muscle}" for muscle, halves in candidate.halves if halves > 1 and muscle in problem.targets]
    if light:
        why.append("I10")
    why.append(f"P03:{candidate.fit}")
    return tuple(why)
