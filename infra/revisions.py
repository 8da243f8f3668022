"""Which migrations may run when. A release first adds what it needs (expand), while the release before still serves;
only when that one is gone may something be taken away (contract). A migration that takes away says so: `phase =
"contract"` in its file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from alembic.script import ScriptDirectory

from infra import migrate

Phase = Literal["expand", "contract"]


class OutOfOrder(Exception):
    """What the release needs lies behind a step that takes away from the release before: two releases, one after the
    other.
    """


@dataclass(frozen=True, slots=True)
class Plan:
    """`to` is the revision to upgrade to, None where nothing is to be done; `left` waits for the other phase."""

    to: str | None
    left: tuple[str, ...]


def plan(current: str | None, phase: Phase) -> Plan:
    """Of the migrations shipped here, from revision `current` on. Raises OutOfOrder before traffic has moved, rather
    than take away too early.
    """
    return arranged(_pending(current), phase)


def arranged(pending: Sequence[tuple[str, Phase]], phase: Phase) -> Plan:
    """`pending` is oldest first."""
    if not pending:
        return Plan(None, ())
    if phase == "contract":
        return Plan(pending[-1][0], ())
    contracts = [number for number, (_, kind) in enumerate(pending) if kind == "contract"]
    end = contracts[0] if contracts else len(pending)
    left = tuple(revision for revision, _ in pending[end:])
    if any(kind == "expand" for _, kind in pending[end:]):
        raise OutOfOrder(f"{left[0]} takes something away, and there is more behind it: deploy it in a release before")
    return Plan(pending[end - 1][0] if end else None, left)


def _pending(current: str | None) -> list[tuple[str, Phase]]:
    newest_first = ScriptDirectory(migrate.scripts()).iterate_revisions("head", current or "base")
    return [(each.revision, _phase(each.module)) for each in newest_first][::-1]


def _phase(module: object) -> Phase:
    return "contract" if getattr(module, "phase", "expand") == "contract" else "expand"
