"""`check`: the last word on a plan before it is stored."""

from domain.programs.checking.facts import Facts, Violation
from domain.programs.checking.progress import progress
from domain.programs.checking.safety import safety
from domain.programs.checking.sessions import sessions
from domain.programs.checking.weeks import weeks
from domain.programs.library import Library
from domain.programs.plan import Plan
from domain.programs.spec import ProgramSpec


def check(plan: Plan, spec: ProgramSpec, library: Library) -> list[Violation]:
    """Every broken rule of a plan; an empty list means that it may be stored.

    Rules that the plan says it gave up (`relaxed`) are not counted, as long as it gave them up in the agreed order;
    the safety rules I03-I06, I24 and I31 always count.
    """
    facts = Facts(plan, spec, library)
    found = list(safety(facts))
    if any(violation.rule == "I06" for violation in found):
        return found  # the other checks read the library entry of every exercise
    return [*found, *sessions(facts), *weeks(facts), *progress(facts)]
