"""The checker finds each broken rule: one change to a sound plan, one finding of that rule."""

from collections.abc import Callable
from typing import Any

import pytest

from domain.programs.checker import check
from domain.programs.generator import generate
from domain.programs.milp import solve_week
from domain.programs.plan import Plan
from tests.domain.programs.making import LIBRARY, spec

ASKED = spec(
    region="knee", pain=2, level="advanced", days=4, minutes=45, age=70, conditions=frozenset(["osteoporosis"])
)
Content = dict[str, Any]


@pytest.fixture(scope="module")
def sound() -> Plan:
    return generate(ASKED, LIBRARY, solve_week)


def session(plan: Content, week: int = 0, number: int = 0) -> Content:
    found: Content = plan["weeks"][week]["sessions"][number]
    return found


def item(plan: Content, role: str = "main", week: int = 0, number: int = 0) -> Content:
    return next(found for found in session(plan, week, number)["items"] if found["role"] == role)


def put(exercise: str) -> Callable[[Content], None]:
    return lambda plan: item(plan).update(exercise=exercise)


def drop(role: str, group: str | None = None, number: int = 0) -> Callable[[Content], None]:
    """Take all lines of a role (of a movement group) out of a session of the first week."""

    def change(plan: Content) -> None:
        first = session(plan, number=number)
        first["items"] = [
            i
            for i in first["items"]
            if i["role"] != role or (group is not None and LIBRARY.by_id[i["exercise"]].group != group)
        ]

    return change


def every(week: int, **values: Any) -> Callable[[Content], None]:
    """Set values on the main lines of a week."""

    def change(plan: Content) -> None:
        for found in plan["weeks"][week]["sessions"]:
            for line in found["items"]:
                if line["role"] == "main":
                    line.update(values)

    return change


def work_days(plan: Content) -> None:
    for found, day in zip(plan["weeks"][0]["sessions"], (0, 1, 1, 4), strict=True):
        found["day"] = day


def hard_next_day(plan: Content) -> None:
    first, second = session(plan), session(plan, number=1)
    second["items"] = [dict(line) for line in first["items"]]
    for line in (*first["items"], *second["items"]):
        if line["role"] == "main":
            line["effort"] = 9


def longer_cardio(plan: Content) -> None:
    line = item(plan, "cardio")
    line.update(seconds=line["seconds"] + 900, minutes=line["minutes"] + 15)
    session(plan)["minutes"] += 15


def twice(plan: Content) -> None:
    items = session(plan)["items"]
    items.insert(items.index(item(plan)), dict(item(plan)))


def two_changes(plan: Content) -> None:
    line = item(plan, week=1)
    line["sets"] += 1
    line["rest_s"] += 15


def no_balance(plan: Content) -> None:
    for found in plan["weeks"][0]["sessions"]:
        found["items"] = [line for line in found["items"] if line["role"] != "balance"]


def one_side_only(plan: Content) -> None:
    line = next(i for i in session(plan)["items"] if LIBRARY.by_id[i["exercise"]].laterality == "unilateral")
    line["minutes"] = 0.5


BROKEN: list[tuple[str, Callable[[Content], None]]] = [
    ("I03", put("squat_jump")),
    ("I03", lambda plan: plan.update(relaxed=["I13"])),
    ("I04", lambda plan: None),  # it is asked whether it does for a beginner
    ("I05", put("barbell_back_squat")),
    ("I06", put("handstand")),
    ("I07", lambda plan: item(plan).update(minutes=9.0)),
    ("I07", lambda plan: session(plan).update(minutes=45.0)),
    ("I08", longer_cardio),
    ("I09", lambda plan: plan["weeks"][0]["sessions"].pop()),
    ("I09", work_days),
    ("I10", hard_next_day),
    ("I11", lambda plan: session(plan)["items"].reverse()),
    ("I12", drop("warm")),
    ("I12", drop("cardio")),
    ("I12", lambda plan: item(plan, "cool").update(role="warm")),
    ("I13", drop("main", "pull")),
    ("I14", drop("main", "pull")),
    ("I15", lambda plan: [drop("main", "hip", number)(plan) for number in range(4)]),
    ("I16", every(0, sets=5)),
    ("I17", lambda plan: [item(plan, week=0).update(reps=3, seconds=None)]),
    ("I18", two_changes),
    ("I20", lambda plan: plan["weeks"][5].update(sessions=plan["weeks"][4]["sessions"])),
    ("I20", lambda plan: plan["weeks"][5].update(deload=False) or plan["weeks"].append(plan["weeks"][4] | {"number": 7})),
    ("I21", twice),
    ("I22", drop("main")),
    ("I23", no_balance),
    ("I24", lambda plan: item(plan, "cardio").update(effort=10)),
    ("I25", lambda plan: item(plan).update(rest_s=1)),
    ("I25", lambda plan: item(plan).update(reps=1, seconds=None)),
    ("I25", lambda plan: item(plan, "cardio").update(seconds=601)),
    ("I26", one_side_only),
    ("I28", lambda plan: plan.update(input_hash="0" * 64)),
    ("I28", lambda plan: plan.update(library_hash="0" * 64)),
    ("I28", lambda plan: plan.update(engine_version="0")),
    ("I39", lambda plan: plan.update(reassess_week=3)),
    ("I39", lambda plan: plan.update(weeks=plan["weeks"][:3])),
    ("I40", lambda plan: plan.update(bound=None)),
    ("I40", lambda plan: plan.update(objective=plan["objective"] // 2)),
    ("I42", lambda plan: item(plan).update(why=["I03", "I04", "I05"])),
    ("P04", every(0, sets=2)),
]  # fmt: skip


def test_the_plan_to_break_is_sound(sound: Plan) -> None:
    assert check(sound, ASKED, LIBRARY) == []


@pytest.mark.parametrize(("rule", "break_it"), BROKEN, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(BROKEN)])
def test_a_broken_rule_is_found(sound: Plan, rule: str, break_it: Callable[[Content], None]) -> None:
    content = sound.model_dump(mode="json")
    break_it(content)
    others = {
        "I04": spec(**_facts(["osteoporosis"]) | {"level": "beginner"}),
        "I24": spec(**_facts(["osteoporosis", "hypertension_controlled"])),
    }
    asked = others.get(rule, ASKED)
    assert rule in {found.rule for found in check(Plan.model_validate(content), asked, LIBRARY)}


def _facts(conditions: list[str]) -> dict[str, Any]:
    return {
        "region": "knee", "pain": 2, "level": "advanced", "days": 4, "minutes": 45, "age": 70,
        "conditions": frozenset(conditions),
    }  # fmt: skip


def test_a_spec_that_forgot_its_pain_is_found(sound: Plan) -> None:
    """The limits in a spec are checked too: a spec made by hand cannot smuggle a harder plan through."""
    forged = ASKED.model_copy(update={"severity": "severe", "pain": 9})
    rules = {found.rule for found in check(sound, forged, LIBRARY)}
    assert {"I03", "I04", "I31", "I28"} <= rules
