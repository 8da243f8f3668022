"""Cold start of the API's Lambda entry: CPU of importing it and answering once, against a FastAPI + Mangum hello-world.

    .venv/bin/python benchmarks/cold_start.py [--runs 9]

Each figure is a fresh interpreter, the two taken in turns; medians of CPU time, so a busy machine changes both alike.
The answer is to a health check: what a first job needs beyond that (a database connection, the signing keys)
is waiting for others, and the same for both.
"""

import argparse
import json
import os
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


def once(setup: str, event: dict[str, object], environment: dict[str, str]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(setup=setup), json.dumps(event)],
        cwd=ROOT,
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
    runs = parser.parse_args().runs
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


if __name__ == "__main__":
    main()
