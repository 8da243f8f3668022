"""I01 to I42: what each says of a program, and the check that finds it broken. Used by the worker before it stores, by
`ffp program check` and by the tests.

A check sees what it needs: one plan; a plan before and after a change; a stored program with what stands around it; an
order of sessions before and after they moved; or two plans, for two people or made twice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from domain.programs.checker import check as of_plan
from domain.programs.checking.adapted import check_adapted as of_change
from domain.programs.checking.facts import Facts, Violation, work_seconds
from domain.programs.library import Library
from domain.programs.plan import Plan
from domain.sessions.missed import Place

__all__ = ["INVARIANTS", "Stored", "of_change", "of_moved", "of_plan", "of_stored"]

PROOF = frozenset({"solver", "objective", "bound", "gap", "relaxed", "reassess_week"})
HIDDEN = frozenset({"pending_review", "rejected"})


@dataclass(frozen=True, slots=True)
class Stored:
    """A program's row and what the database holds around it, all as its own tenant sees it.

    `outcome` is that of the screening it was made from; `planned_on` the days its sessions were made for, in their
    order; `of_submission` how many programs its submission has, `active` how many of its person are active or paused;
    `sessions` and `lines` pairs of (there, expected); `seen_by_member` whether its person may read it.
    """

    status: str
    outcome: Literal["clear", "modify", "referral"]
    job_status: str
    job_names_it: bool
    made_on: date
    planned_on: Sequence[date]
    of_submission: int
    active: int
    sessions: tuple[int, int]
    lines: tuple[int, int]
    seen_by_member: bool
    hashes: Sequence[str]
    proof: Mapping[str, Any]


def of_stored(stored: Stored) -> Iterator[Violation]:
    """I01, I02, I09, I27-I30, I41."""
    days, here = stored.planned_on, (stored.sessions, stored.lines)
    says_all = all(stored.hashes) and stored.proof.keys() >= PROOF
    succeeded = stored.job_status == "succeeded" and stored.job_names_it
    found = {
        "I01": (stored.outcome == "referral", "was made although the screening refers"),
        "I02": (not succeeded, "its job did not succeed with it"),
        "I09": (
            not _increasing(stored.made_on, days),
            "the days of its sessions do not increase from when it was made",
        ),
        "I27": (stored.of_submission != 1, "its submission has another one"),
        "I28": (not says_all, "does not say what it was made from"),
        "I29": (stored.active > 1, "its person has another one to do"),
        "I30": (
            any(there != due for there, due in here),
            "not all its sessions and lines are of its tenant and person",
        ),
        "I41": (stored.status in HIDDEN and stored.seen_by_member, "its person reads it before it was approved"),
    }
    for rule, (broken, message) in found.items():
        if broken:
            yield Violation(rule, "program", message)


def _increasing(start: date, days: Sequence[date]) -> bool:
    return all(earlier < later for earlier, later in pairwise(days)) and (not days or days[0] >= start)


def of_moved(before: Sequence[Place], after: Sequence[Place]) -> Iterator[Violation]:
    """I37: open sessions in the program's order, before and after missed ones were seen to."""
    if [place.id for place in before] != [place.id for place in after]:
        yield Violation("I37", "sessions", "their order or their number is another")
    kept = [place for place in after if place.status != "dropped"]
    extra = [place.on for place in kept if place.status == "missed"]
    planned = [place.on for place in kept if place.status != "missed"]
    for name, days in (("planned", planned), ("extra", extra)):
        if len(set(days)) != len(days):
            yield Violation("I37", "sessions", f"two {name} sessions on one day")
    if planned != sorted(planned):
        yield Violation("I37", "sessions", "they are not in their order")


def of_repeated(first: Plan, second: Plan) -> Iterator[Violation]:
    """I27: made twice from the same. I34, I35: from answers that differ in what must not matter."""
    if first.model_dump_json() != second.model_dump_json():
        yield Violation("I27", "plan", "is another one the second time")


def of_more_pain(less: Plan, more: Plan, library: Library) -> Iterator[Violation]:
    """I31: the same person with more pain gets no higher level or effort, and no more sets, reps or time under load."""
    mild, severe = _measures(less, library), _measures(more, library)
    for name, measure in severe.items():
        if measure > mild.get(name, 0):
            yield Violation("I31", "plan", f"{name} rises from {mild.get(name, 0)} to {measure} with the pain")


def of_less_equipment(plan: Plan, gone: frozenset[str], library: Library) -> Iterator[Violation]:
    """I32: the plan of somebody who has `gone` no more."""
    for where, _, _, _, exercise in Facts(plan, plan.spec, library).lines():
        if gone & set(exercise.equipment):
            yield Violation("I32", where, f"{exercise.id} needs what is gone")


