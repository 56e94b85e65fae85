"""Give every record of a batch its core row."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from sync_pipeline.entities.core import CoreTable
from sync_pipeline.steps.promote.map.batch import WorkItem
from sync_pipeline.steps.promote.place.identity import PromotionSettings, Resolution, new_ids, record, resolve_emails
from sync_pipeline.steps.promote.place.sku import resolve_skus


def resolve(
    conn: Connection, org: PromotionSettings, queue: str, table: CoreTable, items: Sequence[WorkItem]
) -> Resolution:
    """Give every item that is not mapped its core id; items that must wait for a person get an error instead."""
    outcome = Resolution()
    if table.match == "sku":
        resolve_skus(conn, org, queue, table, items, outcome)
    elif table.match == "email":
        resolve_emails(conn, table, items, outcome)
    open_items = [item for item in items if not item.id and item.error is None]
    for item, fresh in zip(open_items, new_ids(conn, table.name, len(open_items)), strict=True):
        item.id, item.is_new = fresh, True
    record(conn, queue, table, outcome.conflicts)
    return outcome
