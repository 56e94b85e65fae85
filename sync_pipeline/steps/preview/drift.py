"""Schema drift that breaks a mapper: a field it needs is missing or has changed its type.

Capture and preview go on, because they keep every payload; promotion of that entity waits at a gate. The gate closes by
itself when the field is back.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection as Transaction

from sync_pipeline import journal
from sync_pipeline.db.queries import execute, load
from sync_pipeline.gates.schema_drift import CAUSE
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import keys, noise

SQL = load(__package__, "drift.sql")


def drifted_fields(conn: Transaction, connection: Connection, stream: Stream) -> list[dict[str, Any]]:
    """Fields that appeared, vanished or changed their type: {field, change, detail, since}."""
    rows = execute(conn, SQL["drifted_fields"], **keys(connection, stream), noise=noise(connection, stream))
    return [{"field": r.field, "change": r.change, "detail": r.detail, "since": r.since.isoformat()} for r in rows]


def judge_drift(conn: Transaction, connection: Connection, stream: Stream) -> None:
    """Open a gate for each broken field that nobody accepted, and close those whose field is back."""
    if not stream.needs:
        return
    place: dict[str, int | str] = {"connection_id": connection.connection_id, "entity_type": stream.entity_type}
    broken = {
        f"{row.field} {row.change}": row
        for row in execute(conn, SQL["broken_fields"], **place, needs=list(stream.needs))
    }
    journal.gate_gone(
        conn,
        CAUSE.name,
        connection_id=connection.connection_id,
        entity_type=stream.entity_type,
        but=list(broken),
        outcome="the store writes it again as it did",
        actor="preview",
    )
    for subject, row in broken.items():
        answer = journal.gate_answer(
            conn,
            CAUSE.name,
            subject=subject,
            connection_id=connection.connection_id,
            entity_type=stream.entity_type,
            ever=True,
        )
        if answer is None and not execute(conn, SQL["drift_gate_is_open"], **place, subject=subject).scalar_one():
            _open(conn, connection, stream, subject, row.field)


def _open(conn: Transaction, connection: Connection, stream: Stream, subject: str, field: str) -> None:
    journal.open_gate(
        conn,
        CAUSE,
        subject=subject,
        values={
            "store": connection.name,
            "change": subject,
            "title": stream.title.lower(),
            "field": field,
            "entity_type": stream.entity_type,
        },
        connection_id=connection.connection_id,
        entity_type=stream.entity_type,
        blocks=[stream.entity_type],
        field=field,
    )
