"""The records around one: what it hangs on, and what hangs on it; an order's customer, a product's variations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.browse import RecordRow, rows_of
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.preview.record import SQL

FIRST = 20


@dataclass(frozen=True, slots=True)
class Relatives:
    """Records of one entity: the first of them, and how many there are."""

    stream: Stream
    rows: Sequence[RecordRow]
    total: int


def relatives(db: Database, connection: Connection, stream: Stream, external_id: str) -> Sequence[Relatives]:
    """What the record hangs on, then what hangs on it, entity by entity."""
    streams = connection.source.streams
    found = []
    with db.org(connection.org_id) as conn:
        parent = execute(conn, SQL["parent_of"], **keys(connection, stream), external_id=external_id).scalar()
        above = connection.source.stream(stream.refers_to or stream.parent or stream.name)
        if parent and (stream.refers_to or stream.parent) and (rows := rows_of(conn, connection, above, [parent])):
            found.append(Relatives(above, rows, 1))
        for child in streams.values():
            if stream.entity_type == child.refers_to or stream.name == child.parent:
                ids = execute(
                    conn, SQL["children_of"], **keys(connection, child), external_id=external_id, limit=FIRST
                ).all()
                if ids:
                    rows = rows_of(conn, connection, child, [one.external_id for one in ids])
                    found.append(Relatives(child, rows, ids[0].records))
    return found
