"""The processes that serve Dagster: code server, webserver and daemon."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from sync_pipeline.config import Settings
from sync_pipeline.defs.instance import environment, open_instance
from sync_pipeline.errors import ConfigurationError

LOCATION = "sync_pipeline"


@dataclass(frozen=True, slots=True)
class Servers:
    """The commands of Dagster's processes by name, in the order to start them, and their environment."""

    commands: dict[str, tuple[str, ...]]
    environment: dict[str, str]


def server_commands(settings: Settings, port: int) -> Servers:
    """The code server, the webserver (on loopback, because it has no login of its own) and the daemon.

    The webserver and the daemon share the code server, so the definitions are loaded once. Both wait for it
    (`wait_for_port.py`), so all three can be started at the same time. Code locations of
    `SYNC_DAGSTER_WORKSPACE` are theirs to start.

    Raises:
        ConfigurationError: there is no such file.
    """
    from sync_pipeline.defs.orphaned_runs import fail_orphaned_runs

    further = settings.dagster_workspace
    if further is not None and not further.is_file():
        raise ConfigurationError(f"SYNC_DAGSTER_WORKSPACE is {further}, and there is no such file.")
    with open_instance(settings) as instance:
        fail_orphaned_runs(instance)
    code_port = str(_free_port())
    workspaces = [_workspace(settings.home.resolve() / "dagster", code_port), *([further.resolve()] if further else [])]
    location = tuple(part for path in workspaces for part in ("--workspace", str(path)))
    bin_ = Path(sys.executable).parent
    # By its path, since `-m` would import Dagster for it. -P: do not import modules from its folder.
    wait = (sys.executable, "-P", str(Path(__file__).with_name("wait_for_port.py")), code_port)
    quiet = ("--log-level", "warning")
    return Servers(
        {
            "dagster-code": (
                *(str(bin_ / "dagster"), "api", "grpc", "--module-name", "sync_pipeline.definitions"),
                *("--host", "127.0.0.1", "--port", code_port, "--location-name", LOCATION, *quiet),
            ),
            "dagster-webserver": (
                *(*wait, str(bin_ / "dagster-webserver"), "--host", "127.0.0.1", "--port", str(port)),
                *(*location, *quiet),
            ),
            "dagster-daemon": (*wait, str(bin_ / "dagster-daemon"), "run", *location, *quiet),
        },
        environment(settings),
    )


def _workspace(home: Path, code_port: str) -> Path:
    """Write workspace.yaml, anew at each start.

    The location's name is fixed: Dagster stores the state of schedules and sensors under it.
    """
    path = home / "workspace.yaml"
    path.write_text(f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {code_port}, location_name: {LOCATION}}}\n")
    return path


def _free_port() -> int:
    """A port that is free now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
