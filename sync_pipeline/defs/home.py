"""DAGSTER_HOME of this project: `$SYNC_HOME/dagster`, with dagster.yaml in it; and the processes that serve it.

`python -m sync_pipeline.defs.home` makes Dagster's database where it is not there, and is used by compose.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sync_pipeline.config import PROJECT, Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

LOCATION = "sync_pipeline"


@dataclass(frozen=True, slots=True)
class Servers:
    """Dagster's processes, in the order to start them: name → command; and the environment they share."""

    commands: dict[str, tuple[str, ...]]
    environment: dict[str, str]


def instance_home(settings: Settings) -> Path:
    """DAGSTER_HOME, made ready: its folder, dagster.yaml, and this process's environment. Returns the folder."""
    home = settings.home.resolve() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    _copy(PROJECT / "dagster.yaml", home / "dagster.yaml")
    os.environ.update(environment(settings))
    return home


def environment(settings: Settings) -> dict[str, str]:
    """What Dagster's processes need beside the SYNC_* variables, and those that tell them the same data folder."""
    from sync_pipeline.db.open import dagster_url

    home = settings.home.resolve()
    return {
        "SYNC_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "DAGSTER_DATABASE_URL": dagster_url(settings).render_as_string(hide_password=False),
        "DAGSTER_COMPUTE_LOGS": str(home / "dagster" / "logs"),
        "DAGSTER_EVENT_BATCH_SIZE": "200",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }


def open_instance(settings: Settings) -> DagsterInstance:
    """The instance the UI shows, for runs in this process: what they print stays on this terminal."""
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    home = instance_home(settings)
    quiet = {
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
            "config": {},
        }
    }
    instance = DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=quiet))
    keep_connections(instance)
    return instance


def server_commands(settings: Settings, port: int) -> Servers:
    """The code server, the webserver (on loopback: it has no login of its own) and the daemon.

    Webserver and daemon share the code server, so the definitions are loaded once; they wait for it by themselves
    (`sync_pipeline.defs.after`), so all three may be started at once.
    """
    from sync_pipeline.defs.tidy import settle_orphans

    with open_instance(settings) as instance:
        settle_orphans(instance)
    code_port = str(_free_port())
    location = ("--workspace", str(_workspace(settings.home.resolve() / "dagster", code_port)))
    bin_ = Path(sys.executable).parent
    after = (sys.executable, "-m", "sync_pipeline.defs.after", code_port)
    quiet = ("--log-level", "warning")
    return Servers(
        {
            "dagster-code": (
                *(str(bin_ / "dagster"), "api", "grpc", "--module-name", "sync_pipeline.definitions"),
                *("--host", "127.0.0.1", "--port", code_port, "--location-name", LOCATION, *quiet),
            ),
            "dagster-webserver": (
                *(*after, str(bin_ / "dagster-webserver"), "--host", "127.0.0.1", "--port", str(port)),
                *(*location, *quiet),
            ),
            "dagster-daemon": (*after, str(bin_ / "dagster-daemon"), "run", *location, *quiet),
        },
        environment(settings),
    )


def _workspace(home: Path, code_port: str) -> Path:
    """Name the code server's location: by its name, not its port, Dagster remembers which schedules are off."""
    path = home / "workspace.yaml"
    path.write_text(f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {code_port}, location_name: {LOCATION}}}\n")
    return path


def keep_connections(instance: DagsterInstance) -> None:
    """Let Dagster's storage keep its connections in this process.

    It opens one for every statement otherwise, which is most of the 40 ms that an event then costs.
    """
    instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=600, max_overflow=8)


def _free_port() -> int:
    """A port nobody listens on now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _copy(source: Path, target: Path) -> None:
    """Replace `target` where it differs, in one step: another process may read it now."""
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    fresh = target.with_suffix(f".{os.getpid()}")
    shutil.copyfile(source, fresh)
    fresh.replace(target)


if __name__ == "__main__":
    environment(Settings())
