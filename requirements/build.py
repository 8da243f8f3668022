"""Makes what Lambda runs: `build.py` makes every artefact under build/, `build.py worker --into DIR` hands one out.

An artefact is a folder of packages from one lock file, for Lambda's processor and Python whatever this machine has, and
of our own packages. `sam build` asks for one a function (infra/functions/build.mk). Nothing is compiled and no
container is started: every package in the locks has a wheel for Lambda, or the build fails.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
PYTHON = "3.13"  # template.yaml: Runtime
MEBIBYTE = 1 << 20
LARGEST_MB = 250  # Lambda takes no more, unzipped


@dataclass(frozen=True)
class Artefact:
    """`packages` are ours; `most_mb` what it may hold, unzipped, in MiB."""

    lock: str
    packages: tuple[str, ...]
    most_mb: int


ARTEFACTS = {
    "api": Artefact("api", ("api", "domain", "infra"), 70),
    "worker": Artefact("function-worker", ("domain", "infra", "workers"), 150),  # the solver and numpy are 50 of them
    "documents": Artefact("function-documents", ("domain", "infra", "workers"), 150),  # what sets type is 80
    "media": Artefact("function-media", ("domain", "infra", "workers"), 210),  # its ffmpeg is 125
    "migrate": Artefact("function-migrate", ("cli", "domain", "infra", "migrations"), 100),
}
# The services whose clients the code makes; botocore brings the descriptions of 400 others, 25 MB of them.
SERVICES = ("cognito-idp", "s3", "secretsmanager", "sesv2", "sqs", "sts")
_NEVER = shutil.ignore_patterns("__pycache__", "local", "stacks", "functions", "*.pyi")
_TESTS = ("tests", "test", "testing")
_TESTS_NEEDED = ("numpy/testing",)  # numpy imports it


@dataclass(frozen=True)
class Target:
    """What the wheels are for."""

    python: str
    machine: str

    @property
    def platforms(self) -> tuple[str, ...]:
        # Newest first. Lambda's Python 3.13 is on Amazon Linux 2023, which has glibc 2.34.
        return (f"manylinux_2_28_{self.machine}", f"manylinux2014_{self.machine}")

    def takes(self, marker: str) -> bool:
        """Pip asks markers about the Python it runs on, not about the one it installs for."""
        return Marker(marker).evaluate(
            {
                "python_version": self.python,
                "python_full_version": f"{self.python}.0",
                "implementation_name": "cpython",
                "platform_python_implementation": "CPython",
                "sys_platform": "linux",
                "platform_system": "Linux",
                "platform_machine": self.machine,
                "os_name": "posix",
            }
        )


LAMBDA = Target(PYTHON, "aarch64")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the folders that Lambda runs.")
    parser.add_argument("artefact", nargs="*", metavar="ARTEFACT", help=f"of {', '.join(ARTEFACTS)}; all if none")
    parser.add_argument("--into", type=Path, help="copy one artefact there, made before")
    parser.add_argument("--python", default=LAMBDA.python, help="for another Python than Lambda's")
    parser.add_argument("--machine", default=LAMBDA.machine, help="for another processor than Lambda's")
    parser.add_argument("--to", type=Path, default=BUILD, help="where the artefacts are made")
    asked = parser.parse_args()
    if unknown := set(asked.artefact) - set(ARTEFACTS):
        parser.error(f"no such artefact: {', '.join(unknown)}")
    if asked.into:
        hand_out(asked.to / asked.artefact[0], asked.into)
        return
    target = Target(asked.python, asked.machine)
    too_large = [name for name in asked.artefact or ARTEFACTS if not make(name, asked.to / name, target)]
    sys.exit(f"too large: {', '.join(too_large)}" if too_large else 0)


def make(name: str, folder: Path, target: Target) -> bool:
    """Makes an artefact, its libraries only if their lock has changed; says how large it is. False: too large."""
    artefact = ARTEFACTS[name]
    lock = (ROOT / "requirements" / f"{artefact.lock}.lock").read_text()
    libraries = folder.with_name(f".{name}-libraries")
    made_from = _digest(lock, Path(__file__).read_text(), target.python, target.machine)
    note = libraries.with_suffix(".json")
    if not note.exists() or json.loads(note.read_text()) != made_from:
        note.unlink(missing_ok=True)
        _install(lock, libraries, target)
        note.write_text(json.dumps(made_from))
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(libraries, folder, copy_function=os.link)
    for package in artefact.packages:
        shutil.copytree(ROOT / package, folder / package, ignore=_NEVER)
    compiled = _compile(folder, target)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MEBIBYTE
    most = min(artefact.most_mb, LARGEST_MB)
    print(f"{name:9}{size:6.1f} MB unzipped, at most {most}; Python {target.python} on {target.machine}{compiled}")
    return size < most


def hand_out(artefact: Path, into: Path) -> None:
    """By links, so that a dozen functions of one artefact take its room once."""
    shutil.copytree(artefact, into, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, to: str) -> None:
    try:
        os.link(source, to)
    except OSError:  # on another disk
        shutil.copy2(source, to)


def _install(lock: str, folder: Path, target: Target) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write("".join(wanted_by(lock, target)))
        wanted.flush()
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
        command += ["--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:", "--target", str(folder)]
        command += ["--implementation", "cp", "--python-version", target.python]
        for platform in target.platforms:
            command += ["--platform", platform]
        subprocess.run([*command, "-r", wanted.name], check=True)
    for path in list(_superfluous(folder)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def wanted_by(lock: str, target: Target) -> Iterator[str]:
    """The lines of a lock file for one Python on one machine, without their conditions."""
    takes = True
    for line in lock.splitlines(keepends=True):
        if not line.startswith((" ", "#")):
            requirement, _, marker = line.rstrip("\n\\ ").partition(" ; ")
            takes = not marker or target.takes(marker)
            line = f"{requirement} \\\n"  # noqa: PLW2901
        if takes and not line.lstrip().startswith("#"):
            yield line


def _superfluous(folder: Path) -> Iterator[Path]:
    """What no function reads. The dist-info stays: importlib.metadata looks for versions and plug-ins there, and the
    licences are in it.
    """
    yield folder / "bin"
    for service in (folder / "botocore" / "data").glob("*/"):
        if service.is_dir() and service.name not in SERVICES:
            yield service
    yield from (folder / "boto3").glob("examples")
    yield from folder.rglob("__pycache__")
    yield from folder.rglob("*.pyi")
    for name in _TESTS:
        for path in folder.glob(f"*/**/{name}/"):
            if not str(path).endswith(_TESTS_NEEDED):
                yield path


def _compile(folder: Path, target: Target) -> str:
    """Lambda cannot write beside the code, so what is not compiled here is compiled by every cold start. Only the same
    Python can do it. Compiled files are checked against nothing: nobody changes the sources in an artefact.
    """
    found = (each for each in (sys.executable, f"python{target.python}") if _version(each) == target.python)
    python = next(found, None)
    if python is None:
        return f", not compiled: no Python {target.python} here"
    command = [python, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, "-s", str(folder), str(folder)], check=True)
    return ", compiled"


def _version(python: str) -> str:
    asked = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


if __name__ == "__main__":
    main()
