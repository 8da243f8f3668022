"""Who is referred, who is not, and what shapes the program."""

from typing import Any, get_args

import pytest

from domain.assessments.completion import complete
from domain.assessments.results import ProfileIncomplete, profile_of, result_of
from domain.programs.spec import LADDER_OF_REGION
from domain.programs.vocabulary import Region, Severity
from domain.safety.lint import lint_safety
from domain.safety.questions import flags_of
from domain.safety.rules import LEVELS, REFERRING, PainThresholds
from infra.content import load_library
from tests.domain.assessments.people import RULES, TEMPLATES, TODAY, healthy, result_for

TEMPLATE_OF = {template.feeds.region: template.id for template in TEMPLATES.values()}
ASKED = [
    pytest.param(TEMPLATE_OF[region], flag, id=f"{region}-{flag.id}")
    for region in get_args(Region)
    for flag in flags_of(RULES, region)
    if f"rf_{flag.id}" in TEMPLATES[TEMPLATE_OF[region]].asked
]


@pytest.mark.parametrize(("template_id", "flag"), ASKED)
def test_a_sign_leads_where_its_level_says(template_id: str, flag: Any) -> None:
    screening = result_for(template_id, **{f"rf_{flag.id}": "yes"}, pregnancy_term="t2_t3").screening
    assert flag.id in screening.flags
    assert screening.level == flag.level
    assert (screening.outcome == "referral") == (flag.level in REFERRING)
    assert (screening.advice_key is not None) == (flag.level in REFERRING)


@pytest.mark.parametrize(("template_id", "flag"), ASKED)
def test_not_sure_is_yes_where_waiting_could_harm(template_id: str, flag: Any) -> None:
    screening = result_for(template_id, **{f"rf_{flag.id}": "not_sure"}).screening
    assert screening.outcome != "clear"
    if flag.level in ("emergency", "urgent"):
        assert (screening.outcome, screening.level) == ("referral", flag.level)
    elif flag.level != "modify":
        assert flag.id in screening.unresolved


@pytest.mark.parametrize(("template_id", "flag"), ASKED)
def test_unanswered_never_clears(template_id: str, flag: Any) -> None:
    screening = result_for(template_id, **{f"rf_{flag.id}": None}).screening
    assert screening.outcome == ("referral" if flag.level in ("emergency", "urgent") else "modify")


def test_a_healthy_person_is_clear() -> None:
    for template_id in TEMPLATES:
        screening = result_for(template_id).screening
        assert (screening.outcome, screening.level, screening.flags) == ("clear", None, ())


def test_the_gravest_flag_gives_the_advice() -> None:
    screening = result_for(rf_weight_loss="yes", rf_fever_unwell="yes", rf_ces_saddle="yes").screening
    assert screening.flags[0] == "ces_saddle"
    assert (screening.level, screening.advice_key) == ("emergency", "emergency_cauda_equina")
    assert screening.advice is not None
    assert "hospital" in screening.advice["en"]


@pytest.mark.parametrize(
    ("changes", "flag", "level"),
    [
        ({"rf_cancer_history": "yes", "rf_weight_loss": "yes"}, "cancer_cluster", "urgent"),
        ({"rf_cancer_history": "not_sure", "rf_night_constant": "yes"}, "cancer_cluster", "urgent"),
        (
            {"rf_cancer_history": "yes", "first_episode": "yes", "date_of_birth": "1976-03-01"},
            "cancer_cluster",
            "urgent",
        ),
        ({"rf_immune_iv": "yes", "rf_fever_unwell": "yes"}, "infection_cluster", "emergency"),
    ],
)
def test_signs_that_mean_more_together(changes: dict[str, str], flag: str, level: str) -> None:
    screening = result_for(**changes).screening
    assert flag in screening.flags
    assert (screening.outcome, screening.level) == ("referral", level)


def test_one_sign_of_a_cluster_is_only_noted() -> None:
    for changes in ({"rf_cancer_history": "yes"}, {"first_episode": "yes", "date_of_birth": "1970-01-01"}):
        assert result_for(**changes).screening.outcome == "clear"
    older = result_for(first_episode="yes", date_of_birth="1970-01-01").screening
    assert older.flags == ("first_lbp_50",)
    assert older.level == "context"


