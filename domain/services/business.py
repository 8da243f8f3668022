"""How a business wants FFP to work for it."""

from dataclasses import dataclass
from typing import Any

from domain.members import DAYS
from domain.ports import UnitOfWork
from domain.safety.rules import PainThresholds
from domain.sessions.missed import DEFAULT, Strategy

REVIEW = "require_assessment_review"
THRESHOLDS = "pain_thresholds"
INVITATION_DAYS = "invitation_days"
CONSENT = "require_consent"
MISSED = "missed_sessions"


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds now: the business's own choice, or the default where it has made none."""

    require_assessment_review: bool
    pain_thresholds: PainThresholds
    require_consent: bool
    invitation_days: int
    missed_sessions: Strategy


def read(uow: UnitOfWork) -> Settings:
    return _settings(uow.business.settings())


def change(uow: UnitOfWork, changes: dict[str, Any]) -> Settings:
    """Set what `changes` names; None goes back to the default. Programs and scores that exist stay as they are."""
    return _settings(uow.business.change(changes) if changes else uow.business.settings())


def _settings(stored: dict[str, Any]) -> Settings:
    thresholds = PainThresholds.model_validate(stored.get(THRESHOLDS, {}))
    return Settings(
        stored.get(REVIEW, True),
        thresholds,
        stored.get(CONSENT, False),
        stored.get(INVITATION_DAYS, DAYS),
        stored.get(MISSED, DEFAULT),
    )
