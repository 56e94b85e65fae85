"""Items behind a gate fail with a reason; the other items of a batch are promoted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection as Transaction

from sync_pipeline import gates
from sync_pipeline.gates.causes.sku_conflict import CAUSE as SKU_CONFLICT
from sync_pipeline.steps.promote.map.batch import WorkItem


def stop_held(conn: Transaction, queue: str, items: Sequence[WorkItem]) -> None:
    """Give every item behind a gate its reason. Deletions are not stopped: they need no payload."""
    held = gates.blocking(conn)
    if not held:
        return
    stopped_by: set[int] = set()
    for item in items:
        row = held.get((item.line.connection_id, item.line.entity_type))
        if row is None or item.error is not None or item.line.action == "delete":
            continue
        stopped_by.add(row.decision_id)
        item.error = (
            f"Decision {row.decision_id} was answered with hold: this record is promoted when the cause is gone."
            if row.answer is not None
            else f"Decision {row.decision_id} stopped it (`sync-pipeline decisions list`): this record is promoted "
            f"once a person has answered, by the daemon or `sync-pipeline decisions resume ORG {row.decision_id}`."
        )
    if stopped_by:
        gates.note_stopped(conn, sorted(stopped_by), queue)


def settle_conflicts(conn: Transaction, items: Sequence[WorkItem]) -> None:
    """Withdraw the open gates of records that were promoted without their conflict."""
    promoted = {item.line.key for item in items if item.error is None}
    for gate in gates.open_gates(conn, SKU_CONFLICT):
        if (gate.connection_id, gate.entity_type, gate.external_id) in promoted:
            gates.withdraw(
                conn,
                gate.decision_id,
                outcome="the record was promoted: its SKU is no longer in conflict",
                actor=SKU_CONFLICT.found_by,
            )
