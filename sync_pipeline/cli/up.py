"""up: run everything in the foreground until Ctrl-C."""

import os
import time
from typing import TYPE_CHECKING

import typer

from sync_pipeline.cli.alone import DagsterPort, Port, check_home, check_ports, hold_home
from sync_pipeline.cli.output import note, say

if TYPE_CHECKING:
    from sync_pipeline.cli.children import Child
    from sync_pipeline.config import Settings

_START_SECONDS = 120.0  # the code location is loaded before the webserver answers


def register(app: typer.Typer) -> None:
    app.command("up")(up)


def up(port: Port = 8000, dagster_port: DagsterPort = 3000) -> None:
    """Run the database, the Explorer, the API and Dagster in the foreground. Ctrl-C stops them all."""
    from sync_pipeline.cli.children import family, run_until_stopped
    from sync_pipeline.cli.context import warn_of_variables
    from sync_pipeline.cli.serve import start_api
    from sync_pipeline.config import Settings

    os.environ.setdefault("SYNC_EXPLORER_URL", f"http://127.0.0.1:{port}")  # what Dagster's pages link to
    settings = Settings()
    warn_of_variables()
    check_home(settings)
    check_ports(port, dagster_port)
    hold_home(settings, f"http://127.0.0.1:{port}/ui")
    if settings.embedded:
        from sync_pipeline.db.open import migrate_to_head
        from sync_pipeline.gates import migration

        migrate_to_head(settings, migration)
    with family() as children:
        url = start_dagster(children, settings, dagster_port)
        api = start_api(children, settings, port, dagster_url=url)
        say(f"Explorer  {api}/ui")
        say(f"Dagster   {url}")
        say(f"API       {api}/openapi.json")
        say(f"Data      {settings.home}")
        say(f"Logs      {settings.home / 'logs'}")
        if not settings.pulls_by_schedule:
            say("Nothing is pulled by itself here: turn nightly_delta on in Dagster, under Automation.")
        say("Ctrl-C stops everything.")
        run_until_stopped(children)
    note("Stopped.")


def start_dagster(children: "list[Child]", settings: "Settings", port: int) -> str:
    """Start the Dagster webserver and daemon as children; returns the UI's address once it answers.

    Raises:
        ChildDied: one of them did not start.
    """
    from sync_pipeline.cli.children import Child, answers, check_children
    from sync_pipeline.db.open import open_database
    from sync_pipeline.defs.servers import server_commands

    open_database(settings).close()  # report a database problem before anything starts
    servers = server_commands(settings, port)
    for name, argv in servers.commands.items():
        log = settings.home / "logs" / f"{name}.log"
        children.append(Child(name, argv, env=servers.environment, log=log))
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + _START_SECONDS
    while not answers(f"{url}/server_info"):
        check_children(children)
        if time.monotonic() > deadline:
            raise children[-1].silent(_START_SECONDS)
        time.sleep(0.3)
    return url
