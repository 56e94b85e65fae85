"""What a gate blocks fails alone and says so; everything else of a batch goes on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection as Transaction

from sync_pipeline import journal
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.promote.map.batch import WorkItem

SQL = load("sync_pipeline.steps.promote", "gates.sql")


def stop_held(conn: Transaction, queue: str, items: Sequence[WorkItem]) -> None:
    """Give every item behind a gate its reason. Deletions pass: they need nothing of the payload."""
    held = {(row.connection_id, row.entity_type): row for row in execute(conn, SQL["held"])}
    if not held:
        return
    gates: set[int] = set()
    for item in items:
        row = held.get((item.line.connection_id, item.line.entity_type))
        if row is None or item.error is not None or item.line.action == "delete":
            continue
        gates.add(row.decision_id)
        item.error = (
            f"Decision {row.decision_id} was answered with hold: this goes on by itself when its cause is gone."
            if row.answer is not None
            else f"Decision {row.decision_id} waits for a person (`sync-pipeline decisions list`); this goes on by "
            "itself when it is answered."
        )
    if gates:
        journal.note_stopped(conn, sorted(gates), queue)


def settle_conflicts(conn: Transaction, items: Sequence[WorkItem]) -> None:
    """A record that is promoted without its conflict answers the open question about it."""
    promoted = {item.line.key for item in items if item.error is None}
    gone = [
        row
        for row in execute(conn, SQL["open_conflicts"])
        if (row.connection_id, row.entity_type, row.external_id) in promoted
    ]
    for row in gone:
        execute(conn, SQL["conflict_gone"], decision=row.decision_id)
        journal.record(
            conn,
            "gate.gone",
            actor="promotion",
            connection_id=row.connection_id,
            entity_type=row.entity_type,
            decision=row.decision_id,
            cause="sku_conflict",
        )
