"""The Explorer's routes on the service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.responses import RedirectResponse

from sync_pipeline.errors import NotFound
from sync_pipeline.explorer import pages, static_files
from sync_pipeline.explorer.live import Live
from sync_pipeline.explorer.session import PageRoute


def mount(app: FastAPI) -> FastAPI:
    """Add pages and static files to the service; its root leads to them."""
    app.include_router(static_files.router)
    for router in routers():
        app.include_router(router, include_in_schema=False)
    api = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any] | None]:
        async with api(app) as state, Live(app.state.runtime) as live:
            app.state.live = live
            yield state

    app.router.lifespan_context = lifespan  # type: ignore[assignment]
    return app


def routers() -> Iterator[APIRouter]:
    """The routers of all pages; the one for what is no page comes last.

    Operations come before it: /ui/ORG/CONNECTION would also be every page of an organization.
    """
    for info in sorted(iter_modules(pages.__path__), key=lambda one: (one.name == "operations", one.name)):
        yield import_module(f"{pages.__name__}.{info.name}").router
    yield _last


_last = APIRouter(route_class=PageRoute)


@_last.get("/")
def root() -> RedirectResponse:
    """The service's root leads to the Explorer."""
    return RedirectResponse("/ui", 303)


@_last.get("/ui/{path:path}")
def unknown_page(path: str) -> None:
    """No such page."""
    raise NotFound(f"There is no page /ui/{path}.")
