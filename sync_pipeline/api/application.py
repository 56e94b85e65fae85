"""The FastAPI application: routes, middleware, and what it opens and closes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

import sync_pipeline.api.routes as routes
from sync_pipeline.api import errors, openapi
from sync_pipeline.api.auth import NEEDED, Right, needs
from sync_pipeline.api.middleware import Guard
from sync_pipeline.api.origins import OtherSites, origins_of
from sync_pipeline.api.runtime import ApiRuntime
from sync_pipeline.api.sse import Hub
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.open import open_database

_DESCRIPTION = """The same steps as the command line and the Dagster assets, over HTTP.

Send a token: `Authorization: Bearer sp_…` (`sync-pipeline token add ORG --role R`). A token belongs to one organization
and has a role. Another organization's objects return the same 404 as missing ones. A token of the role `agent` reads
people's names, addresses and numbers as pseudonyms, unless an admin made it unmasked.

Errors are `{"success": false, "error": "…"}`. Fields and query parameters that a call does not know are errors.
Every response has an `X-Request-Id`, which finds the call in the log. Work for a store or Dagster is saved as a
*request*, and starts as soon as Dagster is available: `GET /api/v1/requests/{id}` returns its state."""


def build(settings: Settings | None = None, db: Database | None = None) -> FastAPI:
    """Build the application. It opens the database at startup, unless it is given one."""
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened = db or open_database(settings)
        opened.serve_calls(_STATEMENT_SECONDS)
        runtime = ApiRuntime(settings, opened)
        app.state.runtime = runtime
        async with Hub(runtime) as hub:
            app.state.hub = hub
            yield
        if db is None:
            opened.close()

    app = FastAPI(
        title="sync_pipeline",
        version=version("sync-pipeline"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # that page loads scripts from other hosts; the Explorer has one of its own at /docs
        redoc_url=None,
        redirect_slashes=False,  # a redirect goes to the Host header's host over plain HTTP, and the token with it
        generate_unique_id_function=lambda route: route.name,
    )
    errors.install(app)
    rights: dict[tuple[str, str], Right | None] = {}
    paths: set[str] = set()
    for info in sorted(iter_modules(routes.__path__), key=lambda one: one.name):
        router: APIRouter = import_module(f"{routes.__name__}.{info.name}").router
        app.include_router(router)
        rights.update(_rights(router))
        paths.update(one.path for one in router.routes if isinstance(one, APIRoute) and one.include_in_schema)
    app.state.paths = paths  # an unknown one is told the nearest
    if origins := origins_of(settings):
        app.add_middleware(
            OtherSites,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id"],
            expose_headers=["X-Request-Id", "Retry-After"],
        )
    app.add_middleware(Guard, max_body=settings.max_body_bytes)
    app.openapi = lambda: openapi.document(app, rights)  # type: ignore[method-assign]
    return app


_STATEMENT_SECONDS = 120


def _rights(router: APIRouter) -> dict[tuple[str, str], Right | None]:
    """The right that each call of a router needs; calls without a token are left out."""
    return {
        (method.lower(), route.path): NEEDED[need.call]
        for route in router.routes
        if isinstance(route, APIRoute)
        for need in needs(route.dependant)
        if need.call in NEEDED
        for method in route.methods or ()
    }
