"""Core written as a promotion writes it, read, and taken back: so it is known what a promotion does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy import Connection

from sync_pipeline.db.core_sql import for_each_table
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.promote.write.begin import begin

SQL = load("sync_pipeline.steps.promote", "trial.sql")


def rows_that_differ() -> str:
    """The statement that tells what the trial changed, once its rows are staged as undo stages them."""
    return SQL["rows_that_differ"].replace("{rows}", for_each_table(SQL["rows_now"]))


class _Seen(Exception):
    """Ends the transaction: what it wrote was read and is not kept."""


@contextmanager
def trial(db: Database, org_id: int, *, patience: str | None = None) -> Iterator[tuple[Connection, str]]:
    """A transaction that writes core for a queue which exists in it alone, and that queue; it is rolled back.

    The triggers that keep a promotion's way back list what it changes. Core is held meanwhile, as by a promotion.

    Raises:
        sqlalchemy.exc.DBAPIError: core was held by others for longer than `patience`, such as “5s”.
    """
    queue = str(uuid4())
    try:
        with db.org(org_id) as conn:
            if patience is not None:
                execute(conn, SQL["be_patient"], patience=patience)
            begin(conn, queue)
            yield conn, queue
            raise _Seen
    except _Seen:
        pass
