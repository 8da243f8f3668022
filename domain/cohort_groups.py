"""Figures of groups of members, of which none tells of fewer than five people, by itself or by subtraction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from domain.cohorts import Closed, SavedFilter, ScaleOf

FEWEST = 5  # people of whom a figure may tell

GroupBy = Literal["template", "clinician", "month"]


class CohortQuery(Closed):
    """`template`: what was handed in last. `clinician`: who reviewed the newest reviewed program. `month`: in which the
    first answers were handed in (UTC). Each member is in one group, or in that of nobody.
    """

    filter: SavedFilter = Field(default=SavedFilter(), examples=[{"status": ["active"]}])
    group_by: GroupBy
    changes: Annotated[tuple[ScaleOf, ...], Field(max_length=5)] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """Of one measure in one group: how many have a value, and the parts of the figure, each a sum over them."""

    known: int
    parts: tuple[int, ...]

    def plus(self, other: "Tally") -> "Tally":
        return Tally(self.known + other.known, tuple(map(sum, zip(self.parts, other.parts, strict=True))))


@dataclass(frozen=True, slots=True)
class Group:
    """`key` None: of nobody. `people` and a tally a measure are there as counted; as told, None is what is not told."""

    key: str | None
    people: int | None
    tallies: tuple[Tally | None, ...]


def told(groups: Sequence[Group]) -> tuple[list[Group], Group]:
    """The groups and their total, without what would tell of fewer than five.

    A group of one to four is hidden, and so is a measure of which a group knows one to four values. The total less what
    is shown is what is hidden; so the smallest shown ones are hidden as well until at least two are, of five people
    together; where that cannot be had the total is hidden instead. Each measure is looked at by itself in the same way,
    and what is hidden as a group is hidden in each of its measures.
    """
    people = {place: group.people or 0 for place, group in enumerate(groups)}
    hidden, total_shown = _hidden(people, frozenset())
    width = len(groups[0].tallies) if groups else 0
    measures = []
    for number in range(width):
        column = [each for group in groups if (each := group.tallies[number]) is not None]
        gone, shown = _hidden({place: each.known for place, each in enumerate(column)}, hidden)
        total = column[0]
        for each in column[1:]:
            total = total.plus(each)
        measures.append((column, gone, total if shown and total_shown else None))
    shown_groups = [
        Group(
            group.key,
            None if place in hidden else group.people,
            tuple(None if place in gone else column[place] for column, gone, _ in measures),
        )
        for place, group in enumerate(groups)
    ]
    return shown_groups, Group(None, sum(people.values()) if total_shown else None, tuple(t for _, _, t in measures))


def _hidden(counts: Mapping[int, int], already: frozenset[int]) -> tuple[frozenset[int], bool]:
    """What is hidden, and whether the total may be shown."""
    hidden = set(already) | {place for place, count in counts.items() if 0 < count < FEWEST}
    left = sorted((place for place in counts if place not in hidden and counts[place]), key=lambda p: (counts[p], p))
    while hidden and left and not _safe(counts, hidden):
        hidden.add(left.pop(0))
    total = sum(counts.values())
    return frozenset(hidden), (total == 0 or total >= FEWEST) and (not hidden or _safe(counts, hidden))


def _safe(counts: Mapping[int, int], hidden: set[int]) -> bool:
    """Not one group's figures alone: two that have people, five of them together."""
    having = [counts[place] for place in hidden if counts[place]]
    return len(having) > 1 and sum(having) >= FEWEST
