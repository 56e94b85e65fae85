"""Run a proposed script in a transaction, statement by statement: its seconds, its locks, and where it fails.

After each statement the settings are put back that would make our own questions mean something else: a script may set
`search_path` and put functions and tables of its own before those of PostgreSQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from psycopg import Error
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sync_pipeline.db.engine import driver
from sync_pipeline.db.kept import act_for_nobody
from sync_pipeline.db.proposed.report import Branch, Direction, Failure
from sync_pipeline.db.proposed.statements import Statement, statements
from sync_pipeline.db.queries import execute, load

SQL = load(__package__, "script.sql")
STATEMENT_TIMEOUT = "15min"
LOCK_TIMEOUT = "10s"
_ENDS = "It ends its own transaction, so what it loses could not be seen before it is lost. Remove COMMIT and ROLLBACK."


class ScriptFailed(Exception):
    """A statement failed; `failure` says which and why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Ran:
    """A statement that ran: its seconds, and all locks of the transaction after it (table's oid -> its strongest).

    `hidden`: tables that it is the first to write to, with row-level security on, which hides their rows.
    """

    statement: Statement
    seconds: float
    locks: Mapping[int, str]
    hidden: frozenset[int]


def begin(conn: Connection) -> str:
    """Begin the transaction of a script; returns the transaction's id."""
    # A prepared statement has a name, by which the script could put another in its place.
    driver(conn).prepare_threshold = None
    settle(conn)
    number: str = conn.exec_driver_sql("SELECT pg_current_xact_id()::text").scalar_one()
    return number


def run(conn: Connection, script: str, direction: Direction, branch: Branch, begun: str) -> list[Ran]:
    """Run every statement of `script`, and what it defers, in the transaction `begun`.

    Raises:
        ScriptFailed: PostgreSQL refuses a statement, or the script ends the transaction.
    """
    ran: list[Ran] = []
    written: set[int] = set()
    act_for_nobody(conn)  # our own questions before it were asked for one organization after the other
    done = Statement(0, 1, "")
    for done in statements(script):
        with _failing(done, direction, branch):
            began = perf_counter()
            driver(conn).execute(done.text.encode(), prepare=False)
            seconds = perf_counter() - began
            settle(conn)
            _still(conn, begun)
            held = execute(conn, SQL["locks_held"]).all()
        hidden = frozenset(row.relation for row in held if row.hidden) - written
        written |= {row.relation for row in held if row.written}
        ran.append(Ran(done, seconds, {row.relation: row.mode for row in held}, hidden))
    with _failing(done, direction, branch):
        driver(conn).execute("SET CONSTRAINTS ALL IMMEDIATE")
        settle(conn)
        _still(conn, begun)
    return ran


def settle(conn: Connection) -> None:
    """The settings under which we ask: none of them is the script's. A utility statement calls no function.

    A cursor WITH HOLD would run its query at the commit, after rows were compared: none is left open.
    """
    driver(conn).execute(
        "SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL standard_conforming_strings = on; CLOSE ALL; "
        f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; "
        "SET LOCAL row_security = on"
    )


def _still(conn: Connection, begun: str) -> None:
    if conn.exec_driver_sql("SELECT pg_current_xact_id_if_assigned()::text").scalar_one() != begun:
        raise Error(_ENDS)


@contextmanager
def _failing(statement: Statement, direction: Direction, branch: Branch) -> Iterator[None]:
    try:
        yield
    except (Error, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) and isinstance(error.orig, Error) else error
        state = cause.sqlstate if isinstance(cause, Error) else None
        said = re.split(r"\n(?:LINE \d+:|CONTEXT:)", str(cause))[0].strip()
        raise ScriptFailed(Failure(branch, direction, statement.number, statement.line, state, said)) from error
