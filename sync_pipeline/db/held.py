"""Which branches belong to a process that lives. A branch without one was left behind by a trial that was killed.

While a process uses a branch, a session of its own holds a lock of the branch's name. The server frees it when the
process ends, however it ends. The lock is one of the server's own database: a session in ours would keep PostgreSQL
from cloning it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from uuid import uuid4

from psycopg.errors import InsufficientPrivilege
from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError, ProgrammingError

from sync_pipeline.db.owner import quote, server_connection
from sync_pipeline.db.queries import execute, load

_SQL = load("sync_pipeline.db", "held.sql")
_DIGITS = 16  # of a branch's name: a copy that somebody names by its date has fewer
_EARLIER_DIGITS = 8  # those of earlier versions, which held no lock


@contextmanager
def branch_name(url: URL) -> Iterator[URL]:
    """The address of a branch that nobody has made yet. It is this process's until the block ends.

    What killed trials left behind is dropped before.
    """
    branch = url.set(database=f"{_prefix(url)}{uuid4().hex[:_DIGITS]}")
    with server_connection(url) as server:
        drop_branches(server, url)
        execute(server, _SQL["hold_branch"], name=branch.database)
        yield branch  # the lock ends with the session


def branches_left(server: Connection, url: URL) -> Sequence[str]:
    """The branches of the database at `url` that no process has, by name. `server`: a session at the server's own."""
    return [name for name in _named(server, url, _DIGITS) if _try(server, name)]


def earlier_branches(server: Connection, url: URL) -> Sequence[str]:
    """Databases that are named as an earlier version named branches. Nobody can say whether they are in use."""
    return _named(server, url, _EARLIER_DIGITS)


def drop_branches(server: Connection, url: URL) -> Sequence[str]:
    """Drop the branches of the database at `url` that no process has; returns their names."""
    dropped = []
    for name in _named(server, url, _DIGITS):
        if execute(server, _SQL["try_branch"], name=name).scalar_one():
            with suppress(DBAPIError):  # what cannot be dropped is named by `db status`, and stops nobody's trial
                drop(server, name)
                dropped.append(name)
            execute(server, _SQL["release_branch"], name=name)
    return dropped


def drop(server: Connection, name: str | None) -> None:
    """Drop a database with whatever sessions it has, if it is there."""
    statement = f"DROP DATABASE IF EXISTS {quote(name)}"
    try:
        server.exec_driver_sql(f"{statement} WITH (FORCE)")
    except ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        # A vacuum of the server's own is there, which only a superuser may end; without force it is asked to.
        server.exec_driver_sql(statement)


def _try(server: Connection, name: str) -> bool:
    """Has no process this branch?"""
    free = bool(execute(server, _SQL["try_branch"], name=name).scalar_one())
    if free:
        execute(server, _SQL["release_branch"], name=name)
    return free


def _named(server: Connection, url: URL, digits: int) -> Sequence[str]:
    found = execute(server, _SQL["named_branches"], prefix=_prefix(url), digits=digits).scalars().all()
    return [str(name) for name in found]


def _prefix(url: URL) -> str:
    most = 63 - len("_branch_") - _DIGITS  # bytes: PostgreSQL cuts longer names
    return f"{(url.database or 'sync').encode()[:most].decode(errors='ignore')}_branch_"
