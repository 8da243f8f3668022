"""The application: the same under uvicorn and under Mangum."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api import document, errors, rates, sections
from api.middleware import Envelope
from api.streams import Streams
from api.waiting import ChangeWatch
from infra import garbage, pools, production, settings

_DESCRIPTION = """Assessments and exercise programs for physiotherapy and fitness.

Errors are RFC 9457 problem details with a stable `code`; each `type` is a page about it.
FFP is not a medical device."""


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """A server's life. Mangum runs without it: there a waiter polls, and the pool opens by first use."""
    sections.load(app)
    garbage.settle()
    streams: Streams = app.state.streams
    async with streams.watch.listening():
        yield
    pools.close()


def create_app() -> FastAPI:
    """Ends the process where staging or production would run on a development value."""
    production.refuse("api")
    app = FastAPI(
        title="FFP",
        version="1.0.0",
        description=_DESCRIPTION,
        lifespan=_lifespan,
        redoc_url=None,
        docs_url=None,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
    )
    app.state.streams = Streams(ChangeWatch())
    app.state.loaded = set()
    errors.install(app)
    app.add_middleware(sections.Sections, application=app)
    app.add_middleware(rates.Rates)
    app.add_middleware(Envelope, origins=settings.cors_origins(), read_timeout_s=settings.read_timeout_s())
    document.install(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
