"""Previews of entities of which nothing was captured since they were compared: their sums, all in one go.

A night is mostly such entities. Of the others, and of those that follow a record which changed, `recompute` compares.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sync_pipeline import gates
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview import followed
from sync_pipeline.steps.preview.compare import hold_core
from sync_pipeline.steps.preview.drift import drifted_fields
from sync_pipeline.steps.preview.entity import noise
from sync_pipeline.steps.preview.summary import SQL, Compared, PreviewReport, write_summaries


def sum_up(db: Database, connection: Connection, streams: Sequence[Stream]) -> Mapping[str, PreviewReport]:
    """Sum up those of these streams that are as they were compared; their reports by the stream's name.

    The reports are those of `recompute`; streams that are not among them have to be compared.
    """
    started = time.monotonic()
    of = {stream.entity_type: stream for stream in streams}
    with db.org(connection.org_id) as conn:
        hold_core(conn)
        noises = [json.dumps(noise(connection, stream)) for stream in streams]
        here = {"connection_id": connection.connection_id, "types": list(of)}
        rows = execute(conn, SQL["as_compared"], **here, noises=noises)
        found = [Compared(of[row.entity_type], row.drift, row.changed_at) for row in rows]
        late = {one.stream.entity_type for one in followed.behind(conn, connection)}
        # Whether a gate opens or ends can change where nothing was captured: a mapper of a new release needs another
        # field or one less, a store that is connected again has lost its gates. `recompute` judges that.
        gated = {kind for connection_id, kind in gates.blocking(conn) if connection_id == connection.connection_id}
        compared = [one for one in found if one.stream.entity_type not in late | gated]
        quiet = [
            # Drift also ends where nothing is captured.
            replace(one, drift=drifted_fields(conn, connection, one.stream)) if one.drift else one
            for one in compared
            if not _drifts(connection, one)
        ]
        if not quiet:
            return {}
        reports = write_summaries(conn, connection, quiet, anew=False)
    seconds = (time.monotonic() - started) / len(reports)
    return {report.entity: replace(report, seconds=seconds) for report in reports}


def _drifts(connection: Connection, one: Compared) -> bool:
    """Does a field that its mapper needs drift? Drift of noise is not kept."""
    drifting = {change["field"] for change in one.drift}
    return not set(one.stream.needs).isdisjoint(drifting.union(noise(connection, one.stream)))
