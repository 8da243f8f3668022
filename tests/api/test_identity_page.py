"""docs/identity.md: what it tells to type works."""

import os
import re
import subprocess
from pathlib import Path

from infra.local.identities import ensure_pool
from tests import processes
from tests.api.accounts import CONFIRM_CODE, RESET_CODE, cognito, new_email, pool_environment
from tests.conftest import Database

PAGE = Path(__file__).parents[2] / "docs" / "identity.md"


def test_every_line_of_the_page_works(tmp_path: Path, db: Database) -> None:
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL))
    assert lines.count("curl") == 12
    with processes.api(tmp_path, **pool_environment(ensure_pool(cognito()))) as (_, client):
        given = {
            "API": str(client.base_url).rstrip("/"),
            "EMAIL": new_email(),
            "CODE": CONFIRM_CODE,
            "RESET_CODE": RESET_CODE,
            "NO_PROXY": "127.0.0.1",
        }
        found = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines],
            env=os.environ | given,
            capture_output=True,
            text=True,
            check=False,
        )
    assert found.returncode == 0, found.stderr
    assert db.value("select kind from tenants where slug <> 'ffp-content'") == "business"
