"""A program as a CarePlan."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, get_args
from uuid import UUID

import pytest

from domain.fhir import CarePlanIds, export_program
from domain.fhir.care_plan import ACTIVITIES, GOALS
from domain.programs.vocabulary import Goal
from domain.records import Prescribed, Program, Session
from domain.sessions.state import Status as SessionStatus

Json = dict[str, Any]
IDS = CarePlanIds(bundle=UUID(int=1), care_plan=UUID(int=2), goal=UUID(int=3))


def line(position: int, reps: int | None, seconds: int | None, **rest: Any) -> Prescribed:
    fields: Json = {
        "cue": "Keep it slow.",
        "role": "main",
        "sets": 3,
        "rest_s": 60,
        "minutes": 6.25,
        "effort": 5,
        "why": [],
    }
    return Prescribed(
        position=position, exercise="sit_to_stand", name="Sit to stand", reps=reps, seconds=seconds, **fields | rest
    )


PROGRAM = Program(
    id=UUID(int=10), user_id=UUID(int=11), assessment_id=UUID(int=12), status="active", weeks=6,
    start_on=date(2026, 3, 2), spec={"goal": "build_strength"}, proof={}, input_hash="i", library_hash="l",
    engine_version="1.0.0", created_at=datetime(2026, 3, 1, 8, tzinfo=UTC),
    sessions=[
        Session(UUID(int=20), 1, 1, False, date(2026, 3, 3), 30.5, [line(1, 10, None), line(2, None, 45, rest_s=0, effort=None, cue="")]),
        Session(UUID(int=21), 4, 2, True, date(2026, 3, 27), 20, [line(1, 8, None)]),
    ],
)  # fmt: skip


def exported(program: Program = PROGRAM) -> Json:
    return export_program(program, IDS, subject="Patient/1", author="Practitioner/2")


def care_plan(program: Program = PROGRAM) -> Json:
    plan: Json = exported(program)["entry"][0]["resource"]
    return plan


def test_one_care_plan_and_its_goal() -> None:
    bundle = exported()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
    assert [entry["resource"]["resourceType"] for entry in bundle["entry"]] == ["CarePlan", "Goal"]
    assert [entry["fullUrl"] for entry in bundle["entry"]] == [f"urn:uuid:{IDS.care_plan}", f"urn:uuid:{IDS.goal}"]
    plan, goal = (entry["resource"] for entry in bundle["entry"])
    assert plan["goal"] == plan["activity"][0]["detail"]["goal"] == [{"reference": f"urn:uuid:{IDS.goal}"}]
    assert goal["description"] == {"text": "Getting stronger"}
    assert plan["period"] == {"start": "2026-03-02", "end": "2026-04-12"}
    assert goal["target"] == [{"dueDate": "2026-04-12"}]


def test_an_activity_for_each_session() -> None:
    first, second = (activity["detail"] for activity in care_plan()["activity"])
    assert first["scheduledString"] == "Week 1, Tuesday 2026-03-03"
    assert first["quantity"] == {"value": 30.5, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"}
    assert first["description"] == (
        "1. Sit to stand: 3 x 10, rest 60 s, effort 5 of 10. Keep it slow.\n2. Sit to stand: 3 x 45 s"
    )
    assert second["code"] == {"text": "Exercise session 2 of week 4, lighter week"}


def test_each_line_in_numbers() -> None:
    lines = care_plan()["activity"][0]["detail"]["extension"]
    numbers = [
        {part["url"]: part["valueQuantity"]["value"] for part in entry["extension"] if "valueQuantity" in part}
        for entry in lines
    ]
    assert numbers == [
        {"sets": 3, "repetitions": 10, "rest": 60, "effort": 5, "duration": 6.25},
        {"sets": 3, "hold": 45, "rest": 0, "duration": 6.25},
    ]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("active", "active"),
        ("pending_review", "draft"),
        ("archived", "revoked"),
        ("paused_safety", "on-hold"),
        ("ended", "completed"),
        ("?", "unknown"),
    ],
)
def test_the_status(status: str, expected: str) -> None:
    assert care_plan(replace(PROGRAM, status=status))["status"] == expected


@pytest.mark.parametrize("status", list(ACTIVITIES))
def test_what_has_become_of_a_session(status: str) -> None:
    sessions = [replace(each, status=status) for each in PROGRAM.sessions]
    details = [each["detail"]["status"] for each in care_plan(replace(PROGRAM, sessions=sessions))["activity"]]
    assert details == [ACTIVITIES[status]] * 2
    assert ACTIVITIES.keys() == {*get_args(SessionStatus)}


def test_the_same_program_is_the_same_bytes() -> None:
    assert json.dumps(exported()) == json.dumps(exported())


def test_every_goal_has_words() -> None:
    assert GOALS.keys() == {*get_args(Goal)}
