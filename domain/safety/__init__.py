"""Who may not be given a program, and what a program must respect: red flags, pain, pregnancy, conditions."""

from domain.safety.rules import RedFlagRules

__all__ = ["RedFlagRules"]
