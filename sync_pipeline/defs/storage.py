"""Dagster's storage on PostgreSQL, with its connections kept.

dagster-postgres opens a connection for each statement and closes it: an idle daemon and code server some forty a
second, each a process of the server, and most of the 40 ms that storing an event takes. Its webserver keeps them, by a
call that replaces the engines of an instance; but a code server makes an instance for each tick of a sensor. So the
engine here is the process's, whatever instances it makes (decision 38).

`dg` makes an instance of dagster.yaml in the project's folder, only to read the definitions: it gets a temporary one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import set_pg_statement_timeout
from sqlalchemy import Engine, create_engine, event

from sync_pipeline.db.engine import KEEPALIVE, replace_dead_connections
from sync_pipeline.errors import ConfigurationError

_STATEMENT_TIMEOUT_MS = 60_000
_RECYCLE_SECONDS = 600
_KEPT, _MORE = 4, 20  # connections that stay open, and those beside them in a rush
_with_tables: set[str] = set()  # addresses where the tables were looked for, or made


class PooledStorage(DagsterPostgresStorage):
    """The storage that dagster.yaml names: the database DAGSTER_DATABASE_URL.

    The URL names its driver, postgresql+psycopg2://…: SQLAlchemy 2.1 takes psycopg 3 for a bare postgresql://, on which
    dagster-postgres fails at NOTIFY.
    """

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """No settings: those of dagster-postgres would have to be there for `dg` too."""
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, _config: Mapping[str, Any]
    ) -> DagsterStorage:
        """Called by Dagster, for each instance.

        Raises:
            ConfigurationError: there is a DAGSTER_HOME, and no DAGSTER_DATABASE_URL.
        """
        url = _set("DAGSTER_DATABASE_URL")
        if url is None:
            return DagsterSqliteStorage.from_local(str(_temporary() / "storage"), inst_data)
        storage = cls(url, should_autocreate_tables=url not in _with_tables, inst_data=inst_data)
        _with_tables.add(url)
        for one in (storage._run_storage, storage._event_log_storage, storage._schedule_storage):
            one._engine = _engine(url)
        return storage


class ComputeLogs(LocalComputeLogManager):
    """What runs print, in the folder DAGSTER_COMPUTE_LOGS."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """No settings, as the storage has none."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, _config: Mapping[str, Any]) -> ComputeLogs:
        """Called by Dagster, for each instance.

        Raises:
            ConfigurationError: there is a DAGSTER_HOME, and no DAGSTER_COMPUTE_LOGS.
        """
        return cls(_set("DAGSTER_COMPUTE_LOGS") or str(_temporary() / "logs"), inst_data=inst_data)


def _set(variable: str) -> str | None:
    """An instance that is kept needs it; a temporary one, which has no DAGSTER_HOME, does without."""
    value = os.environ.get(variable)
    if value is None and os.environ.get("DAGSTER_HOME"):
        raise ConfigurationError(f"Set {variable}, or start Dagster with `sync-pipeline up`, which sets it.")
    return value


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="sync-dagster-")


def _temporary() -> Path:
    return Path(_folder().name)


@cache
def _engine(url: str) -> Engine:
    """The process's engine for an address. A connection that the server has closed is replaced, not used."""
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=_KEPT,
        max_overflow=_MORE,
        pool_recycle=_RECYCLE_SECONDS,
        connect_args=KEEPALIVE,
    )
    event.listen(engine, "connect", lambda made, _: set_pg_statement_timeout(made, _STATEMENT_TIMEOUT_MS))
    replace_dead_connections(engine)
    return engine
