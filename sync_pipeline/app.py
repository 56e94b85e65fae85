"""The ASGI entry, `uvicorn --factory sync_pipeline.app:create`: the API."""

from fastapi import FastAPI

from sync_pipeline.api.application import build
from sync_pipeline.api.logs import configure
from sync_pipeline.api.traces import trace


def create() -> FastAPI:
    """The application of this process, with its logs."""
    configure()
    app = build()
    trace(app)
    return app
