"""How many rows the captured records of a connection are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.observe.status import SQL


@dataclass(frozen=True, slots=True)
class CapturedRows:
    """An entity's records: those that are there, those deleted at the store (their rows stay), those in quarantine."""

    live: int = 0
    deleted: int = 0
    quarantined: int = 0

    def __add__(self, other: CapturedRows) -> CapturedRows:
        return CapturedRows(self.live + other.live, self.deleted + other.deleted, self.quarantined + other.quarantined)


def captured_rows(db: Database, connection: Connection, streams: Sequence[Stream]) -> Mapping[str, CapturedRows]:
    """The rows of these streams now, by the stream's name."""
    names = {stream.entity_type: stream.name for stream in streams}
    where = {"connection_id": connection.connection_id, "provider": connection.provider, "types": list(names)}
    with db.org(connection.org_id) as conn:
        rows = execute(conn, SQL["captured_rows"], **where)
        return {names[row.entity_type]: CapturedRows(row.live, row.deleted, row.quarantined) for row in rows}
