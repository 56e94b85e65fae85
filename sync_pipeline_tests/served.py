"""The service, its API and its Explorer, over a test's database, and tokens of every role."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx  # the one that starlette's test client speaks
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute

from sync_pipeline.api.application import build
from sync_pipeline.cli.children import answers
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.explorer.mount import mount
from sync_pipeline.mcp.mount import mount as mount_agents
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import tokens
from sync_pipeline_tests.processes import free_port
from sync_pipeline_tests.waiting import wait_until


@dataclass
class Served:
    """A running application, and whom it is called as."""

    app: FastAPI
    client: TestClient
    db: Database
    settings: Settings
    _tokens: dict[tuple[str, str, bool], str] = field(default_factory=dict)

    def token(self, org: connect.Organization, role: str = "admin", *, unmasked: bool = False) -> str:
        """A token of the organization and role; a plugin's is bound to the organization's first connection."""
        key = (org.slug, role, unmasked)
        if key not in self._tokens:
            bound = connect.connections(self.db, org)[0] if role == "plugin" else None
            made = tokens.add_token(self.db, org, role, connection=bound, unmasked=unmasked, actor="test")
            self._tokens[key] = made.plain
        return self._tokens[key]

    def call(
        self, method: str, path: str, org: connect.Organization, role: str = "admin", **options: Any
    ) -> httpx.Response:
        """One call as somebody of the organization."""
        headers = {"Authorization": f"Bearer {self.token(org, role)}", **options.pop("headers", {})}
        answer: httpx.Response = self.client.request(method, path, headers=headers, **options)
        return answer


_KNOWN: dict[int, BaseRoute] = {}  # by the router's id; routers live as long as their modules


def _with_known_routes(app: FastAPI) -> FastAPI:
    """The application with the routers as an earlier one has read them.

    FastAPI reads a router's functions when it is first called, for each application again, which takes a tenth of a
    second of each test. They depend on nothing that differs between the applications.
    """
    for place, route in enumerate(app.router.routes):
        if (router := getattr(route, "original_router", None)) is not None:
            app.router.routes[place] = _KNOWN.setdefault(id(router), route)
    return app


@contextmanager
def listening(app: FastAPI, port: int = 0) -> Iterator[str]:
    """The application on a real port (a free one if none is named), as uvicorn serves it; its address."""
    import socket
    import threading
    import time

    import uvicorn

    from sync_pipeline.api.wire import Wire

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
        port = listener.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(_with_known_routes(app), log_config=None, timeout_graceful_shutdown=2, http=Wire)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(20)


@contextmanager
def served(db: Database, settings: Settings) -> Iterator[Served]:
    """Start the application on this database."""
    app = _with_known_routes(mount_agents(mount(build(settings, db))))
    with TestClient(app, raise_server_exceptions=False, client=("127.0.0.1", 50000)) as client:
        yield Served(app, client, db, settings)


@contextmanager
def serving(
    owner_url: str, database: Database, settings: Settings, port: int | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`sync-pipeline serve` in a process of its own, on the test's database; the process and its address."""
    port = port or free_port()
    assert settings.secret_key is not None
    child = subprocess.Popen(
        [sys.executable, "-m", "sync_pipeline.cli.main", "serve", "--port", str(port)],
        env={
            **os.environ,
            "SYNC_HOME": str(settings.home),
            "SYNC_DATABASE_URL": owner_url,
            "SYNC_APP_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
            "SYNC_SECRET_KEY": settings.secret_key.get_secret_value(),
            "SYNC_ALLOW_PRIVATE_HOSTS": "1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: child.poll() is not None or answers(f"{url}/healthz"), "the service answers")
        assert child.poll() is None
        yield child, url
    finally:
        child.kill()
        child.wait(60)
