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
AgeBand = Literal["18-39", "40-64", "65+"]
Tier = Literal["none", "basic", "full_gym"]
Role = Literal["warm", "main", "cardio", "balance", "cool"]
Group = Literal["knee", "hip", "push", "pull", "core", "other"]

Equipment = Literal[
    "backpack", "band", "barbell", "bench", "bike", "bottle", "cable", "chair", "doorway", "dumbbell",
    "kettlebell", "loop_band", "machine", "pullup_bar", "rack", "rower", "stairs", "towel", "treadmill", "wall",
]  # fmt: skip
Muscle = Literal[
    "abdominals", "adductors", "biceps", "calves", "cardiovascular", "delts_ant", "delts_mid", "delts_post",
    "diaphragm", "erectors", "foot_intrinsics", "forearm_rot", "glute_max", "glute_med", "grip", "hamstrings",
    "hip_flexors", "lats", "mid_back", "neck_ext", "neck_flex", "obliques", "pecs", "peroneals", "quads",
    "rotator_cuff", "serratus", "tib_ant", "tib_post", "traps_lower", "traps_upper", "triceps", "tva", "wrist_ext",
    "wrist_flex",
]  # fmt: skip
Stress = Literal[
    "ankle_achilles_load", "balance_challenge", "breath_hold_strain", "floor_transfer", "grip_load",
    "head_below_heart", "hip_adduction_ir", "hip_deep_flexion", "impact", "knee_deep_flexion", "knee_load",
    "kneeling_pressure", "neck_load", "overhead", "prone", "shoulder_load", "spine_axial_load", "spine_extension",
    "spine_flexion", "spine_rotation", "supine", "wrist_weight_bearing",
]  # fmt: skip
Pattern = Literal[
    "ankle_df", "ankle_ev", "ankle_inv", "balance", "breathing", "calf", "cardio", "carry", "core_anti_ext",
    "core_anti_lat", "core_anti_rot", "core_flexion", "core_rotation", "elbow_ext", "elbow_flex", "foot",
    "forearm_rot", "grip", "hinge", "hip_abd", "hip_add", "hip_ext", "hip_flex", "knee_ext", "knee_flex",
    "lumbar_control", "lunge", "mobility_ankle", "mobility_extension", "mobility_hip", "mobility_knee",
    "mobility_neck", "mobility_shoulder", "mobility_spine", "mobility_thoracic", "mobility_wrist", "neck_flexors",
    "neck_iso", "neural", "plyometric", "pull_h", "pull_v", "push_h", "push_v", "scapular", "shoulder_er",
    "shoulder_ir", "shoulder_raise", "squat", "stretch_ankle", "stretch_hip", "stretch_knee", "stretch_neck",
    "stretch_shoulder", "stretch_spine", "stretch_wrist", "wrist_ext", "wrist_flex",
]  # fmt: skip
Kind = Literal["mobility", "activation", "stretch", "strength", "isometric", "power", "neural", "balance", "cardio"]
Position = Literal["supine", "sitting", "quadruped", "prone", "standing", "side_lying", "half_kneeling", "hanging"]
Laterality = Literal["bilateral", "alternating", "unilateral"]
Phase = Literal["protect", "restore", "build", "perform"]

# Movement groups of the session minimums and the weekly ratios. A pattern that is not here is "other".
GROUP_OF_PATTERN: dict[Pattern, Group] = {
    "squat": "knee", "lunge": "knee", "knee_ext": "knee", "knee_flex": "knee",
    "hinge": "hip", "hip_ext": "hip", "hip_abd": "hip", "hip_add": "hip", "hip_flex": "hip",
    "push_h": "push", "push_v": "push",
    "pull_h": "pull", "pull_v": "pull",
    "core_anti_ext": "core", "core_anti_rot": "core", "core_anti_lat": "core", "core_flexion": "core",
    "core_rotation": "core", "lumbar_control": "core", "carry": "core",
}  # fmt: skip
# Several joints at once: done before single-joint work, and worth more per minute.
COMPOUND_PATTERNS: frozenset[Pattern] = frozenset(
    {"squat", "lunge", "hinge", "push_h", "push_v", "pull_h", "pull_v", "carry", "plyometric"}
)
ROLE_OF_KIND: dict[Kind, Role] = {
    "mobility": "warm", "neural": "warm", "stretch": "cool", "balance": "balance", "cardio": "cardio",
    "activation": "main", "strength": "main", "isometric": "main", "power": "main",
}  # fmt: skip

HOUSEHOLD: frozenset[Equipment] = frozenset({"backpack", "bottle", "chair", "doorway", "stairs", "towel", "wall"})
BASIC: frozenset[Equipment] = HOUSEHOLD | {"band", "dumbbell", "loop_band"}
FULL_GYM: frozenset[Equipment] = BASIC | {
    "barbell", "bench", "bike", "cable", "kettlebell", "machine", "pullup_bar", "rack", "rower", "treadmill",
}  # fmt: skip
EQUIPMENT_OF_TIER: dict[Tier, frozenset[Equipment]] = {
    "none": HOUSEHOLD,
    "basic": BASIC,
    "full_gym": FULL_GYM,
}