@pytest.mark.parametrize(("born", "outcome"), [("2008-03-01", "clear"), ("2008-03-02", "referral")])
def test_under_18_is_for_a_clinician(born: str, outcome: str) -> None:
    screening = result_for(date_of_birth=born).screening
    assert screening.outcome == outcome
    assert screening.advice_key == ("review_age" if outcome == "referral" else None)


@pytest.mark.parametrize(
    ("now", "duration", "referred"),
    [
        (8, "lt_2_weeks", True),
        (10, "lt_2_weeks", True),
        (7, "lt_2_weeks", False),
        (8, "2_to_6_weeks", False),
        (8, None, True),
    ],
)
def test_very_strong_new_pain_is_looked_at_first(now: int, duration: str | None, referred: bool) -> None:
    screening = result_for(nprs_now=now, symptom_duration=duration).screening
    assert (screening.outcome == "referral") == referred
    assert ("pain_gate" in screening.flags) == referred


@pytest.mark.parametrize(
    ("pain", "severity", "cap", "conditions"),
    [
        (0, "mild", 5, set()),
        (3, "mild", 5, {"lbp_mild"}),
        (4, "moderate", 3, {"lbp_mild", "lbp_moderate"}),
        (5, "moderate", 3, {"lbp_mild", "lbp_moderate"}),
        (6, "severe", 1, {"lbp_mild", "lbp_moderate", "lbp_severe"}),
        (10, "severe", 1, {"lbp_mild", "lbp_moderate", "lbp_severe"}),
    ],
)
def test_pain_sets_severity_and_lowers_the_ceiling(pain: int, severity: str, cap: int, conditions: set[str]) -> None:
    screening = result_for(nprs_now=0, nprs_average=pain).screening
    assert (screening.severity, screening.level_cap, {*screening.conditions}) == (severity, cap, conditions)
    assert screening.reassess_days == (7 if severity == "severe" else None)


@pytest.mark.parametrize(
    ("experience", "pain", "level"),
    [
        ("advanced", 3, "advanced"),
        ("advanced", 4, "intermediate"),
        ("intermediate", 5, "intermediate"),
        ("beginner", 5, "beginner"),
        ("advanced", 6, "beginner"),
    ],
)
def test_pain_lowers_the_experience_that_counts(experience: str, pain: int, level: str) -> None:
    template = TEMPLATES["hip-pain"]
    done = complete(template, healthy(template, experience=experience, nprs_average=pain), TODAY)
    assert profile_of(template, done, result_of(template, done, RULES)).level == level


def test_a_tenant_may_draw_the_pain_lines_elsewhere() -> None:
    template = TEMPLATES["knee-pain"]
    done = complete(template, healthy(template, nprs_now=4), TODAY)
    wider = PainThresholds(moderate=5, severe=8, review_at_rest=9)
    assert result_of(template, done, RULES).screening.severity == "moderate"
    assert result_of(template, done, RULES, wider).screening.severity == "mild"
    with pytest.raises(ValueError, match="pain thresholds rise"):
        PainThresholds(moderate=6, severe=5)


@pytest.mark.parametrize(
    ("changes", "conditions"),
    [
        ({"conditions": ["osteoporosis", "cannot_kneel"]}, {"osteoporosis", "cannot_kneel"}),
        ({"rf_pregnancy_ok": "yes", "pregnancy_term": "t1"}, {"pregnancy_t1"}),
        ({"rf_pregnancy_ok": "yes", "pregnancy_term": "t2_t3"}, {"pregnancy_t2_t3"}),
        ({"rf_pregnancy_ok": "not_sure", "pregnancy_term": None}, {"pregnancy_t2_t3"}),
        ({"sex": "male", "rf_pregnancy_ok": "yes"}, set()),
    ],
)
def test_conditions_reach_the_program(changes: dict[str, Any], conditions: set[str]) -> None:
    screening = result_for("shoulder-pain", **changes).screening
    assert {*screening.conditions} == conditions
    assert screening.outcome == ("modify" if conditions else "clear")


