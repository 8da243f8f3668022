"""I03-I06, I24, I31: nothing in the plan may be unsafe for this spec. None of these can be relaxed."""

from collections.abc import Iterator

from domain.programs.checking.facts import Facts, Violation
from domain.programs.library import Exercise
from domain.programs.plan import Item

STEMS = {
    "lower_back": "lbp", "neck": "neck_pain", "shoulder": "shoulder_pain", "elbow_wrist": "elbow_wrist_pain",
    "hip": "hip_pain", "knee": "knee_pain", "ankle": "ankle_pain", "general": "general_pain",
}  # fmt: skip
RUNGS = {"mild": 1, "moderate": 2, "severe": 3}
CEILINGS = {"beginner": 2, "intermediate": 3, "advanced": 5}
CEILINGS_IN_PAIN = {"mild": 5, "moderate": 3, "severe": 1}
EFFORT_IN_PAIN = {"mild": 9, "moderate": 6, "severe": 4}


def safety(facts: Facts) -> Iterator[Violation]:
    yield from _spec(facts)
    for where, _, session in facts.sessions():
        for item in session.items:
            if item.exercise not in facts.exercises:
                yield Violation("I06", where, f"{item.exercise} is not in the library")
    for where, _, _, item, exercise in facts.lines():
        yield from _conditions(facts, where, item, exercise)
        if exercise.level > facts.spec.ceiling:
            yield Violation("I04", where, f"{exercise.id}: level {exercise.level} above {facts.spec.ceiling}")
        missing = [thing for thing in exercise.equipment if thing not in facts.spec.equipment]
        if missing:
            yield Violation("I05", where, f"{exercise.id}: needs {', '.join(missing)}")
        if not exercise.cue.strip():
            yield Violation("I06", where, f"{exercise.id}: has no cue")
        if item.effort > EFFORT_IN_PAIN[facts.spec.severity]:
            yield Violation("I31", where, f"{exercise.id}: effort {item.effort} with {facts.spec.severity} pain")


def _conditions(facts: Facts, where: str, item: Item, exercise: Exercise) -> Iterator[Violation]:
    for name in facts.spec.conditions:
        rule = facts.library.conditions.get(name)
        if rule is None:
            continue  # reported once, with the spec
        for tag, cap in rule.max.items():
            if exercise.stress.get(tag, 0) > cap:
                yield Violation("I03", where, f"{exercise.id}: {tag} is above what {name} allows")
        if rule.max_rpe is not None and item.effort > rule.max_rpe:
            yield Violation("I24", where, f"{exercise.id}: effort {item.effort} is above what {name} allows")


def _spec(facts: Facts) -> Iterator[Violation]:
    """The spec itself must carry the limits that its pain asks for."""
    spec, known = facts.spec, facts.library.conditions
    for name in spec.conditions:
        if name not in known:
            yield Violation("I03", "spec", f"{name} has no rule")
    for rung, place in RUNGS.items():
        name = f"{STEMS[spec.region]}_{rung}"
        if place <= RUNGS[spec.severity] and name in known and name not in spec.conditions:
            yield Violation("I03", "spec", f"{name} is missing from the conditions")
    if spec.ceiling > min(CEILINGS[spec.level], CEILINGS_IN_PAIN[spec.severity]):
        yield Violation("I04", "spec", "the ceiling is above what level and pain allow")
