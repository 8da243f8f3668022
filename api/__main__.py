"""One API process: `python -m api --host 0.0.0.0 --port 8000`, configured by its environment."""

import argparse

import uvicorn

from infra import logs, production, telemetry

_SOURCES = ["api", "domain", "infra"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="api", description="Run one API process.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--reload", action="store_true", help="start anew when code changes")
    asked = parser.parse_args()
    production.refuse("api")
    if not asked.reload:  # this process serves itself, and not a child that comes and goes
        telemetry.begin("api")
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=asked.host,
        port=asked.port,
        reload=asked.reload,
        reload_dirs=_SOURCES if asked.reload else None,
        http="api.server:BoundedProtocol",
        ws="none",
        log_config=logs.FOR_LIBRARIES,
        access_log=False,  # FFP writes its own, without queries in the URLs
        server_header=False,
        timeout_keep_alive=5,  # seconds
        timeout_graceful_shutdown=5,  # seconds; an event stream would hold it for ever
    )


if __name__ == "__main__":
    main()
