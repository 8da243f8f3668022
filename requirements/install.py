"""Makes the virtual environments from the hashed lock files: `install.py run`, `dev`, `sam` or `checkov`.

Standard library only. What is installed already is not touched: each environment notes what it was made from.
"""

from __future__ import annotations  # an old Python must get as far as the line that says it is too old

import argparse
import hashlib
import importlib.util
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent
ROOT = REQUIREMENTS.parent
OLDEST = (3, 11)
LAST_LINES = 15
_VERSION = list(sys.version_info[:2])


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the virtual environments from the lock files.")
    parser.add_argument(
        "kind",
        choices=["run", "dev", "sam", "checkov"],
        help="what the command needs, what tests need too, AWS SAM's command, or what checks the templates' security",
    )
    parser.add_argument("--exact", action="store_true", help="make them anew if another Python made them")
    arguments = parser.parse_args()
    if sys.version_info < OLDEST:
        sys.exit(f"FFP needs Python 3.11 or newer, and this is {sys.version.split()[0]}: set PYTHON=")
    if not importlib.util.find_spec("venv") or not importlib.util.find_spec("ensurepip"):
        sys.exit("this Python cannot make virtual environments: on Debian or Ubuntu, apt install python3-venv")
    if arguments.kind in {"sam", "checkov"}:  # pin what the others need newer: environments of their own
        environments = [Environment(f".venv-{arguments.kind}", arguments.kind, exact=arguments.exact)]
    else:
        environments = [
            Environment(".venv", arguments.kind, exact=arguments.exact, project=True),
            Environment(".venv-emulator", "emulator", exact=arguments.exact),
        ]
    missing = [each for each in environments if not each.is_made()]
    if missing:
        make(missing)


def make(environments: list[Environment]) -> None:
    """Side by side, with one line that says how far each is."""
    before = time.monotonic()
    threads = [threading.Thread(target=each.make, daemon=True) for each in environments]
    for thread in threads:
        thread.start()
    shown: list[str] = []
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.1)
        state = "   ".join(f"{each.name}: {each.phase} {each.count}" for each in environments)
        phases = [each.phase for each in environments]
        if sys.stdout.isatty():
            print(f"\r\033[K{state}", end="", flush=True)
        elif phases != shown:
            print(state, flush=True)
            shown = phases
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    failed = [each for each in environments if each.error]
    for each in failed:
        print(f"could not make {each.name}:\n{each.error}", file=sys.stderr)
    if failed:
        sys.exit(1)
    print(f"Made {' and '.join(each.name for each in environments)} in {time.monotonic() - before:.0f} s.")


class Environment:
    """A virtual environment in the checkout, made from `kind`.lock; with the project itself, or without."""

    def __init__(self, name: str, kind: str, *, exact: bool, project: bool = False) -> None:
        self.name = name
        self.phase = "checking"
        self.count = ""
        self.error = ""
        self._kind = kind
        self._exact = exact
        self._project = project
        self._directory = ROOT / name
        self._python = self._directory / "bin" / "python"
        self._note = self._directory / "made-from.json"
        self._lock = REQUIREMENTS / f"{kind}.lock"

    def is_made(self) -> bool:
        return self._right_python() and self._has_packages() and self._has_project()

    def _has_packages(self) -> bool:
        noted = self._noted()
        locks = [self._kind, "dev"] if self._kind == "run" else [self._kind]  # dev.lock holds all of run.lock
        return any(noted.get(lock) == _digest(REQUIREMENTS / f"{lock}.lock") for lock in locks)

    def _has_project(self) -> bool:
        return not self._project or self._noted().get("project") == _project_digest()

    def make(self) -> None:
        try:
            self._make_empty()
            # The lock file is complete: nothing to resolve, nothing without a hash. Modules compile when used.
            pip = [str(self._python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
            pip += ["--no-deps", "--no-compile"]
            if not self._has_packages():
                self._install_packages(pip)
            if not self._has_project():
                self.phase = "installing FFP"
                _run([*pip, "--no-build-isolation", "-e", str(ROOT)])
                self._add_note("project", _project_digest())
            self.phase, self.count = "done", ""
        except subprocess.CalledProcessError as error:
            self.error = "\n".join((error.stdout or "").strip().splitlines()[-LAST_LINES:]) or str(error)
        except OSError as error:
            self.error = str(error)

    def _make_empty(self) -> None:
        """Keeps what works: a half-made environment has no working pip."""
        if self._right_python():
            asked = [str(self._python), "-m", "pip", "--version"]
            if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
                return
        self.phase = "making it"
        _run([sys.executable, "-m", "venv", "--clear", str(self._directory)])

    def _install_packages(self, pip: list[str]) -> None:
        total = sum("==" in line for line in self._lock.read_text().splitlines())
        self.phase = "installing packages"
        process = subprocess.Popen(
            [*pip, "--require-hashes", "--progress-bar", "off", "-r", str(self._lock)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = []
        seen = 0
        for line in process.stdout or ():
            said.append(line)
            seen += line.startswith(("Collecting ", "Requirement already satisfied: ", "Ignoring "))
            self.count = f"({seen} of {total})"
        if process.wait() != 0:
            raise subprocess.CalledProcessError(process.returncode, "pip", "".join(said))
        self._add_note("python", _VERSION)
        self._add_note(self._kind, _digest(self._lock))

    def _add_note(self, key: str, value: object) -> None:
        self._note.write_text(json.dumps(self._noted() | {key: value}))

    def _noted(self) -> dict[str, object]:
        try:
            content: dict[str, object] = json.loads(self._note.read_text())
        except (OSError, ValueError):
            return {}
        return content

    def _right_python(self) -> bool:
        return self._python.exists() and (not self._exact or self._noted().get("python") == _VERSION)


def _run(command: list[str]) -> None:
    subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _project_digest() -> str:
    """Of what an installation of the project depends on; the code itself is used where it is."""
    import tomllib  # noqa: PLC0415 - a Python that is too old has none

    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = [content.get("build-system"), content.get("project"), content.get("tool", {}).get("setuptools")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


if __name__ == "__main__":
    main()
