"""SnapStart: the hooks of the API's entry, run as Lambda's runtime runs them, in copies of one process."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import Database

ROOT = Path(__file__).resolve().parents[2]
# Lambda's runtime brings this module; it keeps what is registered. Hooks before run newest first, those after oldest first.
RUNTIME = """
import sys, types
hooks = types.ModuleType("snapshot_restore_py")
registered = {"before": [], "after": []}
hooks.register_before_snapshot = lambda function, *given: registered["before"].append((function, given))
hooks.register_after_restore = lambda function, *given: registered["after"].append((function, given))
sys.modules["snapshot_restore_py"] = hooks
"""
COPIES = """
import ctypes, json, os, random, sys
from api.handler import handler
from infra import ids, pools
pools.pool().wait(5)
open_before = len(pools._pools)
ids.new_id(), random.random()  # the generators have begun
for function, given in reversed(registered["before"]):
    function(*given)
told = {"open": [open_before, len(pools._pools)], "loaded": sorted(m for m in sys.modules if m.startswith("api.routes."))}
told["signs"] = "botocore.auth" in sys.modules
copies = []
for _ in range(3):
    read, write = os.pipe()
    if ctypes.CDLL(None).fork() == 0:  # the bare one: os.fork() tells generators, and a snapshot does not
        if AFTER:
            for function, given in registered["after"]:
                function(*given)
        # The first 48 bits are the time, the next few a counter.
        os.write(write, json.dumps([random.random(), ids.new_id().int & ((1 << 32) - 1)]).encode())
        os._exit(0)
    os.wait()
    copies.append(json.loads(os.read(read, 1000)))
print(json.dumps(told | {"copies": copies}))
"""


def run(*, after: bool) -> dict[str, list[object]]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{RUNTIME}\nAFTER = {after}\n{COPIES}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, list[object]] = json.loads(done.stdout)
    return told


def test_what_continues_a_snapshot_has_nothing_of_another(db: Database) -> None:
    """Copies of a process stand for environments that continue one snapshot: same memory, same states of generators."""
    told = run(after=True)
    assert told["open"] == [1, 0]
    for position in (0, 1):
        assert len({copy[position] for copy in told["copies"]}) == 3
    assert told["signs"] is True
    modules = {f"api.routes.{path.stem}" for path in (ROOT / "api" / "routes").glob("*.py")} - {"api.routes.__init__"}
    assert set(told["loaded"]) == modules


def test_without_the_hook_they_would_go_on_alike(db: Database) -> None:
    """Else the test above shows nothing."""
    copies = run(after=False)["copies"]
    assert len({copy[0] for copy in copies}) == 1


def test_elsewhere_there_are_no_snapshots() -> None:
    """And no module to ask: nothing is loaded early."""
    code = "import sys; from api.handler import handler; print('botocore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert done.stdout == "False\n", done.stderr
