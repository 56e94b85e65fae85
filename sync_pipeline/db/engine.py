"""The one place an engine is made, and how a transaction gets its organization."""

import errno
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from psycopg import Connection as DriverConnection
from psycopg import Error as DriverError
from psycopg.pq import ExecStatus
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError

from sync_pipeline import exact_json
from sync_pipeline.db import arrays
from sync_pipeline.errors import ConfigurationError, DatabaseUnavailable, DiskFull

_FULL = "53100"  # PostgreSQL's disk_full
_DISK_FULL = (
    "The disk of the database is full. What was committed is safe, nothing is half done. Free some space there and run "
    "the same command again."
)
_PROBE_AFTER = 30.0  # seconds a connection may be idle before the server is asked whether it still exists
_PREPARE_AFTER = 5  # executions of a statement
# A machine that loses its power or its network says no goodbye. Both sides look after ten seconds of silence: the
# server frees the locks of who is gone within half a minute instead of two hours, and a worker does not wait for ever.
KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
_OF_A_SESSION = "; ".join(
    ["SET TIME ZONE 'UTC'", *(f"SET tcp_{name.removeprefix('tcp_')} = {value}" for name, value in KEEPALIVE.items())]
)


def psycopg_url(url: str | URL) -> URL:
    """`url` with psycopg 3 spelled out, whatever driver it named.

    Raises:
        ConfigurationError: its password has an @ that is not written as %40, so it names another host.
    """
    made = make_url(url)
    if "@" in (made.host or ""):
        raise ConfigurationError(
            "The database's URL has more than one @. In the password write @ as %40, or take one of letters and digits "
            "(openssl rand -hex 24)."
        )
    return made.set(drivername="postgresql+psycopg")


def libpq_url(url: URL) -> str:
    """`url`, password included, as psql, pg_dump and other tools of libpq read it.

    SQLAlchemy writes a blank of a parameter, such as the socket's folder, as “+”, which libpq takes for a plus, and
    leaves one of a name or password, which libpq refuses.
    """
    before, mark, parameters = url.set(drivername="postgresql").render_as_string(hide_password=False).partition("?")
    return (before + mark + parameters.replace("+", "%20")).replace(" ", "%20")


class Database:
    """The application's database, reached as the application's role: row-level security always holds.

    A transaction belongs to one organization. `unscoped()` has none: it sees only what the functions made for
    schedules and sensors return.
    """

    def __init__(self, url: str | URL, *, pool_size: int = 8) -> None:
        self.engine = create_engine(
            psycopg_url(url),
            pool_size=pool_size,
            max_overflow=8,
            json_deserializer=exact_json.loads,
            hide_parameters=True,  # an error's text must not carry payloads or credentials
            # Payloads go through COPY; preparing their one-off statements would only fill the server's memory.
            connect_args={"prepare_threshold": None, "application_name": "sync_pipeline", **KEEPALIVE},
        )
        event.listen(self.engine, "connect", _set_up)
        replace_dead_connections(self.engine)

    @contextmanager
    def org(self, org_id: int, *, async_commit: bool = False, snapshot: bool = False) -> Iterator[Connection]:
        """One transaction of one organization; commits at the end, rolls back on an exception.

        `async_commit`: the commit does not wait for the disk. Only a crash of the server can then lose it.
        `snapshot`: it only reads, and all its statements see the same moment.

        Raises:
            DatabaseUnavailable: the server is gone.
        """
        with self._begin() as conn:
            _enter(conn, org_id, async_commit=async_commit, snapshot=snapshot)
            yield conn

    @contextmanager
    def unscoped(self) -> Iterator[Connection]:
        """One transaction of no organization."""
        with self._begin() as conn:
            yield conn

    @contextmanager
    def lock(self, key: str) -> Iterator[bool]:
        """Hold the lock called `key` if nobody does (else False); a process that dies releases it.

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
        except DriverError as error:  # COPY is the driver's own
            if is_full(error):
                raise DiskFull(_DISK_FULL) from error
            raise
        except (OperationalError, InterfaceError) as error:
            if is_full(error):
                raise DiskFull(_DISK_FULL) from error
            if error.connection_invalidated or not _server_answered(error):
                raise DatabaseUnavailable(
                    "The database went away or does not answer. What was committed is safe. "
                    "Start it (`sync-pipeline db start`) and run the same command again."
                ) from error
            raise

    def serve_calls(self, seconds: float) -> None:
        """Prepare for many short calls: limit every statement to `seconds`, and prepare those that are repeated."""

        def prepare(connection: Any, _record: Any) -> None:
            connection.prepare_threshold = _PREPARE_AFTER
            connection.execute(f"SET statement_timeout = {round(seconds * 1000)}")
            connection.commit()

        event.listen(self.engine, "connect", prepare)
        self.engine.dispose()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _enter(conn: Connection, org_id: int, *, async_commit: bool, snapshot: bool) -> None:
    """Begin and set the organization in one message: short transactions spend most of their time on round trips."""
    mode = " ISOLATION LEVEL REPEATABLE READ READ ONLY" if snapshot else ""
    begin = f"BEGIN{mode}; SELECT set_config('sync.org_id', '{int(org_id)}', true)"
    if async_commit:
        begin += ", set_config('synchronous_commit', 'off', true)"
    began = driver(conn).pgconn.exec_(begin.encode())
    if began.status != ExecStatus.TUPLES_OK:
        conn.exec_driver_sql("SELECT 1")  # fails for the same reason, and SQLAlchemy raises its own error
        raise RuntimeError("a transaction could not begin")


def driver(conn: Connection) -> DriverConnection[Any]:
    """The psycopg connection underneath, for COPY."""
    return cast(DriverConnection[Any], conn.connection.driver_connection)


def is_full(error: BaseException) -> bool:
    """True if it, or what caused it, says that a disk is full: the server's, or this machine's.

    Dagster's storage speaks through psycopg2, which calls the state `pgcode`, and wraps the errors of its steps.
    """
    seen: BaseException | None = error
    while seen is not None:
        driver_error = getattr(seen, "orig", seen)
        if _FULL in (getattr(driver_error, "sqlstate", None), getattr(driver_error, "pgcode", None)):
            return True
        if isinstance(seen, OSError) and seen.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        seen = seen.__cause__
    return False


def _server_answered(error: OperationalError | InterfaceError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state is not None and not str(state).startswith(("57P", "08"))


def replace_dead_connections(engine: Engine) -> None:
    """A pool gives out no connection that the server has ended.

    The server is asked only if it may be gone: a query before every transaction would double the round trips. A server
    that ends a connection writes to its socket, which is otherwise silent between transactions. A server that vanished
    from the network does not, so a connection that was idle for a while is tested.
    """

    def note_idle(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    def check_alive(connection: Any, record: Any, _proxy: Any) -> None:
        now = time.monotonic()
        idle = now - record.info.get("idle_since", now)  # a new connection has not been idle
        incoming = select.poll()
        incoming.register(connection.fileno(), select.POLLIN)
        if idle < _PROBE_AFTER and not incoming.poll(0):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as gone:
            raise InvalidatePoolError("the server ended this connection") from gone

    event.listen(engine, "checkin", note_idle)
    event.listen(engine, "checkout", check_alive)


def _set_up(connection: Any, _record: Any) -> None:
    arrays.register(connection)
    connection.execute(_OF_A_SESSION)
    connection.commit()
