"""Schema drift that breaks a mapper: a field it needs is missing or has changed its type.

Capture and preview continue, because they keep every payload. Promotion of the entity waits at a gate, which closes
when the field is back.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection as Transaction

from sync_pipeline import gates
from sync_pipeline.db.queries import execute, load
from sync_pipeline.gates.causes.schema_drift import CAUSE
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import keys, noise

SQL = load(__package__, "drift.sql")


def drifted_fields(conn: Transaction, connection: Connection, stream: Stream) -> list[dict[str, Any]]:
    """Fields that appeared, vanished or changed their type, as {field, change, detail, since}."""
    rows = execute(
        conn,
        SQL["drifted_fields"],
        **keys(connection, stream),
        noise=noise(connection, stream),
        empty=list(stream.empty),
    )
    return [{"field": r.field, "change": r.change, "detail": r.detail, "since": r.since.isoformat()} for r in rows]


def judge_drift(conn: Transaction, connection: Connection, stream: Stream) -> None:
    """Open a gate for each broken field that nobody accepted, and close those whose field is back."""
    if not stream.needs:
        return
    place: dict[str, Any] = {"connection_id": connection.connection_id, "entity_type": stream.entity_type}
    broken = {
        f"{row.field} {row.change}": row
        for row in execute(conn, SQL["broken_fields"], **place, needs=list(stream.needs), empty=list(stream.empty))
    }
    outcome = "the store writes it again as it did"
    gates.end_gates(conn, CAUSE, **place, keep=list(broken), outcome=outcome, actor="preview")
    asked = {(one.connection_id, one.entity_type, one.subject) for one in gates.open_gates(conn, CAUSE)}
    for subject, row in broken.items():
        answer = gates.latest_answer(conn, CAUSE, subject=subject, **place, include_settled=True)
        if answer is not None or (connection.connection_id, stream.entity_type, subject) in asked:
            continue
        values = {
            "store": connection.name,
            "change": subject,
            "title": stream.title.lower(),
            "field": row.field,
            "entity_type": stream.entity_type,
        }
        blocks = [stream.entity_type]
        gates.open_gate(conn, CAUSE, subject=subject, values=values, **place, blocks=blocks, field=row.field)
