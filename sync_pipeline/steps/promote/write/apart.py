"""Write a batch so that a record which the database refuses fails alone."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sync_pipeline.steps.promote.map.batch import WorkItem
from sync_pipeline.steps.promote.place.identity import PromotionSettings
from sync_pipeline.steps.promote.write.refusal import is_refusal, reason
from sync_pipeline.steps.promote.write.rows import write


def write_apart(conn: Connection, org: PromotionSettings, queue: str, items: Sequence[WorkItem]) -> None:
    """Write items together. If the database refuses one, halve until it fails alone with its reason.

    Raises:
        sqlalchemy.exc.DBAPIError: the error is transient, or the server is gone.
    """
    if not items:
        return
    warnings = [(item, len(item.warnings)) for item in items]
    mapped = [(item, item.id, item.core_wins) for item in items]
    try:
        with conn.begin_nested():
            write(conn, org, queue, items)
    except DBAPIError as error:
        if not is_refusal(error):
            raise
        for item, count in warnings:
            del item.warnings[count:]
            item.error = None
        for item, row, core_wins in mapped:
            item.id, item.core_wins, item.is_new, item.sku_set_aside, item.targets = row, core_wins, False, False, []
        if len(items) == 1:
            items[0].error = reason(error)
            return
        middle = len(items) // 2
        write_apart(conn, org, queue, items[:middle])
        write_apart(conn, org, queue, items[middle:])
