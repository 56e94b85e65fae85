"""Is anybody there who turns requests into runs?"""

from __future__ import annotations

from datetime import datetime

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load

_SQL = load(__package__, "heartbeat.sql")
_SENSORS = "sensors"


def beat(db: Database) -> None:
    """Say that sensors tick. Written every twenty seconds at most."""
    with db.unscoped() as conn:
        execute(conn, _SQL["beat"], name=_SENSORS)


def daemon_seen(db: Database) -> datetime | None:
    """When a sensor last ticked; None if never."""
    with db.unscoped() as conn:
        seen: datetime | None = execute(conn, _SQL["seen"], name=_SENSORS).scalar_one_or_none()
    return seen
