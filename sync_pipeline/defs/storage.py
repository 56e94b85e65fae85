"""Dagster's storage on PostgreSQL, with its connections kept.

dagster-postgres opens a connection for each statement and closes it: an idle daemon and code server some forty a
second, each a process of the server, and most of the 40 ms that storing an event takes. Its webserver keeps them, by a
call that replaces the engines of an instance; but a code server makes an instance for each tick of a sensor. So the
engine here is the process's, whatever instances it makes (decision 38).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import pg_url_from_config, set_pg_statement_timeout
from sqlalchemy import Engine, create_engine, event

_STATEMENT_TIMEOUT_MS = 60_000
_RECYCLE_SECONDS = 600
_KEPT, _MORE = 4, 20  # connections that stay open, and those beside them in a rush
_with_tables: set[str] = set()  # addresses where the tables were looked for, or made


class PooledStorage(DagsterPostgresStorage):
    """The storage that dagster.yaml names."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledStorage:
        """Called by Dagster, for each instance."""
        url = pg_url_from_config(config_value)
        storage = cls(url, should_autocreate_tables=url not in _with_tables, inst_data=inst_data)
        _with_tables.add(url)
        for one in (storage._run_storage, storage._event_log_storage, storage._schedule_storage):
            one._engine = _engine(url)
        return storage


@cache
def _engine(url: str) -> Engine:
    """The process's engine for an address. A connection that the server has closed is replaced, not used."""
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=_KEPT,
        max_overflow=_MORE,
        pool_recycle=_RECYCLE_SECONDS,
        pool_pre_ping=True,
    )
    event.listen(engine, "connect", lambda made, _: set_pg_statement_timeout(made, _STATEMENT_TIMEOUT_MS))
    return engine
