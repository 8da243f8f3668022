"""Lambda SnapStart: an environment is made once, kept as a snapshot, and continued many times over.

What must not be shared by all that continue it is given back before, and made anew after: connections, the states of
random generators (two environments would give the same ids), credentials. What a first request would load is in the
snapshot.
"""

import random
from collections.abc import Callable
from importlib import import_module
from typing import Any


def install(warm: Callable[[], object]) -> None:
    """Register what is to happen where there are snapshots: Lambda's runtime brings the module that is asked. `warm`
    loads what first requests load elsewhere.
    """
    try:
        hooks: Any = import_module("snapshot_restore_py")
    except ImportError:
        return
    hooks.register_before_snapshot(before, warm)
    hooks.register_after_restore(after)


def before(warm: Callable[[], object]) -> None:
    from infra import pools, sign_in  # noqa: PLC0415 - the driver and botocore: slow, and only snapshots load them early

    warm()
    sign_in.prepare()
    pools.close()


def after() -> None:
    """Nothing that another environment has, too."""
    from infra import ids, sign_in  # noqa: PLC0415

    random.seed()
    ids.reseed()
    sign_in.forget()
