"""The numbers of a program, in one place. Marked [S] seen in a source, [P] a policy of this project.

The checker keeps its own copy on purpose: a slip here must not pass unnoticed.
"""

from domain.programs.vocabulary import Goal, Level, Minutes, Muscle, Region, Severity

# How much work a person is given, from least (0) to most (4): experience raises it, pain lowers it [P].
GRADE: dict[Level, dict[Severity, int]] = {
    "beginner": {"mild": 2, "moderate": 1, "severe": 0},
    "intermediate": {"mild": 3, "moderate": 2, "severe": 0},
    "advanced": {"mild": 4, "moderate": 3, "severe": 0},
}

# Role counts of one session by its length [P, adherence]. Fixed, not ranges, for everything but the main work:
# then the number of sets of a whole week depends on the grade alone, and more pain can never mean more of them.
MAIN_COUNT: dict[Minutes, tuple[int, int]] = {20: (3, 4), 30: (5, 6), 45: (6, 8), 60: (6, 9)}
WARM_COUNT: dict[Minutes, int] = {20: 2, 30: 2, 45: 3, 60: 3}
COOL_COUNT: dict[Minutes, int] = {20: 1, 30: 1, 45: 2, 60: 2}
WARM_SETS: dict[Minutes, int] = {20: 1, 30: 1, 45: 2, 60: 2}
# ACSM 2011: about 60 s a stretch, both sides, in total; twenty minutes leave room for half of it.
COOL_SETS: dict[Minutes, int] = {20: 1, 30: 2, 45: 2, 60: 2}
BALANCE_SETS = 2
# Sessions (from 0) with balance work: three days a week (WHO 2020), or all if fewer; of five days, every other one.
BALANCE_SESSIONS: dict[int, tuple[int, ...]] = {2: (0, 1), 3: (0, 1, 2), 4: (0, 1, 2), 5: (0, 2, 4)}
CARDIO_MINUTES: dict[Minutes, tuple[int, int]] = {20: (2, 30), 30: (3, 30), 45: (5, 30), 60: (8, 36)}

# A fifth day is for mobility and cardio (clinical rules, section 5): no main work, so the week's volume is that of
# four days. Mobility opens the session, stretches close it when the body is warm, cardio fills what is left.
STRENGTH_DAYS: dict[int, int] = {2: 2, 3: 3, 4: 4, 5: 4}
MOBILITY_COUNT: dict[Minutes, int] = {20: 3, 30: 4, 45: 6, 60: 7}
MOBILITY_SETS: dict[Minutes, int] = {20: 1, 30: 2, 45: 2, 60: 2}
STRETCH_COUNT: dict[Minutes, int] = {20: 2, 30: 2, 45: 3, 60: 5}
STRETCH_SETS: dict[Minutes, int] = {20: 1, 30: 2, 45: 2, 60: 2}
LONG_CARDIO_S = 600  # the library's dose of cardio that may fill such a day
MOBILITY_CARDIO_MINUTES: dict[Minutes, tuple[int, int]] = {20: (5, 30), 30: (5, 30), 45: (10, 36), 60: (12, 36)}

# Main sets of an average session, by grade. Neighbouring ranges only touch, so a lower grade never works more.
MAIN_SETS: dict[Minutes, tuple[tuple[int, int], ...]] = {
    20: ((6, 6), (6, 7), (7, 7), (7, 8), (8, 9)),
    30: ((10, 11), (11, 12), (12, 13), (13, 14), (14, 16)),
    45: ((12, 13), (13, 14), (14, 16), (16, 18), (18, 21)),
    60: ((15, 16), (16, 17), (17, 19), (19, 22), (22, 26)),
}
SETS_OF_AN_EXERCISE: tuple[tuple[int, int], ...] = ((2, 2), (2, 2), (2, 3), (2, 3), (2, 3))

# Share of the library's reps or seconds that the peak week reaches, in percent [P].
PEAK_SHARE: dict[Severity, int] = {"mild": 100, "moderate": 85, "severe": 65}
LEAST_SHARE = 35  # when fewer reps are needed to stay below the volume of a milder pain
SHARE_STEP = 5
START_SHARE = 75  # of the peak, in the first week

