"""Closed vocabularies of the exercise library, shared by the assessment that asks and the program that uses.

A word that is not listed here does not exist: data files, answers and specs are refused when they use another.
"""

from typing import Literal

Region = Literal["lower_back", "neck", "shoulder", "elbow_wrist", "hip", "knee", "ankle", "general"]
Severity = Literal["mild", "moderate", "severe"]
Level = Literal["beginner", "intermediate", "advanced"]
Goal = Literal["reduce_pain", "improve_mobility", "build_strength", "return_to_sport", "general_fitness"]
Sex = Literal["female", "male", "other"]
Minutes = Literal[20, 30, 45, 60]
Tier = Literal["none", "basic", "full_gym"]
Equipment = Literal[
    "backpack", "band", "barbell", "bench", "bike", "bottle", "cable", "chair", "doorway", "dumbbell",
    "kettlebell", "loop_band", "machine", "pullup_bar", "rack", "rower", "stairs", "towel", "treadmill", "wall",
]  # fmt: skip
