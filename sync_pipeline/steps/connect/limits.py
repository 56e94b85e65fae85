"""Rates, held in the database: every process that serves takes from the same one."""

from __future__ import annotations

from sqlalchemy import Connection

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import load, run
from sync_pipeline.errors import TooMuch

_SQL = load(__package__, "tokens.sql")
_BURST_SECONDS = 15.0


def take(db: Database, org_id: int, subject: str, *, per_minute: int, burst: int | None = None) -> None:
    """Take one call of `subject`'s rate; `burst` of them may come at once (what is allowed in 15 seconds).

    Raises:
        TooMuch: there is none left; says how many seconds to wait.
    """
    every = 60.0 / per_minute
    parameters = {"subject": subject, "every": every, "burst": burst or max(1, round(_BURST_SECONDS / every))}
    with db.org(org_id) as conn:
        _unhurried(conn)
        if run(conn, _SQL["take"], **parameters).one_or_none() is not None:
            return
        seconds = float(run(conn, _SQL["wait"], **parameters).scalar_one())
    raise TooMuch(f"Too many calls: {per_minute} a minute are allowed.", retry_after=max(seconds, 0.0))


def _unhurried(conn: Connection) -> None:
    conn.exec_driver_sql("SET LOCAL synchronous_commit = off")