REGIONAL_PER_SESSION: dict[Minutes, int] = {20: 1, 30: 2, 45: 2, 60: 2}
GROUPS_FROM_MINUTES = 30  # from this length each session holds knee, hip, push, pull and core
PATTERN_PER_SESSION = 2
# Different main exercises in a week: about two sessions' worth, few enough to learn [P].
MOST_DIFFERENT: dict[Minutes, int] = {20: 12, 30: 12, 45: 16, 60: 18}
SESSION_CAP_HALVES = 20  # 10 fractional sets of one muscle in a session
WEEK_CAP_HALVES: dict[Level, int] = {"beginner": 24, "intermediate": 32, "advanced": 40}  # 12, 16, 20 sets

# Effort 0-10; reps in reserve = 10 - effort for the main work. From HARD on a muscle needs 48 h before it is met again.
MAIN_EFFORT: dict[Severity, dict[Level, int]] = {
    "mild": {"beginner": 7, "intermediate": 8, "advanced": 9},
    "moderate": {"beginner": 6, "intermediate": 6, "advanced": 6},
    "severe": {"beginner": 4, "intermediate": 4, "advanced": 4},
}
HARD = 8
CARDIO_EFFORT: dict[Severity, int] = {"mild": 5, "moderate": 4, "severe": 3}
BALANCE_EFFORT: dict[Severity, int] = {"mild": 4, "moderate": 4, "severe": 3}
ACTIVATION_EFFORT = 6  # waking a muscle up is never hard work, at any level
EASY_EFFORT = 2  # warm-up and cool-down
DELOAD_EASIER = 2

# Days of the week (0 = Monday) that keep the sessions as far apart as they go.
WEEKDAYS: dict[int, tuple[int, ...]] = {2: (0, 3), 3: (0, 2, 4), 4: (0, 1, 3, 4), 5: (0, 1, 3, 4, 5)}
LOADING_WEEKS = 5
REASSESS_WEEK = 6  # within 4-6 weeks [P]; the deload week, when fatigue does not colour the answers

# Half-sets a week that make a muscle "covered": 4 sets are the useful minimum (Pelland 2025) [S].
COVERED_HALVES = 8
REGIONAL_COVERED_HALVES = 12
ALWAYS_COVERED: tuple[Muscle, ...] = (
    "quads", "hamstrings", "glute_max", "glute_med", "pecs", "lats", "mid_back", "abdominals", "obliques", "erectors",
    "calves",
)  # fmt: skip
MUSCLES_OF_REGION: dict[Region, tuple[Muscle, ...]] = {
    "lower_back": ("abdominals", "erectors", "glute_max", "obliques"),
    "neck": ("neck_flex", "neck_ext", "mid_back", "traps_lower"),
    "shoulder": ("rotator_cuff", "serratus", "mid_back", "traps_lower"),
    "elbow_wrist": ("wrist_ext", "wrist_flex", "biceps", "triceps"),
    "hip": ("glute_med", "glute_max", "adductors", "hip_flexors"),
    "knee": ("quads", "hamstrings", "glute_med", "calves"),
    "ankle": ("calves", "peroneals", "tib_ant", "foot_intrinsics"),
    "general": (),
}

# Worth of one set of an exercise, summed; of a further distinct exercise; of a half-set towards coverage [P].
FIT_FLOOR = 10
FIT_REGIONAL = 12
FIT_COMPOUND = 4
FIT_EQUIPMENT = 3
FIT_LEVEL = 12  # less FIT_LEVEL_STEP for each level below the ceiling: an athlete is not given wall push-ups
FIT_LEVEL_STEP = 3
FIT_GOAL = 3
WORTH_DISTINCT = 15
WORTH_HALF_SET = 30

# In this order, one after the other, a week that cannot be built otherwise may give up a rule. Never I03-I06.
RELAXATION_ORDER: tuple[str, ...] = ("P01", "I15", "I14", "I22", "I13", "I12", "I08")

GOAL_KINDS: dict[Goal, tuple[str, ...]] = {
    "reduce_pain": ("activation", "isometric"),
    "improve_mobility": ("activation",),
    "build_strength": ("strength",),
    "return_to_sport": ("strength", "power"),
    "general_fitness": ("strength", "power"),
}
