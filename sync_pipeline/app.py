"""The ASGI entry point of the service, the API and the Explorer: `uvicorn --factory sync_pipeline.app:create`."""

from fastapi import FastAPI

from sync_pipeline.api.application import build
from sync_pipeline.api.logs import configure
from sync_pipeline.api.traces import trace
from sync_pipeline.explorer.mount import mount


def create() -> FastAPI:
    """Build the application and configure its logs and traces."""
    configure()
    app = mount(build())
    trace(app)
    return app
