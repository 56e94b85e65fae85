"""Is anybody there who turns requests into runs?"""

from __future__ import annotations

from datetime import datetime

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load

_SQL = load(__package__, "heartbeat.sql")
_SENSORS = "sensors"


def record_heartbeat(db: Database) -> None:
    """Say that sensors tick. Written every twenty seconds at most."""
    with db.unscoped() as conn:
        execute(conn, _SQL["record_heartbeat"], name=_SENSORS)


def last_heartbeat(db: Database) -> datetime | None:
    """When a sensor last ticked; None if never."""
    with db.unscoped() as conn:
        seen: datetime | None = execute(conn, _SQL["last_heartbeat"], name=_SENSORS).scalar_one_or_none()
    return seen
