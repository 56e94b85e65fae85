"""The Explorer's routes on the service."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from fastapi import APIRouter, FastAPI
from starlette.responses import RedirectResponse

from sync_pipeline.errors import NotFound
from sync_pipeline.explorer import pages, static_files
from sync_pipeline.explorer.session import PageRoute


def mount(app: FastAPI) -> FastAPI:
    """Add pages and static files to the service; its root leads to them."""
    app.include_router(static_files.router)
    for info in sorted(iter_modules(pages.__path__), key=lambda one: one.name):
        router: APIRouter = import_module(f"{pages.__name__}.{info.name}").router
        app.include_router(router, include_in_schema=False)
    app.include_router(_last, include_in_schema=False)
    return app


_last = APIRouter(route_class=PageRoute)


@_last.get("/")
def root() -> RedirectResponse:
    """The service's root leads to the Explorer."""
    return RedirectResponse("/ui", 303)


@_last.get("/ui/{path:path}")
def unknown_page(path: str) -> None:
    """No such page."""
    raise NotFound(f"There is no page /ui/{path}.")
