"""Scores over attempts, and how far they have moved against the smallest change that matters."""

from collections.abc import Sequence

from domain.assessments.scoring import Change, ScaleScore, change
from domain.outcomes.records import Attempt, Felt, Instrument, Point


def matters(found: Change | None) -> bool | None:
    """Whether a change reaches a minimal important change, in points or as a part of the baseline; None where the
    instrument has neither, or there is nothing to compare. (The sources give both as ways to reach it: Ostelo 2008.)
    """
    reached = () if found is None else (found.beyond_absolute, found.beyond_relative)
    known = [each for each in reached if each is not None]
    return any(known) if known else None


def instruments(attempts: Sequence[Attempt]) -> tuple[Instrument, ...]:
    """Each scale of each template in the order it was first met, attempts oldest first. A scale of which no attempt has
    a value is left out. Changes are held against the first and the one before the latest that have a value.
    """
    found: dict[tuple[str, str], list[tuple[Attempt, ScaleScore]]] = {}
    for attempt in sorted(attempts, key=lambda each: (each.at, each.number)):
        for stored in attempt.scores:
            scale = ScaleScore.model_validate(stored)
            if scale.value is not None:
                found.setdefault((attempt.template, scale.id), []).append((attempt, scale))
    return tuple(_instrument(template, scored) for (template, _), scored in found.items())


def _instrument(template: str, scored: list[tuple[Attempt, ScaleScore]]) -> Instrument:
    scales = [scale for _, scale in scored]
    latest = scales[-1]
    return Instrument(
        template,
        latest,
        tuple(
            Point(attempt.at, float(scale.value or 0), attempt.number, scale.band_label and dict(scale.band_label))
            for attempt, scale in scored
        ),
        change(scales[0], latest) if len(scales) > 1 else None,
        change(scales[-2], latest) if len(scales) > 1 else None,
    )


def pain(felt: Sequence[Felt]) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """While doing sessions, and 24 hours later. A session of which nobody said is a gap, never a zero."""
    during = tuple(Point(each.at, each.during) for each in felt if each.during is not None)
    return during, tuple(Point(each.at, each.after) for each in felt if each.after is not None)
