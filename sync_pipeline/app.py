"""The ASGI entry point of the API: `uvicorn --factory sync_pipeline.app:create`."""

from fastapi import FastAPI

from sync_pipeline.api.application import build
from sync_pipeline.api.logs import configure
from sync_pipeline.api.traces import trace


def create() -> FastAPI:
    """Build the application and configure its logs and traces."""
    configure()
    app = build()
    trace(app)
    return app
