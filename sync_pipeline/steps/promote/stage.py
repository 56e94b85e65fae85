"""Rows into temporary tables: COPY, which row-level security does not let into the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from sync_pipeline.db.engine import driver
from sync_pipeline.db.queries import run


def stage(conn: Connection, sql: Mapping[str, str], name: str, rows: Iterable[Sequence[Any]]) -> None:
    """Fill `stage_<name>` with `rows` and nothing else.

    Raises:
        sqlalchemy.exc.DBAPIError: a value does not fit its column, as any other statement would say it.
    """
    run(conn, sql[f"stage_{name}"])
    run(conn, sql[f"clear_{name}"])
    statement = sql[f"copy_{name}"]
    try:
        with driver(conn).cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.OperationalError as error:
        raise OperationalError(statement, None, error) from error
    except psycopg.Error as error:
        raise DBAPIError(statement, None, error) from error
