"""The heartbeat of Dagster's sensors: while it is missing, requests wait."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection as Transaction

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load

_SQL = load(__package__, "heartbeat.sql")
_SENSORS = "sensors"


def record_heartbeat(db: Database) -> None:
    """Record that a sensor ticked, at most every twenty seconds."""
    with db.unscoped() as conn:
        execute(conn, _SQL["record_heartbeat"], name=_SENSORS)


def last_heartbeat(db: Database) -> datetime | None:
    """The time of the last recorded tick; None if there was none."""
    with db.unscoped() as conn:
        return seen_at(conn)


def seen_at(conn: Transaction) -> datetime | None:
    """The same in the caller's transaction."""
    seen: datetime | None = execute(conn, _SQL["last_heartbeat"], name=_SENSORS).scalar_one_or_none()
    return seen
