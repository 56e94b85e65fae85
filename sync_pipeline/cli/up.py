"""up: run everything in the foreground until Ctrl-C."""

import os
import time
from typing import IO, TYPE_CHECKING, Annotated

import typer

from sync_pipeline.cli.output import note, say

if TYPE_CHECKING:
    from sync_pipeline.cli.children import Child
    from sync_pipeline.config import Settings

_START_SECONDS = 120.0  # the code location is loaded before the webserver answers


def register(app: typer.Typer) -> None:
    app.command("up")(up)


def up(
    port: Annotated[int, typer.Option("--port", metavar="N", help="Port of the Explorer and the API.")] = 8000,
    dagster_port: Annotated[int, typer.Option("--dagster-port", metavar="N", help="Port of the Dagster UI.")] = 3000,
) -> None:
    """Run the database, the Explorer, the API and Dagster in the foreground. Ctrl-C stops them all."""
    from sync_pipeline.cli.children import family, free_port, run_until_stopped
    from sync_pipeline.cli.serve import start_api
    from sync_pipeline.config import Settings
    from sync_pipeline.db.open import migrate_to_head
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.gates import migration

    if not free_port(port):  # fail now, not after Dagster has started
        raise ConfigurationError(f"Port {port} is in use. Choose another one with --port.")
    os.environ.setdefault("SYNC_EXPLORER_URL", f"http://127.0.0.1:{port}")  # what Dagster's pages link to
    settings = Settings()
    if settings.embedded:
        migrate_to_head(settings, migration)
    with family() as children:
        url = start_dagster(children, settings, dagster_port)
        api = start_api(children, settings, port, dagster_url=url)
        say(f"Explorer  {api}/ui")
        say(f"Dagster   {url}")
        say(f"API       {api}/openapi.json")
        say(f"Data      {settings.home}")
        if not settings.pulls_by_schedule:
            say("Nothing is pulled by itself here: turn nightly_delta on in Dagster, under Automation.")
        say("Ctrl-C stops everything.")
        run_until_stopped(children)
    note("Stopped.")


_held: list[IO[bytes]] = []  # open, and so locked, until the process ends


def _alone(settings: "Settings") -> None:
    """Allow one daemon per data folder: two would take each other's runs.

    Raises:
        ConfigurationError: another `up` or `demo` uses this folder.
    """
    import fcntl

    from sync_pipeline.errors import ConfigurationError

    settings.home.mkdir(parents=True, exist_ok=True)
    file = (settings.home / "up.lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigurationError(
            f"Another `sync-pipeline up` or `demo` is using {settings.home}. Stop it first, or set SYNC_HOME."
        ) from None
    _held.append(file)


def start_dagster(children: "list[Child]", settings: "Settings", port: int) -> str:
    """Start the Dagster webserver and daemon as children; returns the UI's address once it answers.

    Raises:
        ConfigurationError: the port is in use.
        ChildDied: one of them did not start.
    """
    from sync_pipeline.cli.children import Child, answers, free_port
    from sync_pipeline.db.open import open_database
    from sync_pipeline.defs.servers import server_commands
    from sync_pipeline.errors import ConfigurationError

    if not free_port(port):
        raise ConfigurationError(f"Port {port} is in use. Choose another one with --dagster-port.")
    _alone(settings)
    open_database(settings).close()  # report a database problem before anything starts
    servers = server_commands(settings, port)
    for name, argv in servers.commands.items():
        log = settings.home / "logs" / f"{name}.log"
        children.append(Child(name, argv, env=servers.environment, log=log))
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + _START_SECONDS
    while not answers(f"{url}/server_info"):
        for child in children:
            if child.ended:
                raise child.died()
        if time.monotonic() > deadline:
            raise children[-1].silent(_START_SECONDS)
        time.sleep(0.3)
    return url
