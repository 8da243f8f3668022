"""Doing a program: what was reported of a session, missed ones, and what a program learns from it. Pure rules."""
