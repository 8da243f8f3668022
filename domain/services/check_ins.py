"""Ask somebody who does a program for red flags again. Any that is there stops the program at once."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from domain.assessments.issues import issue
from domain.errors import InvalidAnswers, ProgramInOtherState
from domain.ports import UnitOfWork
from domain.safety.check_in import Answer, Found, asked_of, assess
from domain.safety.rules import FlagRule
from domain.sessions.records import CheckIn

ROUTE = "check_ins.make"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, and the program's status after it; `replayed`: it was told before, under the same key."""

    id: UUID
    found: Found
    program_status: str
    replayed: bool = False


def questions(uow: UnitOfWork, program_id: UUID) -> tuple[UUID, list[FlagRule], list[CheckIn]]:
    """Whose program it is, what to ask them, and what they have said before, newest first."""
    program = uow.training.asked_for(program_id)
    asked = asked_of(uow.templates.safety_rules(), program["spec"]["region"])
    return program["user_id"], asked, uow.training.check_ins(program_id, program["user_id"])


def make(uow: UnitOfWork, program_id: UUID, check_in_id: UUID, key: str, answers: Mapping[str, Answer]) -> Checked:
    """Take the answers to all questions. A red flag pauses the program and refers its person, in one transaction.

    Raises NotFound, InvalidAnswers for a question that is missing or is not asked, ProgramInOtherState for a program
    that nobody does, IdempotencyKeyReused, RequestInFlight.
    """
    program = uow.training.asked_for(program_id)
    rules = uow.templates.safety_rules()
    spec = program["spec"]
    asked = {flag.id for flag in asked_of(rules, spec["region"])}
    issues = [issue("required", name) for name in sorted(asked - answers.keys())]
    issues += [issue("unknown_question", name) for name in sorted(answers.keys() - asked)]
    if issues:
        raise InvalidAnswers(issues)
    found = assess(rules, spec["region"], frozenset(spec["conditions"]), answers)
    said = json.dumps({"program": str(program_id), "answers": dict(answers)}, sort_keys=True)
    kept = uow.keys.claim(ROUTE, key, hashlib.sha256(said.encode()).hexdigest())
    if kept is not None:  # the same answers, so the same was found
        return Checked(UUID(kept["id"]), found, program["status"], replayed=True)
    status = uow.training.check_in(check_in_id, program_id, answers, found.level, found.flags, found.advice_key)
    if status is None:
        raise ProgramInOtherState
    uow.keys.keep(ROUTE, key, {"id": str(check_in_id)})
    return Checked(check_in_id, found, status)
