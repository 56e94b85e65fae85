"""Write a batch so that a record which the database refuses fails alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sync_pipeline.steps.promote.map.batch import WorkItem
from sync_pipeline.steps.promote.place.identity import PromotionSettings
from sync_pipeline.steps.promote.write.rows import write

# A lock conflict, or the server lacked a resource: the same batch may succeed the next time.
_TRANSIENT = ("40001", "40P01", "55P03", "57014", "53")


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
        if is_transient(error) or _lost(error):
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


def is_transient(error: DBAPIError) -> bool:
    """True if the same statement may succeed the next time."""
    return str(getattr(error.orig, "sqlstate", "") or "").startswith(_TRANSIENT)


def reason(error: DBAPIError) -> str:
    """Why the database refused it, for people."""
    diagnosis: Any = getattr(error.orig, "diag", None)
    message = getattr(diagnosis, "message_primary", None) or str(error.orig)
    detail = getattr(diagnosis, "message_detail", None)
    return f"The database refused it: {message}" + (f" ({detail})" if detail else "")


def _lost(error: DBAPIError) -> bool:
    return not (state := getattr(error.orig, "sqlstate", None)) or str(state).startswith(("57P", "08"))
