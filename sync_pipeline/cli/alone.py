"""What `up` and `demo` test in their first second: their ports are free, and nobody else runs on their data folder."""

from __future__ import annotations

import re
from pathlib import Path
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


def check_home(settings: Settings) -> None:
    """Raises ConfigurationError if another `up` or `demo`, or what one of them left running, uses the data folder."""
    import fcntl

    path = settings.home / "up.lock"
    try:
        with path.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _in_use(path) from None
    except OSError:
        return  # there is none yet, or `hold_home` says what is wrong with it


def hold_home(settings: Settings, serves: str) -> None:
    """Hold the data folder until this process and its children end: two daemons would take each other's runs. `serves`
    tells the next one who has it.

    Raises:
        ConfigurationError: another one, or what it left running, uses this folder, or it cannot be written to.
    """
    import fcntl
    import os

    from sync_pipeline.cli.children import inherit

    path = settings.home / "up.lock"
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{settings.home} cannot be used: {error.strerror}. Set SYNC_HOME.") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise _in_use(path) from None
    file.truncate(0)
    file.write(f"process {os.getpid()}, {serves}\n")
    file.flush()
    _held.append(file)
    inherit(file.fileno())


def _in_use(path: Path) -> ConfigurationError:
    who = path.read_text("utf-8").partition("\n")[0].strip()
    named = f" ({who})" if who else ""
    holders = _holders(path)
    first = re.match(r"process (\d+)", who)
    if holders and first and int(first[1]) not in holders:
        pids = " ".join(map(str, holders))
        return ConfigurationError(
            f"The `sync-pipeline up` or `demo` that used {path.parent}{named} has ended, but processes that it started "
            f"still run there: {', '.join(map(str, holders))}. End them: kill {pids}"
        )
    unseen = "" if holders else f" If it was killed, `lsof {path}` names what it left running."
    return ConfigurationError(
        f"Another `sync-pipeline up` or `demo` is using {path.parent}{named}. "
        f"Stop it first, or set SYNC_HOME to another folder.{unseen}"
    )


def _holders(path: Path) -> list[int]:
    """The processes that have this file open, as far as the system tells: Linux does, of one's own processes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(one.samefile(path) for one in folder.iterdir() if one.readlink() == path.resolve()):
                found.append(int(folder.parent.name))
        except OSError:
            continue  # it has ended, or is somebody else's
    return sorted(found)
