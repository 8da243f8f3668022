"""Cold start of the API's Lambda entry: CPU of importing it and answering once, against a FastAPI + Mangum hello-world.

    .venv/bin/python benchmarks/cold_start.py [--runs 9]
    .venv/bin/python benchmarks/cold_start.py --handlers [--python PATH] [--runs 5]

The second takes every function of the template from its built artefact (requirements/build.py), for this machine and a
Python of your choice, and answers once: the API a health check, the others an event with nothing to do, without a
database behind them. Beside a function that returns at once, and the hello-world above.

Each figure is a fresh interpreter, the two taken in turns; medians of CPU time, so a busy machine changes both alike.
The answer is to a health check: what a first job needs beyond that (a database connection, the signing keys)
is waiting for others, and the same for both.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

EVENT = {
    "resource": "/{proxy+}",
    "path": "/v1/health/live",
    "httpMethod": "GET",
    "headers": {"Host": "api.example", "X-Forwarded-Proto": "https"},
    "multiValueHeaders": {},
    "queryStringParameters": None,
    "multiValueQueryStringParameters": None,
    "requestContext": {
        "resourcePath": "/{proxy+}",
        "httpMethod": "GET",
        "stage": "prod",
        "identity": {"sourceIp": "192.0.2.1"},
    },
    "body": None,
    "isBase64Encoded": False,
}  # fmt: skip

HELLO = """
from fastapi import FastAPI
from mangum import Mangum
app = FastAPI()
@app.get("/v1/health/live")
def live() -> dict[str, str]:
    return {"status": "ok"}
handler = Mangum(app, lifespan="off")
"""

RUN = """
import json, sys, time
bare = time.process_time()
{setup}
imported = time.process_time()
answer = handler(json.loads(sys.argv[1]), None)
done = time.process_time()
assert answer["statusCode"] == 200, answer
rss = int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) / 1024
ms = {{"import_ms": imported - bare, "first_ms": done - imported, "total_ms": done - bare}}
print(json.dumps({{name: value * 1e3 for name, value in ms.items()}} | {{"rss_mb": rss}}))
"""


ANSWERED = 'assert answer["statusCode"] == 200, answer\n'
AT_ONCE = "handler = lambda event, context: {}"
# Nobody listens there: a function that wants its database hears so at once.
NOWHERE = {f"FFP_{name}DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing" for name in ("", "RELAY_", "ADMIN_")}


def once(
    setup: str, event: dict[str, object], environment: dict[str, str], python: str = sys.executable, cwd: Path = ROOT
) -> dict[str, float]:
    run = RUN
    if "api.handler" not in setup and "FastAPI" not in setup:  # it may say that there is no database
        run = run.replace(ANSWERED, "").replace(
            "answer = handler(json.loads(sys.argv[1]), None)\n",
            "try:\n    handler(json.loads(sys.argv[1]), None)\nexcept Exception:\n    pass\n",
        )
    done = subprocess.run(
        [python, "-c", run.format(setup=setup), json.dumps(event)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--handlers", action="store_true", help="every function, from its artefact")
    parser.add_argument("--python", default=sys.executable, help="with --handlers: which Python")
    asked = parser.parse_args()
    runs = asked.runs
    if asked.handlers:
        handlers(asked.python, runs)
        return
    ours, hello = [], []
    for _ in range(runs):
        hello.append(once(HELLO, EVENT, {}))
        ours.append(once("from api.handler import handler", EVENT, {}))

    def median(rows: list[dict[str, float]], name: str) -> float:
        return statistics.median(row[name] for row in rows)

    print(f"{'':22}{'hello-world':>12}{'FFP':>12}{'ratio':>8}")
    for name in ("import_ms", "first_ms", "total_ms", "rss_mb"):
        a, b = median(hello, name), median(ours, name)
        print(f"{name:22}{a:12.1f}{b:12.1f}{b / a:8.2f}")


def handlers(python: str, runs: int) -> None:
    from requirements.build import Target, make  # noqa: PLC0415 - needs the development environment

    asked = "import platform; print(platform.python_version(), platform.machine())"
    version, machine = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    target = Target(version.rpartition(".")[0], machine)
    found = dict(sorted(functions().items()))
    folders = {name: ROOT / "build" / f"python{target.python}" / name for name in {each for each, _ in found.values()}}
    for name, folder in folders.items():
        make(name, folder, target)
    setups = {"returns at once": ("api", AT_ONCE), "hello-world": ("api", HELLO)}
    setups |= {name: (artefact, f"from {module} import handler") for name, (artefact, module) in found.items()}
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in setups}
    for _ in range(runs):
        for name, (artefact, setup) in setups.items():
            event = EVENT if "api.handler" in setup or name == "hello-world" else {"Records": [], "phase": "expand"}
            figures[name].append(once(setup, event, NOWHERE, python, folders[artefact]))
    print(f"Python {version}, CPU ms of {runs} fresh processes, medians")
    print(f"{'':24}{'import':>9}{'first':>9}{'total':>9}{'x hello':>9}{'MB':>7}")
    hello = statistics.median(row["total_ms"] for row in figures["hello-world"])
    for name, rows in figures.items():
        of = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        print(
            f"{name:24}{of['import_ms']:9.1f}{of['first_ms']:9.1f}{of['total_ms']:9.1f}{of['total_ms'] / hello:9.2f}"
            f"{of['rss_mb']:7.0f}"
        )


def functions() -> dict[str, tuple[str, str]]:
    """Function -> its artefact and the module of its handler, one function of each handler."""
    text = (ROOT / "template.yaml").read_text()
    pattern = (
        r"(?m)^  (\w+)Function:\n(?:    .*\n)*?      CodeUri: infra/functions/(\w+).*\n      Handler: ([\w.]+)\.handler"
    )
    seen: dict[str, tuple[str, str]] = {}
    for name, artefact, module in re.findall(pattern, text):
        if (artefact, module) not in seen.values():
            seen[name] = (artefact, module)
    return seen


if __name__ == "__main__":
    main()
