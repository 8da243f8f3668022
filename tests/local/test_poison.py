"""A local stack has dead letters to look at, and they can be mended and replayed."""

import json
from pathlib import Path
from typing import Any

from tests.local.ffp import eventually, ffp, stack_json


def letters(directory: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ffp("dlq", "ls", "-o", "json", directory=directory).stdout)
    return found


def test_three_jobs_of_two_kinds_wait_and_can_be_replayed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    directory = tmp_path / "stack"
    ffp("up", "--detach", "--port", "0", directory=directory)
    try:
        eventually(lambda: len(letters(directory)) == 3)
        found = letters(directory)
        assert sorted((each["kind"], each["tenant"]) for each in found) == [
            ("assessment", "acme"), ("assessment", "globex"), ("email", "globex"),
        ]  # fmt: skip
        assert {each["error_code"] for each in found} == {"unexpected_error"}
        groups = json.loads(ffp("dlq", "groups", "-o", "json", directory=directory).stdout)
        assert sorted(each["letters"] for each in groups) == [1, 2]
        assert len([user for user in stack_json(directory)["demo_users"] if user["role"] == "operator"]) == 2
        ffp("demo", "--mend", directory=directory)
        ffp("dlq", "replay", "--all", "--execute", "--reason", "mended", "--rate", "50", directory=directory)
        assert {(each["state"], each["resolution"]) for each in letters(directory)} == {("resolved", "succeeded")}
    finally:
        ffp("down", directory=directory)
