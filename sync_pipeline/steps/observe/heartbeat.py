"""Is anybody there who turns requests into runs?"""

from __future__ import annotations

from datetime import datetime

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import load, run

_SQL = load(__package__, "heartbeat.sql")
_SENSORS = "sensors"


def beat(db: Database) -> None:
    """Say that sensors tick. Written every twenty seconds at most."""
    with db.across() as conn:
        run(conn, _SQL["beat"], name=_SENSORS)


def daemon_seen(db: Database) -> datetime | None:
    """When a sensor last ticked; None if never."""
    with db.across() as conn:
        seen: datetime | None = run(conn, _SQL["seen"], name=_SENSORS).scalar_one_or_none()
    return seen
