"""The resource of the assets: the database and settings of this process, and the callbacks for progress."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import dagster as dg

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.defs.graph import Stage
from sync_pipeline.errors import SyncError

# (organization's slug, stage, the stream's or table's name, what the step reports); while a pull is at work
# the name is CONNECTION/STREAM
OnReport = Callable[[str, Stage, str, Any], None]
OnProgress = Callable[[str, Stage, str, Any], None]


class Interrupted(SyncError):
    """The run was stopped. What was committed is safe; run it again to continue."""


def _ignore(_org: str, _stage: Stage, _name: str, _what: Any) -> None:
    return


@dataclass
class Runtime:
    """A process's database, settings and callbacks. The callbacks are called from worker threads."""

    settings: Settings
    db: Database
    on_report: OnReport = _ignore
    on_progress: OnProgress = _ignore
    stopping: threading.Event = field(default_factory=threading.Event)

    def progress(self, org: str, stage: Stage, name: str, what: Any) -> None:
        """Report progress; stops the work if the run was stopped.

        Raises:
            Interrupted: the run was stopped.
        """
        if self.stopping.is_set():
            raise Interrupted()
        self.on_progress(org, stage, name, what)


_open_lock = threading.Lock()


@cache
def _open_once() -> tuple[Settings, Database]:
    from sync_pipeline.db.open import open_database

    settings = Settings()
    return settings, open_database(settings)


def _shared() -> tuple[Settings, Database]:
    """One connection pool per process, shared by the runs, sensors and checks of all threads."""
    with _open_lock:
        return _open_once()


_overrides: list[Runtime] = []


@contextmanager
def use_runtime(runtime: Runtime) -> Iterator[None]:
    """Use `runtime` for the runs in this block. It is global because Dagster copies its resources."""
    _overrides.append(runtime)
    try:
        yield
    finally:
        _overrides.remove(runtime)


class SyncResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The database of the organizations, configured by the `SYNC_*` environment variables."""

    @property
    def runtime(self) -> Runtime:
        """The runtime of this process. Opens the database on first use."""
        return _overrides[-1] if _overrides else Runtime(*_shared())
