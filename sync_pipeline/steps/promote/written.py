"""How many rows of each core table promotions wrote, by what their undo keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_pipeline.db.core_sql import for_each_table
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.promote.core_check import NOISE

SQL = load("sync_pipeline.steps.promote", "written.sql")


@dataclass(frozen=True, slots=True)
class WrittenRows:
    """Rows of a core table: made, changed, marked as deleted, and written again with the values that they had.

    Rows that follow from others count where they are: a customer's figures change with their orders.
    """

    created: int
    updated: int
    removed: int
    unchanged: int


def database_time(db: Database, org_id: int) -> datetime:
    """The database's time now, for `rows_written`."""
    with db.org(org_id) as conn:
        found: datetime = execute(conn, SQL["database_time"]).scalar_one()
    return found


def rows_written(db: Database, org_id: int, queues: Sequence[str], *, since: datetime) -> Mapping[str, WrittenRows]:
    """What these queues have written since a moment, by the table's name without its schema.

    A row that several of them wrote counts once, from what it was before the first.
    """
    with db.org(org_id) as conn:
        rows = execute(conn, for_each_table(SQL["rows_written"]), queues=list(queues), since=since, noise=NOISE)
        return {
            row.core_table.partition(".")[2]: WrittenRows(
                int(row.created), int(row.updated), int(row.removed), int(row.unchanged)
            )
            for row in rows
        }
