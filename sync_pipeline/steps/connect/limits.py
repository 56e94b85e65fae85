"""Rates, held in the database: every process that serves takes from the same one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import RateLimited

_SQL = load(__package__, "tokens.sql")
_BURST_SECONDS = 15.0


def consume(db: Database, org_id: int, subject: str, *, per_minute: int, burst: int | None = None) -> None:
    """Take one call of `subject`'s rate; `burst` of them may come at once (what is allowed in 15 seconds).

    Raises:
        RateLimited: there is none left; says how many seconds to wait.
    """
    rate = pace(per_minute, burst)
    # After a crash everybody begins anew anyway.
    with db.org(org_id, async_commit=True) as conn:
        if execute(conn, _SQL["take"], subject=subject, **rate).one_or_none() is None:
            raise too_much(conn, subject, rate, per_minute)


def pace(per_minute: int, burst: int | None = None) -> dict[str, float]:
    """A rate as the statements take it: seconds a call, and how many may come at once."""
    every = 60.0 / per_minute
    return {"every": every, "burst": burst or max(1, round(_BURST_SECONDS / every))}


def too_much(conn: Connection, subject: str, rate: Mapping[str, Any], per_minute: int) -> RateLimited:
    """The error that says how long to wait."""
    seconds = float(execute(conn, _SQL["wait"], subject=subject, **rate).scalar_one())
    return RateLimited(f"Too many calls: {per_minute} a minute are allowed.", retry_after=max(seconds, 0.0))
