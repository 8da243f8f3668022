"""The replayer: carries out what operators have ordered, one letter at a time.

A step is one transaction that puts a job back and into the outbox; what is killed after it is sent by the relay. So a
replayer may end anywhere, and another goes on: nothing is put back twice, and the rate holds, since both are rows.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from domain.jobs import LeaseLost, Message
from domain.replays import SHADOWABLE
from domain.tenancy import worker_context
from infra import background, logs, queue, replays, settings
from infra.database import rehearsal
from infra.telemetry import entry
from infra.units import UnitOfWork
from workers.work import STAGES, failure_of, name

_BATCH = 20
_IDLE_S = 1.0
_SHORTEST_S = 0.005
_PAUSE_S = 5.0
_SHADOW_LEASE_S = 30.0
_SCHEDULED_S = 45.0  # of a minute: a schedule's run ends before the next one begins


@entry("replays")
def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    """Each minute: works while there is a replay with letters left."""
    steps = 0
    end = time.monotonic() + _SCHEDULED_S
    with background.connected("replayer") as connection:
        while time.monotonic() < end:
            done, wait_s = turn(connection)
            steps += done
            if not done and wait_s is None:
                break
            time.sleep(0 if done else min(max(wait_s or 0, _SHORTEST_S), max(end - time.monotonic(), 0)))
    return {"steps": steps}


def run(stop: threading.Event) -> None:
    """The same as a loop, until `stop`. Nothing that fails here ends it."""
    while not stop.is_set():
        try:
            with background.connected("replayer") as connection:
                replays.listen(connection)
                while not stop.is_set():
                    done, wait_s = turn(connection)
                    if not done:
                        replays.wait(connection, _IDLE_S if wait_s is None else min(max(wait_s, _SHORTEST_S), _IDLE_S))
        except Exception as error:  # noqa: BLE001 - the next turn goes on where this one was
            logs.warning("replayer_failed", error=type(error).__name__, frames=logs.frames(error))
            stop.wait(_PAUSE_S)


def turn(connection: background.Connection) -> tuple[int, float | None]:
    """As many steps as are due, at most a batch, and their messages. Returns how many, and when the next one is due."""
    done, wait_s, messages = 0, None, []
    while done < _BATCH:
        step = replays.step(connection)
        if step.outcome == "idle":
            wait_s = step.wait_s
            break
        if step.outcome == "waits":  # one for its canary, which says nothing about the others
            continue
        done += 1
        if step.message is not None:
            messages.append(step.message)
        if step.outcome in {"done", "stopped"}:
            logs.info("replay_ended", replay_id=str(step.replay_id), outcome=step.outcome)
    if messages:
        replays.settle(connection)
        replays.mark_published(connection, queue.publish(messages))
    if not done and (letter := replays.next_shadow(connection, _SHADOW_LEASE_S)) is not None:
        replays.note_shadow(connection, letter, *shadowed(letter))
        done += 1
    return done, wait_s


def shadowed(letter: replays.ShadowLetter) -> tuple[str, str | None, dict[str, Any] | None]:
    """Run the letter's stage as its tenant and undo it. Returns outcome, reason and report, as the letter of the replay
    has them: the rows it would have written by table, or how it failed.
    """
    message = letter.message
    if message.stage not in SHADOWABLE:
        return "skipped", "not_shadowable", None
    logs.begin(correlation_id=message.correlation_id, tenant_id=str(message.tenant_id), job_id=str(message.job_id))
    try:
        return "would_succeed", None, {"rows": _rehearse(message)}
    except LeaseLost:
        return "skipped", "already_running", None
    except Exception as error:  # noqa: BLE001 - it is what the operator wants to know
        failure = failure_of(error)
        same = (failure.signature or f"{failure.code} in {message.stage}") == letter.signature
        report = {"code": failure.code, "error_class": failure.error_class, "frames": list(failure.frames)}
        return "same_error" if same else "other_error", None, report
    finally:
        logs.clear()


def _rehearse(message: Message) -> dict[str, dict[str, int]]:
    """Rows by table and kind of change. The stage's units of work all are the one that is rolled back."""
    with rehearsal(worker_context(message.tenant_id, message.correlation_id)) as (uow, written):

        @contextmanager
        def begin() -> Iterator[UnitOfWork]:
            yield uow

        uow.jobs.revive(message.job_id)
        claim = uow.jobs.claim_regardless(message, settings.lease_s(), name())
        STAGES[message.stage](begin, claim)
        return written()
