"""The one place an engine is made, and how a transaction gets its organization."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import URL, Connection, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from sync_pipeline.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from psycopg import Connection as DriverConnection


def psycopg_url(url: str | URL) -> URL:
    """`url` with psycopg 3 spelled out, whatever driver it named."""
    return make_url(url).set(drivername="postgresql+psycopg")


class Database:
    """The application's database, reached as the application's role: row-level security always holds.

    A transaction belongs to one organization. `across()` has none: it sees only what the functions made for
    schedules and sensors return.
    """

    def __init__(self, url: str | URL, *, pool_size: int = 8) -> None:
        self.engine = create_engine(
            psycopg_url(url),
            pool_size=pool_size,
            max_overflow=8,
            pool_pre_ping=True,
            json_deserializer=partial(json.loads, parse_float=Decimal),  # payloads keep their digits
            hide_parameters=True,  # an error's text must not carry payloads or credentials
            # Payloads go through COPY; preparing their one-off statements would only fill the server's memory.
            connect_args={"prepare_threshold": None, "application_name": "sync_pipeline"},
        )
        event.listen(self.engine, "connect", _utc)

    @contextmanager
    def org(self, org_id: int) -> Iterator[Connection]:
        """One transaction of one organization; commits at the end, rolls back on an exception.

        Raises:
            DatabaseUnavailable: the server is gone.
        """
        with self._begin() as conn:
            conn.exec_driver_sql("SELECT set_config('sync.org_id', %(org)s, true)", {"org": str(org_id)})
            yield conn

    @contextmanager
    def across(self) -> Iterator[Connection]:
        """One transaction of no organization."""
        with self._begin() as conn:
            yield conn

    @contextmanager
    def lock(self, key: str) -> Iterator[bool]:
        """Hold the lock called `key` if nobody does (else False); a process that dies lets go of it.

        Raises:
            DatabaseUnavailable: the server is gone.
        """
        with self._translated(), self.engine.connect() as opened:
            conn = opened.execution_options(isolation_level="AUTOCOMMIT")
            parameters = {"key": key}
            got = conn.exec_driver_sql("SELECT pg_try_advisory_lock(hashtextextended(%(key)s, 0))", parameters)
            held = bool(got.scalar_one())
            try:
                yield held
            finally:
                if held and not conn.closed:
                    try:
                        conn.exec_driver_sql("SELECT pg_advisory_unlock(hashtextextended(%(key)s, 0))", parameters)
                    except DBAPIError:
                        conn.invalidate()  # the server is gone, and the lock with it

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self._translated(), self.engine.begin() as conn:
            yield conn

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            if error.connection_invalidated or not _server_answered(error):
                raise DatabaseUnavailable(
                    "The database went away or does not answer. What was committed is safe. "
                    "Start it (`sync-pipeline db start`) and run the same command again."
                ) from error
            raise

    def limit_statements(self, seconds: float) -> None:
        """No statement of this process may take longer, from its next connections on."""

        def limit(connection: Any, _record: Any) -> None:
            connection.execute(f"SET statement_timeout = {round(seconds * 1000)}")
            connection.commit()

        event.listen(self.engine, "connect", limit)
        self.engine.dispose()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def driver(conn: Connection) -> DriverConnection[Any]:
    """The psycopg connection underneath, for COPY."""
    return cast("DriverConnection[Any]", conn.connection.driver_connection)


def _server_answered(error: OperationalError | InterfaceError) -> bool:
    return getattr(error.orig, "sqlstate", None) is not None and not str(
        getattr(error.orig, "sqlstate", "")
    ).startswith(("57P", "08"))


def _utc(connection: Any, _record: Any) -> None:
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()
