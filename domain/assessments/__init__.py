"""Assessments: what is asked, what it scores, and what it means for a program."""

from domain.assessments.model import ENGINE_VERSION

__all__ = ["ENGINE_VERSION"]
