"""Warnings about what would go wrong in promotion, for the differences that were just written."""

from __future__ import annotations

from sqlalchemy import Connection as Transaction

from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import keys

SQL = load(__package__, "warnings.sql")


def warn(conn: Transaction, connection: Connection, stream: Stream) -> None:
    """Warn about the differences of a whole entity that this transaction has written."""
    _warn(conn, connection, stream, SQL["forget_sku_warnings"])


def warn_some(conn: Transaction, connection: Connection, stream: Stream) -> None:
    """The same for a few records, by index probes."""
    _warn(conn, connection, stream, SQL["forget_some_sku_warnings"])


def _warn(conn: Transaction, connection: Connection, stream: Stream, forget: str) -> None:
    here = keys(connection, stream)
    execute(conn, SQL["stage_fresh"], **here)
    execute(conn, SQL["analyze_fresh"])
    execute(conn, SQL["join_by_index"])
    if stream.money or stream.dates:
        execute(conn, SQL["warn_unparsable"], **here, money=list(stream.money), dates=list(stream.dates))
    if stream.refers_to:
        execute(conn, SQL["warn_missing_parent"], **here, refers_to=stream.refers_to)
    if stream.currency:
        where = followed(stream, stream.currency)
        execute(conn, SQL["warn_currency"], **here, currency=stream.currency, **where)
    if stream.entity == "customer" and stream.email:
        execute(conn, SQL["warn_email"], **here)
    if stream.code_is == "sku":
        execute(conn, SQL["stage_codes"])
        execute(conn, SQL["analyze_codes"])
        execute(conn, forget, **here)
        execute(conn, SQL["warn_sku"], **here, entity=stream.entity)


def followed(stream: Stream, field: str) -> dict[str, str | None]:
    """If `field` refers to a record that the mapper follows: that record's type, and the field that is read."""
    for follow in getattr(stream.to_entity, "follows", ()):
        if follow.field == field:
            return {"of_type": follow.entity_type, "of_field": follow.reads[0]}
    return {"of_type": None, "of_field": None}
