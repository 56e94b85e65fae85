"""How a transaction that writes core begins."""

from __future__ import annotations

from sqlalchemy import Connection

from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps import preview

WRITE = load("sync_pipeline.steps.promote.write")


def begin(conn: Connection, queue: str | None) -> None:
    """Lock the organization's core for writing; the transaction's changes are logged for `queue`.

    Writers of one organization take turns, so there are no deadlocks, and two batches with the same new SKU or e-mail
    cannot both create its row. Mapping and fetching continue meanwhile.
    """
    execute(conn, WRITE["for_queue"], queue=queue or "")
    preview.hold_core(conn, writing=True)
