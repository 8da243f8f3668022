"""The packaged library is whole, and a broken one is refused with words that name what is broken."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain.programs.library import Library
from tests.domain.programs.making import LIBRARY


def content() -> dict[str, Any]:
    return LIBRARY.model_dump(mode="json")


def entry(data: dict[str, Any], exercise: str) -> dict[str, Any]:
    return next(found for found in data["exercises"] if found["id"] == exercise)


def refused(data: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        Library.model_validate(data)
    return str(caught.value)


def test_the_content_hash_follows_the_content_alone() -> None:
    again = Library.model_validate(content())
    assert again.content_hash == LIBRARY.content_hash
    changed = content()
    entry(changed, "plank")["level"] = 4
    assert Library.model_validate(changed).content_hash != LIBRARY.content_hash


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("pattern", "planking", "Input should be 'ankle_df'"),
        ("equipment", ["sofa"], "Input should be 'backpack'"),
        ("stress", {"overhead": 4}, "less than or equal to 3"),
        ("stress", {"floor_transfer": 1}, "plank: lies prone without the stress tag"),
        ("impact", 2, "plank: impact and its stress tag differ"),
        ("equipment", ["barbell"], "plank: equipment is not part of tier 0"),
        ("secondary_muscles", ["abdominals"], "plank: a muscle is both primary and secondary"),
        ("kind", "cardio", "plank: cardio, and only cardio, has a continuous dose"),
        ("progress_to", "nowhere", "plank: progress_to names nowhere, which does not exist"),
        ("progress_to", "calf_stretch", "plank: progress_to leads to calf_stretch, which fills another role"),
        ("progress_to", "plank_knees", "plank: progress_to goes the wrong way in level"),
        ("regress_to", "plank_shoulder_tap", "plank: regress_to goes the wrong way in level"),
        ("progress_to", "plank", "plank: progress_to runs in a circle"),
        ("cue", "", "at least 10 characters"),
        ("dose", {"type": "reps", "sets": 3, "seconds": 30, "rest_s": 45}, "a dose of reps needs reps"),
        ("dose", {"type": "hold", "sets": 3, "reps": 8, "rest_s": 45}, "a hold dose needs seconds"),
        ("video", "plank.mp4", "Extra inputs are not permitted"),
    ],
)
def test_a_broken_exercise_is_refused_by_name(field: str, value: Any, said: str) -> None:
    data = content()
    entry(data, "plank")[field] = value
    assert said in refused(data)


def test_two_exercises_cannot_share_an_id() -> None:
    data = content()
    entry(data, "plank")["id"] = "side_plank"
    assert "two exercises have the same id" in refused(data)


def test_worse_pain_cannot_allow_more() -> None:
    data = content()
    data["conditions"]["knee_pain_severe"]["max"]["knee_load"] = 3
    assert "knee_pain_severe: allows more knee_load than knee_pain_moderate" in refused(data)


def test_chains_join_everything_linked_by_progress() -> None:
    chain = LIBRARY.chain_of
    assert chain["goblet_squat"] == chain["sit_to_stand"] == chain["leg_press"]
    assert chain["goblet_squat"] != chain["push_up"]
    for exercise in LIBRARY.exercises:
        if exercise.progress_to is not None:
            assert chain[exercise.id] == chain[exercise.progress_to]
