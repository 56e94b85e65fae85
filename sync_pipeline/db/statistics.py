"""The planner's statistics of tables that a command has just filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql
from sqlalchemy import Connection

from sync_pipeline.db.engine import Database, driver
from sync_pipeline.db.queries import execute, load

SQL = load(__package__, "statistics.sql")
ENOUGH = 1000  # rows written; until there are so many, no plan is bad


def refresh(db: Database, org_id: int, tables: Sequence[str]) -> None:
    """Analyze those of `tables` ("schema.table") that have grown by half, and by 1,000 rows, since they were analyzed.

    Of core's tables the columns that indexes have: the rest would take four times as long.

    Autovacuum looks once a minute. Until then the planner takes a table of a million rows for an empty one, and joins
    all of its rows with all of another's. A table that somebody else analyzes is left out.
    """
    with db.org(org_id) as conn:
        grown = execute(conn, SQL["grown"], tables=list(tables), enough=ENOUGH).all()
    if grown:
        with db.org(org_id) as conn:
            analyze(conn, {row.name: row.columns for row in grown})


def filled(conn: Connection, table: str, rows: int) -> None:
    """Analyze a table ("schema.table") to which this transaction has written so many rows, if they are many."""
    if rows >= ENOUGH:
        analyze(conn, {table: ()})


def analyze_captured(conn: Connection, provider: str, columns: Sequence[str]) -> None:
    """Analyze the records of a provider; where they have grown by half, those of all providers together, too.

    Statements that join records of several entities are planned by the statistics of the whole table, which autovacuum
    never makes: it looks at partitions alone. Without them the planner takes it for many entities of few records each.
    """
    analyze(conn, {f"capture.{provider}_sync": columns})
    if execute(conn, SQL["parts_have_grown"]).scalar_one():
        analyze(conn, {"capture.sync_record": columns}, only=True)


def analyze(conn: Connection, tables: Mapping[str, Sequence[str]], *, only: bool = False) -> None:
    """Analyze tables ("schema.table"), each with these columns or all; one that somebody else analyzes is left out.

    `only`: not the partitions, which have statistics of their own.
    """
    whole = sql.SQL("ONLY " if only else "")
    named = [whole + sql.Identifier(*table.split(".")) + _some(columns) for table, columns in tables.items()]
    driver(conn).execute(sql.SQL("ANALYZE (SKIP_LOCKED) ") + sql.SQL(", ").join(named))


def _some(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, columns))) if columns else sql.SQL("")
