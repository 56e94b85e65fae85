"""Captured payloads with their exact values."""

from collections.abc import Iterator

from sync_pipeline.db.engine import Database
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.capture.write.records import SQL
from sync_pipeline.steps.connect import Connection

_ROWS = 500  # read at a time, so that memory stays bounded


def export(db: Database, connection: Connection, stream: Stream, *, history: bool = False) -> Iterator[str]:
    """One payload a line, as JSON text, in order of the external id.

    Records deleted in the store are left out; `history` gives every version of every record.
    """
    keys = {
        "connection_id": connection.connection_id,
        "entity_type": stream.entity_type,
        "provider": connection.provider,
    }
    with db.org(connection.org_id) as conn:
        result = conn.execution_options(stream_results=True, max_row_buffer=_ROWS).exec_driver_sql(
            SQL["export_history" if history else "export"], keys
        )
        for row in result:
            yield row.payload.replace("\r", " ").replace("\n", " ")