@pytest.mark.parametrize(
    ("answers", "outcome", "intensity", "flags"),
    [
        (("no", "no", "no"), "clear", "moderate", ()),
        (("no", "yes", "no"), "referral", "none_until_cleared", ("cv_metab_renal",)),
        (("no", "no", "yes"), "referral", "none_until_cleared", ("acsm_symptoms",)),
        (("no", "yes", "yes"), "referral", "none_until_cleared", ("acsm_symptoms",)),
        (("yes", "no", "no"), "clear", "vigorous", ()),
        (("yes", "yes", "no"), "modify", "moderate", ()),
        (("yes", "no", "yes"), "referral", "none_until_cleared", ("acsm_symptoms",)),
        (("yes", "yes", "yes"), "referral", "none_until_cleared", ("acsm_symptoms",)),
        (("not_sure", "yes", "no"), "referral", "none_until_cleared", ("cv_metab_renal",)),
        (("yes", "not_sure", "no"), "modify", "moderate", ()),
        (("yes", "no", "not_sure"), "referral", "none_until_cleared", ("acsm_symptoms",)),
    ],
)
def test_the_acsm_table(answers: tuple[str, ...], outcome: str, intensity: str, flags: tuple[str, ...]) -> None:
    links = dict(zip(("acsm_active", "acsm_disease", "acsm_symptoms"), answers, strict=True))
    screening = result_for("general-fitness", **links).screening
    assert (screening.outcome, screening.max_intensity, screening.flags) == (outcome, intensity, flags)
    assert ("cardiac_cleared" in screening.conditions) == (outcome == "modify")


def test_a_weak_chair_stand_is_a_falls_risk() -> None:
    weak = {"date_of_birth": "1955-01-01", "chair_stand_done": True, "chair_stand_arms": False, "chair_stands": 9}
    assert "falls_risk" in result_for("general-fitness", **weak).screening.conditions
    assert "falls_risk" not in result_for("general-fitness", **weak | {"chair_stands": 10}).screening.conditions
    assert "falls_risk" in result_for("general-fitness", **weak | {"chair_stand_arms": True}).screening.conditions
    younger = weak | {"date_of_birth": "1990-01-01"}
    assert "falls_risk" not in result_for("general-fitness", **younger).screening.conditions


def test_painful_areas_bring_the_ladder_of_their_region() -> None:
    screening = result_for("general-fitness", nprs_now=6, pain_areas=["knee", "hip"]).screening
    knee = {"knee_pain_mild", "knee_pain_moderate", "knee_pain_severe"}
    assert {*screening.conditions} == knee | {"hip_pain_moderate", "hip_pain_severe"}


def test_the_ladders_have_every_rung_there_is_a_rule_for() -> None:
    """A painful area beside the assessed region is held to the same rules as the region itself."""
    known = load_library().conditions.keys()
    for region, steps in RULES.pain_gate.conditions.items():
        rungs = {s: f"{LADDER_OF_REGION[region]}_{s}" for s in get_args(Severity)}
        assert steps == {s: name for s, name in rungs.items() if name in known}


def test_a_referral_has_no_profile() -> None:
    template = TEMPLATES["low-back-pain"]
    done = complete(template, healthy(template, rf_chest_pain="yes"), TODAY)
    with pytest.raises(ProfileIncomplete):
        profile_of(template, done, result_of(template, done, RULES))


def test_levels_of_the_file_are_all_explained() -> None:
    assert {*RULES.levels} == {*LEVELS}
    assert all({"en", "es"} <= text.keys() for text in RULES.advice.values())
    assert all({"en", "es"} <= flag.text.keys() for flag in RULES.items)


def test_a_template_that_leaves_a_flag_out_is_found() -> None:
    template = TEMPLATES["low-back-pain"]
    hip = template.model_copy(update={"regions": ("hip",)})
    assert {found.where for found in lint_safety(hip, RULES)} >= {"rf_calf_dvt", "rf_hot_joint"}
