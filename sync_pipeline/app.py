"""The ASGI entry point of the service: `uvicorn --factory sync_pipeline.app:create`.

The API, the Explorer and the agents' server are one application.
"""

from fastapi import FastAPI

from sync_pipeline.api.application import build
from sync_pipeline.api.logs import configure
from sync_pipeline.api.traces import trace
from sync_pipeline.explorer.mount import mount
from sync_pipeline.mcp.mount import mount as mount_agents


def create() -> FastAPI:
    """Build the application and configure its logs and traces."""
    configure()
    app = mount_agents(mount(build()))
    trace(app)
    return app