def of_condition(plan: Plan, condition: str, library: Library) -> Iterator[Violation]:
    """I33: the plan of somebody who has `condition` as well."""
    for where, _, _, _, exercise in Facts(plan, plan.spec, library).lines():
        if not library.conditions[condition].allows(exercise):
            yield Violation("I33", where, f"{exercise.id} is excluded by {condition}")


def _measures(plan: Plan, library: Library) -> dict[str, int]:
    lines = [item for week in plan.weeks for session in week.sessions for item in session.items]
    found = {
        "ceiling": plan.spec.ceiling,
        "level": max(library.by_id[item.exercise].level for item in lines),
        "effort": max(item.effort for item in lines),
        "sets": sum(item.sets for item in lines),
    }
    for week in plan.weeks:
        every = [item for session in week.sessions for item in session.items]
        main = [item for item in every if item.role == "main"]
        found[f"reps of week {week.number}"] = sum(item.sets * (item.reps or 0) for item in every)
        found[f"main sets of week {week.number}"] = sum(item.sets for item in main)
        found[f"main reps of week {week.number}"] = sum(item.sets * (item.reps or 0) for item in main)
        found[f"work of week {week.number}"] = sum(work_seconds(item, library.by_id[item.exercise]) for item in main)
    return found


class Invariant(NamedTuple):
    says: str
    check: Callable[..., Any]


INVARIANTS: Mapping[str, Invariant] = MappingProxyType(
    {
        "I01": Invariant("a flag that refers leaves no program", of_stored),
        "I02": Invariant("the job of an answered assessment succeeds with one result", of_stored),
        "I03": Invariant("every exercise passes every cap of every condition", of_plan),
        "I04": Invariant("no exercise is above the person's level", of_plan),
        "I05": Invariant("what it needs is owned", of_plan),
        "I06": Invariant("every exercise is in the library, with a cue", of_plan),
        "I07": Invariant("a session's minutes are the exact sum", of_plan),
        "I08": Invariant("within a tenth of the time agreed", of_plan),
        "I09": Invariant("the agreed number of days, increasing, none in the past", of_stored),
        "I10": Invariant("48 hours for a muscle worked hard", of_plan),
        "I11": Invariant("warm-up first, cool-down last, heavy before light", of_plan),
        "I12": Invariant("each role as often as the time asks for", of_plan),
        "I13": Invariant("every movement in a session of 30 minutes or more", of_plan),
        "I14": Invariant("push <= pull <= 2 push in a week", of_plan),
        "I15": Invariant("knee to hip 0.6 to 1.67 in a week", of_plan),
        "I16": Invariant("sets of a muscle below the cap", of_plan),
        "I17": Invariant("a week's volume grows by a tenth at most", of_plan),
        "I18": Invariant("one thing of an exercise changes at a time", of_plan),
        "I19": Invariant("a step of a dose is at most a tenth", of_change),
        "I20": Invariant("a deload of 50 to 70 percent within six loading weeks", of_plan),
        "I21": Invariant("no exercise twice, and none of one chain", of_plan),
        "I22": Invariant("enough for the region", of_plan),
        "I23": Invariant("balance on three days where it is due", of_plan),
        "I24": Invariant("effort below what a condition allows", of_plan),
        "I25": Invariant("sets, reps, seconds and rest in range", of_plan),
        "I26": Invariant("one side after the other takes twice the time", of_plan),
        "I27": Invariant("the same again is the same program, and no second one", of_repeated),
        "I28": Invariant("it says what it was made from", of_plan),
        "I29": Invariant("one active program a person", of_stored),
        "I30": Invariant("program, sessions and lines are of one tenant", of_stored),
        "I31": Invariant("more pain is never more work", of_more_pain),
        "I32": Invariant("less equipment adds nothing that needs it", of_less_equipment),
        "I33": Invariant("another condition adds nothing it excludes", of_condition),
        "I34": Invariant("hidden answers change nothing", of_repeated),
        "I35": Invariant("order and language change nothing", of_repeated),
        "I36": Invariant("an easier variant is easier", of_change),
        "I37": Invariant("missed sessions keep order and number, one extra a day", of_moved),
        "I38": Invariant("back after two weeks at half, then 70, 80, 90 percent", of_change),
        "I39": Invariant("4 to 12 weeks, a new assessment within 4 to 6", of_plan),
        "I40": Invariant("the objective is proven", of_plan),
        "I41": Invariant("unseen until approved", of_stored),
        "I42": Invariant("every line says why", of_plan),
    }
)
