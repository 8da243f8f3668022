"""Who runs PostgreSQL: it refuses root, so root hands it to somebody else."""

import os
import pwd
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from infra.local.errors import LocalStackError


@dataclass(frozen=True)
class Account:
    """A user to run as. `reach`: must keep the right to enter directories that only root may enter."""

    uid: int
    gid: int
    reach: bool


def server_account(cluster: Path, program: Path) -> Account | None:
    """None when we are not root. Otherwise whoever owns the cluster already, or `nobody` for a new one."""
    if os.getuid() != 0:
        return None
    try:
        owner = cluster.stat().st_uid if cluster.exists() else 0
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")  # initdb wants a passwd entry
    except KeyError:
        raise LocalStackError(
            "PostgreSQL does not run as root and there is no user `nobody` to run it as: run as a normal user"
        ) from None
    reach = not (_open_to_others(cluster.parent) and _open_to_others(program))
    if reach and not sys.platform.startswith("linux"):
        raise LocalStackError(
            f"the user `{entry.pw_name}`, who runs PostgreSQL when you are root, cannot enter "
            f"{cluster.parent}: choose another --data-dir, or run as a normal user"
        )
    return Account(entry.pw_uid, entry.pw_gid, reach)


def _open_to_others(path: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents))
