"""A clinician's changes to a plan, without a database."""

import re
from pathlib import Path

import pytest

from domain.programs import checking
from domain.programs.changes import Change
from domain.programs.checker import check
from domain.programs.editing import edit
from domain.programs.explain import sentence
from domain.programs.generator import generate
from domain.programs.plan import Item, Plan
from domain.programs.refusals import REFUSALS
from tests.domain.programs.making import LIBRARY, OWNED, spec


@pytest.fixture(scope="module")
def plan() -> Plan:
    return generate(spec(region="lower_back", pain=4, level="intermediate", equipment=OWNED["basic"]), LIBRARY)


def items(plan: Plan, session: int, position: int) -> list[Item]:
    return [week.sessions[session - 1].items[position - 1] for week in plan.weeks]


def first(plan: Plan, role: str) -> int:
    return next(place for place, item in enumerate(plan.weeks[0].sessions[0].items, 1) if item.role == role)


def test_every_rule_of_the_checker_has_words_for_whoever_broke_it() -> None:
    folder = Path(checking.__file__).parent
    rules = {rule for path in folder.glob("*.py") for rule in re.findall(r'Violation\("(\w+)"', path.read_text())}
    assert rules == set(REFUSALS)


def test_a_change_of_every_week_or_of_one(plan: Plan) -> None:
    place = first(plan, "main")
    easier, refused = edit(plan, [Change(1, place, effort=5), Change(1, place, week=3, rest_s=200)], LIBRARY)
    assert [refusal.code for refusal in refused if refusal.code != "I18"] == []  # rest and effort, week by week
    assert [item.effort for item in items(easier, 1, place)] == [5] * 6
    assert [item.rest_s == 200 for item in items(easier, 1, place)] == [False, False, True, False, False, False]
    assert all(sentence(item.why[-1]) == "was changed by a clinician" for item in items(easier, 1, place))
    assert easier.weeks[0].sessions[1:] == plan.weeks[0].sessions[1:]


def test_a_longer_rest_is_a_clinicians_to_give_and_takes_its_time(plan: Plan) -> None:
    place = first(plan, "main")
    before = items(plan, 1, place)[0]
    rested, refused = edit(plan, [Change(1, place, rest_s=before.rest_s + 15)], LIBRARY)
    assert refused == []
    after = items(rested, 1, place)[0]
    assert (after.minutes - before.minutes) * 4 == (before.sets - 1)
    without = after.model_copy(update={"why": before.why})
    session = rested.weeks[0].sessions[0]
    swapped = session.model_copy(update={"items": tuple(without if i is after else i for i in session.items)})
    week = rested.weeks[0].model_copy(update={"sessions": (swapped, *rested.weeks[0].sessions[1:])})
    unsaid = rested.model_copy(update={"weeks": (week, *rested.weeks[1:])})
    assert "I25" in {violation.rule for violation in check(unsaid, unsaid.spec, LIBRARY)}


def test_a_swap_keeps_the_share_of_the_dose(plan: Plan) -> None:
    place = first(plan, "main")
    old = LIBRARY.by_id[items(plan, 1, place)[0].exercise]
    for new in LIBRARY.exercises:
        if new.role != "main" or new is old:
            continue
        for before, after in zip(
            items(plan, 1, place),
            items(edit(plan, [Change(1, place, exercise=new.id)], LIBRARY)[0], 1, place),
            strict=True,
        ):
            full, size = new.dose.reps or new.dose.seconds or 0, after.reps or after.seconds or 0
            old_full, old_size = old.dose.reps or old.dose.seconds or 0, before.reps or before.seconds or 0
            assert full <= 4 * size <= 4 * full
            assert 0 <= size / full - old_size / old_full < 1 / full
            assert (after.sets, after.effort, after.rest_s) == (before.sets, before.effort, new.dose.rest_s)


def test_no_change_is_no_edit(plan: Plan) -> None:
    place = first(plan, "main")
    item = items(plan, 1, place)[0]
    assert edit(
        plan, [Change(1, place, effort=item.effort, week=1), Change(1, place, exercise=item.exercise)], LIBRARY
    ) == (plan, [])
