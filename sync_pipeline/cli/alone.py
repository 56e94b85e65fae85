"""What `up` and `demo` test in their first second: their ports are free, and nobody else runs on their data folder."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Annotated

import typer

from sync_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from sync_pipeline.config import Settings

Port = Annotated[
    int, typer.Option("--port", metavar="N", min=1, max=65535, help="Port of the Explorer and the API.")
]  # fmt: skip
DagsterPort = Annotated[
    int, typer.Option("--dagster-port", metavar="N", min=1, max=65535, help="Port of the Dagster UI.")
]  # fmt: skip

_held: list[IO[str]] = []  # open, and so locked, until the process ends


def check_ports(port: int, dagster_port: int) -> None:
    """Raises ConfigurationError if one of them is in use, or both are one."""
    from sync_pipeline.cli.children import free_port

    if port == dagster_port:
        raise ConfigurationError(f"The Explorer and Dagster cannot both have port {port}. Choose another --port.")
    for option, variable, number in (("--port", "PORT", port), ("--dagster-port", "DAGSTER_PORT", dagster_port)):
        if not free_port(number):
            raise ConfigurationError(
                f"Port {number} is in use. Choose another one with {option} (make demo {variable}=…)."
            )


def hold_home(settings: Settings, serves: str) -> None:
    """Hold the data folder until this process ends: two daemons would take each other's runs. `serves` tells the next
    one who has it.

    Raises:
        ConfigurationError: another `up` or `demo` uses this folder, or it cannot be written to.
    """
    import fcntl
    import os

    path = settings.home / "up.lock"
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{settings.home} cannot be used: {error.strerror}. Set SYNC_HOME.") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        who = file.readline().strip()
        file.close()
        raise ConfigurationError(
            f"Another `sync-pipeline up` or `demo` is using {settings.home}{f' ({who})' if who else ''}. "
            "Stop it first, or set SYNC_HOME to another folder."
        ) from None
    file.truncate(0)
    file.write(f"process {os.getpid()}, {serves}\n")
    file.flush()
    _held.append(file)
