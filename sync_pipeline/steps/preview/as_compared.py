"""Previews of entities of which nothing was captured since they were compared: their sums, all in one go.

A night is mostly such entities. Of the others, and of those that follow a record which changed, `recompute` compares.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview import followed
from sync_pipeline.steps.preview.compare import hold_core
from sync_pipeline.steps.preview.entity import empty_state, noise
from sync_pipeline.steps.preview.mappers import mapped_by_older
from sync_pipeline.steps.preview.summary import SQL, PreviewReport


def sum_up(db: Database, connection: Connection, streams: Sequence[Stream]) -> Mapping[str, PreviewReport]:
    """Sum up those of these streams that are as they were compared; their reports by the stream's name.

    The reports are those of `recompute`; streams that are not among them have to be compared.
    """
    started = time.monotonic()
    of = {stream.entity_type: stream for stream in streams}
    with db.org(connection.org_id) as conn:
        hold_core(conn)
        here = {"connection_id": connection.connection_id}
        noises = [json.dumps(noise(connection, stream)) for stream in of.values()]
        drift = {
            row.entity_type: row.drift
            for row in execute(conn, SQL["as_compared"], **here, types=list(of), noises=noises)
        }
        for late in followed.behind(conn, connection):
            drift.pop(late.stream.entity_type, None)
        if not drift:
            return {}
        rows = execute(conn, SQL["sum_up_again"], **here, types=list(drift)).all()
        execute(conn, SQL["sum_up_tallies"], **here, types=list(drift))
        older = mapped_by_older(conn, [(connection, of[row.entity_type]) for row in rows if row.in_sync > 0])
    seconds = (time.monotonic() - started) / len(rows)
    return {
        of[row.entity_type].name: PreviewReport(
            connection=connection.name,
            entity=of[row.entity_type].name,
            new=row.new,
            updated=row.updated,
            deleted=row.deleted,
            in_sync=row.in_sync,
            included=row.included,
            ignored=row.ignored,
            undecided=row.undecided,
            warnings=row.warnings,
            mapped_by_older=older.get((connection.connection_id, row.entity_type), 0),
            capped=row.capped,
            drift=tuple(drift[row.entity_type]),
            message=empty_state(
                connection,
                promoted=bool(row.in_sync or row.updated or row.deleted),
                remote=max(row.total or 0, row.new),
            ),
            seconds=seconds,
        )
        for row in rows
    }
