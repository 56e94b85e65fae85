"""The Dagster instance of this project: DAGSTER_HOME is `$SYNC_HOME/dagster`, with dagster.yaml in it.

`python -m sync_pipeline.defs.instance` creates Dagster's database if it does not exist; docker-compose.yml runs it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sync_pipeline.config import PROJECT, Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


def instance_home(settings: Settings) -> Path:
    """Prepare DAGSTER_HOME: its folder, dagster.yaml and this process's environment. Returns the folder."""
    home = settings.home.resolve() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    _copy(PROJECT / "dagster.yaml", home / "dagster.yaml")
    os.environ.update(environment(settings))
    return home


def environment(settings: Settings) -> dict[str, str]:
    """The environment variables of Dagster's processes, in addition to the SYNC_* variables they inherit."""
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
    """Open the instance that the UI shows, for runs in this process, recorded as the workspace's are. What they print
    stays on the terminal.
    """
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    home = instance_home(settings)
    ours = {
        "instance_class": {"module": "sync_pipeline.defs.recorded_runs", "class": "RecordingInstance"},
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
            "config": {},
        },
    }
    return DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=ours))


def _copy(source: Path, target: Path) -> None:
    """Replace `target` if it differs, atomically: another process may be reading it."""
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    fresh = target.with_suffix(f".{os.getpid()}")
    shutil.copyfile(source, fresh)
    fresh.replace(target)


if __name__ == "__main__":
    environment(Settings())
