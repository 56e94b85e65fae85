"""The FastAPI application: routes, middleware, and what it opens and closes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

import sync_pipeline.api.routes as routes
from sync_pipeline.api import errors
from sync_pipeline.api.auth import NEEDED, RIGHTS, Right, needs
from sync_pipeline.api.examples import illustrate
from sync_pipeline.api.middleware import Guard
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
    for info in sorted(iter_modules(routes.__path__), key=lambda one: one.name):
        router: APIRouter = import_module(f"{routes.__name__}.{info.name}").router
        app.include_router(router)
        rights.update(_rights(router))
    origins = [one.strip() for one in settings.cors_origins.split(",") if one.strip()]
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id"],
            expose_headers=["X-Request-Id", "Retry-After"],
        )
    app.add_middleware(Guard, max_body=settings.max_body_bytes)
    app.openapi = lambda: _openapi(app, rights)  # type: ignore[method-assign]
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


def _openapi(app: FastAPI, rights: Mapping[tuple[str, str], Right | None]) -> dict[str, Any]:
    """FastAPI's OpenAPI document, corrected: malformed calls return 400, and errors of streams are JSON too."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=_TAGS
        )
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if (method, path) in rights:
                    right = rights[method, path]
                    operation["x-right"] = right
                    operation["x-roles"] = [role for role, those in RIGHTS.items() if right is None or right in those]
                operation["responses"].pop("422", None)
                for status, answer in operation["responses"].items():
                    content = answer.get("content", {})
                    if status >= "400" and "text/event-stream" in content:  # an error is not a stream
                        content["application/json"] = content.pop("text/event-stream")
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        illustrate(document)
        app.openapi_schema = document
    return app.openapi_schema


# In this order, each section's examples use only what the sections before it made (see examples.json).
_TAGS = [
    {"name": "observe", "description": "Status, checks and the audit log."},
    {"name": "table", "description": "Captured records with their status."},
    {"name": "preview", "description": "Preview what would change, and select records."},
    {"name": "plans", "description": "Plan exactly what will happen, apply it, undo it."},
    {
        "name": "push",
        "description": "For plugins that send records by themselves; and what became of every push and pull.",
    },
    {"name": "sync", "description": "Queues, full syncs, and several entities in the order of their dependencies."},
    {"name": "decisions", "description": "Gates: work that has stopped and waits for a person's answer."},
    {"name": "webhooks", "description": "For stores that send notifications."},
    {"name": "connections", "description": "Stores, without their secrets."},
    {"name": "people", "description": "Sessions, tokens and users."},
    {"name": "approvals", "description": "A person's yes to a plan, and policies: a yes in advance, within limits."},
    {
        "name": "validation",
        "description": "Every check as a matrix with evidence, a person's word on it, and all decisions.",
    },
    {"name": "health", "description": "For monitoring."},
]
