"""The parts of the API, each loaded by the first request for it.

A route costs about two milliseconds to make, and a Lambda environment often serves one part alone: its cold start pays
for that part only. A server loads all of them before it listens.
"""

from collections.abc import Iterable
from importlib import import_module

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

# First segment of the path after /v1 -> the modules of api.routes with routes below it.
MODULES: dict[str, tuple[str, ...]] = {
    "adaptations": ("courses",),
    "assessments": ("assessments", "fhir"),
    "auth": ("auth", "registration"),
    "business": (
        "business",
        "members",
        "cohorts",
        "bulk_actions",
        "invitations",
        "audit",
        "member_rights",
        "webhooks",
        "outcomes",
    ),
    "content": ("content_videos",),
    "erasures": ("erasures",),
    "errors": ("errors",),
    "events": ("events",),
    "feeds": ("feeds",),
    "health": ("health",),
    "imports": ("import_files", "imports"),
    "invitations": ("acceptance",),
    "jobs": ("jobs",),
    "me": ("me", "preferences", "leaving", "audit", "outcomes", "feeds"),
    "notifications": ("notifications",),
    "ops": ("ops_audit", "ops_jobs", "ops_dead_letters", "ops_replays", "ops_limits"),
    "programs": ("programs", "reviews", "fhir", "sessions", "courses", "check_ins", "reports"),
    "reports": ("reports",),
    "reviews": ("reviews", "courses"),
    "sessions": ("sessions",),
    "templates": ("templates", "fhir"),
    "videos": ("videos",),
}


def load(app: FastAPI, sections: Iterable[str] = MODULES) -> None:
    """Add the routes of these sections that are not there yet."""
    loaded: set[str] = app.state.loaded
    for section in sections:
        for name in MODULES.get(section, ()):
            if name not in loaded:
                app.include_router(import_module(f"api.routes.{name}").router)
                loaded.add(name)


class Sections:
    """ASGI middleware: what the path asks for is there when the router looks for it."""

    def __init__(self, app: ASGIApp, application: FastAPI) -> None:
        self._app = app
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            load(self._application, scope["path"].split("/", 3)[2:3])
        await self._app(scope, receive, send)
