"""Rate limits. They are kept in the database, so all serving processes share them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import RateLimited

_SQL = load(__package__, "tokens.sql")
_BURST_SECONDS = 15.0


def consume(db: Database, org_id: int, subject: str, *, per_minute: float, burst: int | None = None) -> None:
    """Count one call of `subject`. `burst` calls may come at once (default: what 15 seconds allow).

    Raises:
        RateLimited: the limit is reached; says how many seconds to wait.
    """
    rate = pace(per_minute, burst)
    # The table is unlogged, so a crash resets the counts anyway.
    with db.org(org_id, async_commit=True) as conn:
        if execute(conn, _SQL["take_call"], subject=subject, **rate).one_or_none() is None:
            raise rate_limited(conn, subject, rate, per_minute)


def pace(per_minute: float, burst: int | None = None) -> dict[str, float]:
    """A rate as parameters of the statements: `every`, seconds per call, and `burst`, calls at once."""
    every = 60.0 / per_minute
    return {"every": every, "burst": burst or max(1, round(_BURST_SECONDS / every))}


def rate_limited(conn: Connection, subject: str, rate: Mapping[str, Any], per_minute: float) -> RateLimited:
    """The error that says how long to wait."""
    seconds = float(execute(conn, _SQL["seconds_to_wait"], subject=subject, **rate).scalar_one())
    limit = f"{per_minute:g} a minute" if per_minute >= 1 else f"{per_minute * 60:g} an hour"
    again = max(1, math.ceil(seconds))
    words = f"Too many calls: the limit is {limit}. Try again in {again} second{'s' if again > 1 else ''}."
    return RateLimited(words, retry_after=max(seconds, 0.0))
