"""Ends a stack, whoever started it and whatever state it is in. Its data stays."""

import signal
from pathlib import Path

from infra.local.emulator import Emulator
from infra.local.layout import api_part, cdn_part, forget_stack, known_workers
from infra.local.lock import held, holder
from infra.local.parts import MARK
from infra.local.postgres import EmbeddedPostgres
from infra.local.processes import marked, stop

_FOREGROUND_S = 60.0  # a command in a terminal stops its parts in order first


def stop_stack(directory: Path) -> int:
    """Returns how many processes it ended. The command that holds the directory is asked to end first."""
    directory = directory.resolve()
    if not directory.exists():
        return 0
    ended = 0
    if other := holder(directory):
        stop([other], signal.SIGTERM, patience_s=_FOREGROUND_S)
        ended += 1
    with held(directory):
        return ended + stop_parts(directory)


def stop_parts(directory: Path) -> int:
    """For whoever holds the directory. First those who work, then those they work with."""
    directory = directory.resolve()
    postgres = EmbeddedPostgres(directory)
    emulator = Emulator(directory).part
    working = [part.identity() for part in (api_part(directory), cdn_part(directory), *known_workers(directory))]
    ended = [identity for identity in working if identity]
    stop(ended)
    for identity, how in ((emulator.identity(), signal.SIGTERM), (postgres.identity(), signal.SIGINT)):
        if identity:
            stop([identity], how, patience_s=30)
            ended.append(identity)
    # Children that outlived a part that was killed, and parts whose record got lost.
    left = marked(MARK, str(directory))
    stop(left, patience_s=5)
    forget_stack(directory)
    return len(ended) + len(left)
