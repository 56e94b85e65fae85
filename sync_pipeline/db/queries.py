"""Named SQL: every `queries.sql` beside a step is a list of `-- name --` blocks.

A block's first comment lines say what it is for; parameters are named, `%(like)s`.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, cast

from psycopg import Connection as DriverConnection
from sqlalchemy import Connection, CursorResult

_NAME = re.compile(r"^-- ([a-z][a-z0-9_]*) --\s*$", re.MULTILINE)


@cache
def load(package: str, file: str = "queries.sql") -> Mapping[str, str]:
    """The named statements of `file` in `package`.

    Raises:
        ValueError: a name is used twice.
    """
    parts = _NAME.split(resources.files(package).joinpath(file).read_text("utf-8"))
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{package}/{file} names a query twice")
    return {name: body.strip().removesuffix(";") for name, body in zip(names, bodies, strict=True)}


def execute(conn: Connection, statement: str, /, **parameters: Any) -> CursorResult[Any]:
    """Execute a named statement with psycopg parameters."""
    return conn.exec_driver_sql(statement, parameters)


def stream(conn: Connection, statement: str, /, rows: int = 1000, **parameters: Any) -> CursorResult[Any]:
    """`execute` with a cursor of the server, which sends so many rows at a time: for what may not fit memory."""
    return conn.exec_driver_sql(statement, parameters, execution_options={"yield_per": rows})


def execute_prepared(conn: Connection, statement: str, /, **parameters: Any) -> CursorResult[Any]:
    """`execute`, planned once a connection: for short statements that a night repeats for each list, by a key.

    Not for those whose plan should depend on how much there is: a plan that is kept is that of an average.
    """
    driver = cast("DriverConnection[Any]", conn.connection.driver_connection)
    usual, driver.prepare_threshold = driver.prepare_threshold, 0
    try:
        return execute(conn, statement, **parameters)
    finally:
        driver.prepare_threshold = usual
