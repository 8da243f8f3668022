"""Asks a vulnerability service about every package in the lock files: `audit.py`, or `audit.py --strict`.

A service that cannot be reached, or a mirror that knows of no vulnerabilities, makes pip-audit find none. So each is
first asked about a package that has some. Where none knows them nothing was checked, and this says so: a warning
without `--strict`, a failure with it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent
LOCKS = ("dev", "emulator", "sam")  # the others take their versions from dev.lock
KNOWN = "jinja2==2.4.1"  # CVE-2014-1402 and later ones
TIMEOUT_S = 10


def main() -> None:
    parser = argparse.ArgumentParser(description="Look for known vulnerabilities in what the lock files pin.")
    parser.add_argument("--strict", action="store_true", help="fail where no vulnerability service answers")
    parser.add_argument("--osv-url", help="an OSV API to ask, instead of the public services")
    asked = parser.parse_args()
    services = [["-s", "osv", "--osv-url", asked.osv_url]] if asked.osv_url else [["-s", "pypi"], ["-s", "osv"]]
    with tempfile.TemporaryDirectory() as cache:  # an answer of yesterday is none
        service = next((each for each in services if _knows(each, Path(cache))), None)
        if service is None:
            print("NOT CHECKED: no vulnerability service answers here; `make audit` where one does.", file=sys.stderr)
            sys.exit(1 if asked.strict else 0)
        failed = [lock for lock in LOCKS if not _passes(service, lock, Path(cache))]
    sys.exit(1 if failed else 0)


def _knows(service: list[str], cache: Path) -> bool:
    """Whether it has heard of the vulnerabilities that everybody has."""
    canary = cache / "known.txt"
    canary.write_text(f"{KNOWN}\n")
    found = _pip_audit([*service, "-r", str(canary), "--no-deps", "-f", "json"], cache)
    try:
        dependencies = json.loads(found.stdout)["dependencies"]
    except (ValueError, KeyError):
        return False
    return any(each.get("vulns") for each in dependencies)


def _passes(service: list[str], lock: str, cache: Path) -> bool:
    path = REQUIREMENTS / f"{lock}.lock"
    found = _pip_audit([*service, "-r", str(path), "--require-hashes", "--strict"], cache)
    print(f"{path.name}: {(found.stdout + found.stderr).strip()}")
    return found.returncode == 0


def _pip_audit(arguments: list[str], cache: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--progress-spinner", "off"]
    command += ["--timeout", str(TIMEOUT_S), "--cache-dir", str(cache)]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
