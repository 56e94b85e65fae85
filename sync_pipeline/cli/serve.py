"""serve: run only the service, the API and the Explorer, in the foreground."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sync_pipeline.cli.children import Child
    from sync_pipeline.config import Settings

_START_SECONDS = 60.0
_AT_ONCE = 4000  # connections, including event streams
_OTHER_FILES = 100  # file descriptors for the database pool, stores and logs
_GRACE_SECONDS = 5  # for running calls and open streams when the server stops


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve(
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="Port to listen on.")] = 8000,
    host: Annotated[
        str,
        typer.Option(
            "--host", metavar="H", help="Address to listen on: 0.0.0.0 in a container, behind a proxy with TLS."
        ),
    ] = "127.0.0.1",
) -> None:
    """Run only the API and the Explorer. Several can run side by side: they share state through the database."""
    import uvicorn

    from sync_pipeline.api.wire import Wire
    from sync_pipeline.cli.children import free_port
    from sync_pipeline.cli.context import begin_work, warn_of_variables
    from sync_pipeline.config import Settings
    from sync_pipeline.db.open import open_database
    from sync_pipeline.errors import ConfigurationError

    if not free_port(port):
        raise ConfigurationError(f"Port {port} is in use. Choose another one with --port.")
    begin_work()
    warn_of_variables()
    open_database(Settings()).close()  # report a database problem before anything starts
    uvicorn.run(
        "sync_pipeline.app:create",
        factory=True,
        host=host,
        port=port,
        log_config=None,  # the application configures its own, which redact secrets
        access_log=False,
        server_header=False,
        http=Wire,
        limit_concurrency=_many(_AT_ONCE),
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def _many(wanted: int) -> int:
    """How many connections the system allows this process, at most `wanted`. More are answered with 503.

    Without this limit, a flood of connections leaves no file descriptor for the database, and no call is answered.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = max(min(wanted, hard - _OTHER_FILES), _OTHER_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted + _OTHER_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + _OTHER_FILES, hard))
    return wanted


def start_api(children: list[Child], settings: Settings, port: int, *, dagster_url: str) -> str:
    """Start `serve` as a child; returns its address once it answers.

    Raises:
        ConfigurationError: the port is in use.
        ChildDied: it did not start.
    """
    from sync_pipeline.cli.children import Child, answers, free_port
    from sync_pipeline.errors import ConfigurationError

    if not free_port(port):
        raise ConfigurationError(f"Port {port} is in use. Choose another one with --port.")
    argv = (sys.executable, "-m", "sync_pipeline.cli.main", "serve", "--port", str(port))
    env = {"SYNC_HOME": str(settings.home.resolve()), "SYNC_DAGSTER_URL": settings.dagster_url or dagster_url}
    child = Child("api", argv, env=env, log=settings.home / "logs" / "api.log")
    children.append(child)
    url = f"http://127.0.0.1:{port}"
    child.wait_until(lambda: answers(f"{url}/healthz"), _START_SECONDS)
    return url
