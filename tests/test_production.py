"""Staging and production refuse development values: each of them, all at once, and before anything is served."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra import production, settings
from infra.declared import SETTINGS
from tests import processes

ROOT = Path(__file__).parents[1]
_TLS = "?sslmode=verify-full&sslrootcert=system"
GOOD = {
    "FFP_ENV": "prod",
    "FFP_DATABASE_URL": f"postgresql://ffp_app:zq7-secret-zq7@db.invalid/ffp{_TLS}",
    "FFP_RELAY_DATABASE_URL": f"postgresql://ffp_relay@db.invalid/ffp{_TLS}",
    "FFP_OPS_DATABASE_URL": f"postgresql://ffp_ops@db.invalid/ffp{_TLS}",
    "FFP_ADMIN_DATABASE_URL": f"postgresql://admin@db.invalid/ffp{_TLS}",
    "FFP_CURSOR_KEY": "0123456789abcdef",
    "FFP_CORS_ORIGINS": "https://app.ffp.example,https://portal.ffp.example:8443",
    "FFP_COGNITO_USER_POOL_ID": "eu-west-2_abcdefghi",
    "FFP_COGNITO_CLIENT_ID": "client",
    "FFP_QUEUE_SCORING_URL": "https://sqs.eu-west-2.amazonaws.com/000000000000/scoring",
    "FFP_QUEUE_GENERATION_URL": "https://sqs.eu-west-2.amazonaws.com/000000000000/generation",
    "AWS_ENDPOINT_URL_SQS": "https://vpce-1.sqs.eu-west-2.vpce.amazonaws.com",
    "AWS_ACCESS_KEY_ID": "ASIAQ3EGRIA2C4D5E6F7",
}
# What else a process needs there, as others declare it: any address or word does.
GOOD |= {
    name: "https://somewhere.ffp.example" if name.endswith("_URL") else "given"
    for name, setting in SETTINGS.items()
    if setting.needed_by and name not in GOOD
}
BAD = [
    ("FFP_DATABASE_URL", "postgresql://ffp_app:pw@db.example/ffp"),
    ("FFP_DATABASE_URL", "postgresql://ffp_app:pw@db.example/ffp?sslmode=require"),
    ("FFP_DATABASE_URL", "postgresql://ffp_app@db.example/ffp?sslmode=verify-ca"),
    ("FFP_DATABASE_URL", "postgresql://ffp_app@db.example/ffp?sslmode=verify-full&sslmode=disable"),
    ("FFP_DATABASE_URL", "host=db.example user=ffp_app sslmode=prefer"),
    ("FFP_DATABASE_URL", "db.example"),
    ("FFP_RELAY_DATABASE_URL", "postgresql://ffp_relay@db.example/ffp?sslmode=disable"),
    ("FFP_OPS_DATABASE_URL", "postgresql://ffp_ops@127.0.0.1/ffp"),
    ("FFP_ADMIN_DATABASE_URL", "postgresql://postgres@db.example/ffp"),
    ("FFP_CURSOR_KEY", "short"),
    ("FFP_CORS_ORIGINS", "*"),
    ("FFP_CORS_ORIGINS", "https://*.ffp.example"),
    ("FFP_CORS_ORIGINS", "https://app.ffp.example,http://app.ffp.example"),
    ("FFP_CORS_ORIGINS", "https://localhost:5173"),
    ("FFP_CORS_ORIGINS", "https://app.ffp.example/"),
    ("FFP_CORS_ORIGINS", "null"),
    ("FFP_COGNITO_ENDPOINT_URL", "http://127.0.0.1:4566"),
    ("FFP_COGNITO_ENDPOINT_URL", "https://localhost:4566"),
    ("FFP_COGNITO_ISSUER", "http://cognito.example/pool"),
    ("FFP_QUEUE_SCORING_URL", "http://localhost:4566/000000000000/scoring"),
    ("FFP_QUEUE_BULK_URL", "https://[::1]/bulk"),
    ("AWS_ENDPOINT_URL", "http://emulator.example:4566"),
    ("AWS_ENDPOINT_URL_SQS", "https://127.1.2.3"),
    ("AWS_ENDPOINT_URL_S3", "http://localhost:4566"),
    ("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", "https://sqs.localhost."),
    ("AWS_ACCESS_KEY_ID", "local"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("FFP_LOG_FORMAT", "console"),
    ("FFP_LOG_LEVEL", "LOUD"),
    ("FFP_POOL_SIZE", "0"),
    ("FFP_POOL_SIZE", "eight"),
    ("FFP_LEASE_S", "soon"),
]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in settings.values():
        monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_good_environment_has_no_offence(environment: pytest.MonkeyPatch) -> None:
    assert production.offences("api", "worker", "sqs", "relay", "sweeper", "migrate") == []


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_development_value_is_refused_by_name(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    found = production.offences()
    assert {each.name for each in found} == {name}
    assert all(len(value) < 4 or value not in each.reason for each in found)


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if setting.needed_by])
def test_what_a_process_needs_must_be_there(environment: pytest.MonkeyPatch, name: str) -> None:
    for value in (None, ""):
        environment.delenv(name) if value is None else environment.setenv(name, value)
        assert [each.name for each in production.offences(*SETTINGS[name].needed_by)] == [name]


# Every way in, as its command line or as Lambda calls it, with what it says goes wrong in it.
ENTRIES = {
    "api": ["-m", "api", "--port", "1"],
    "uvicorn": ["-m", "uvicorn", "--factory", "api.app:create_app", "--port", "1"],
    "worker": ["-m", "workers"],
    "fleet": ["-m", "celery", "-A", "workers.celery_app", "worker"],
    "lambda api": ["-c", "import api.handler"],
    "lambda sqs": ["-c", "from workers import sqs; sqs.handler({'Records': []}, None)"],
    "lambda relay": ["-c", "from workers import relay; relay.handler({}, None)"],
    "lambda sweeper": ["-c", "from workers import sweeper; sweeper.handler({}, None)"],
    "migrate": ["-c", "from cli.main import app; app()", "migrate"],
}


# Which of the two it is makes no difference to how a process comes to look, so two of them show the other one.
@pytest.mark.parametrize(
    ("entry", "where"), [*((each, "prod") for each in ENTRIES), ("api", "staging"), ("worker", "staging")]
)
def test_a_process_ends_at_its_start_and_names_everything(entry: str, where: str, tmp_path: Path) -> None:
    wrong = {
        "FFP_ENV": where,
        "FFP_DATABASE_URL": "postgresql://ffp_app:zq7-secret-zq7@127.0.0.1/ffp",
        "AWS_ENDPOINT_URL": "http://localhost:4566",
        "AWS_ACCESS_KEY_ID": "zq7-local",
        "FFP_LOG_FORMAT": "console",
        "FFP_CORS_ORIGINS": "*",
    }
    done = _run(ENTRIES[entry], GOOD | wrong)
    assert done.returncode == 1, done.stderr
    assert f"FFP_ENV is {where}, which refuses these settings" in done.stderr
    for name in wrong.keys() - {"FFP_ENV"}:
        assert f"\n  {name}: " in done.stderr, name
    assert "zq7" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("entry", ["api", "worker", "lambda relay"])
def test_a_misspelt_environment_ends_it_too(entry: str) -> None:
    done = _run(ENTRIES[entry], GOOD | {"FFP_ENV": "production"})
    assert (done.returncode, done.stderr.strip()) == (1, "ffp: FFP_ENV must be one of local, dev, staging, prod")


def test_with_production_s_own_values_the_api_serves(tmp_path: Path) -> None:
    with processes.api(tmp_path, **GOOD) as (_, client):
        assert client.get("/v1/health/live").status_code == 200


def _run(arguments: list[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
