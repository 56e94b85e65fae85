"""The counts of each entity's newest comparison."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Connection as Transaction

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import empty_state, keys, noise
from sync_pipeline.steps.preview.mappers import MappedByOlder, mapped_by_older

SQL = load(__package__, "summary.sql")


@dataclass(frozen=True, slots=True)
class PreviewReport:
    """The differences of one entity, by status. `seconds` is how long comparing took."""

    connection: str
    entity: str
    new: int
    updated: int
    deleted: int
    in_sync: int
    included: int
    ignored: int
    undecided: int
    warnings: int
    mapped_by_older: MappedByOlder = 0
    capped: bool = False
    drift: tuple[dict[str, Any], ...] = field(default=())
    message: str | None = None
    seconds: float = 0.0


def write_summary(
    conn: Transaction,
    connection: Connection,
    stream: Stream,
    *,
    drift: Sequence[dict[str, Any]],
    changed_at: datetime | None,
) -> PreviewReport:
    """Count the differences of an entity and store the counts. `changed_at`: the last write they include."""
    here = keys(connection, stream)
    counts = execute(conn, SQL["count_differences"], **here).one()
    remote = execute(conn, SQL["store_total"], **here).one_or_none()
    capped = bool(remote and remote.capped)
    execute(
        conn,
        SQL["write_summary"],
        **here,
        new=counts.new,
        updated=counts.updated,
        deleted=counts.deleted,
        in_sync=counts.in_sync,
        remote_total=remote.total if remote else None,
        capped=capped,
        drift=json.dumps(drift),
        noise=noise(connection, stream),
        changed_at=changed_at,
    )
    execute(conn, SQL["sum_up_tally"], **here)
    return PreviewReport(
        connection=connection.name,
        entity=stream.name,
        **counts._mapping,
        mapped_by_older=sum(mapped_by_older(conn, [(connection, stream)]).values()),
        capped=capped,
        drift=tuple(drift),
        message=empty_state(
            connection,
            promoted=bool(counts.in_sync or counts.updated or counts.deleted),
            remote=max(remote.total if remote else 0, counts.new),
        ),
    )


@dataclass(frozen=True, slots=True)
class EntityPreview:
    """The differences that the newest comparison of an entity found."""

    connection: str
    entity: str
    new: int
    updated: int
    deleted: int
    in_sync: int
    mapped_by_older: MappedByOlder
    capped: Annotated[bool, Field(description="The fetch was capped: the store may hold more.")]
    remote_total: Annotated[int | None, Field(description="How many records the store reported.")]


def summaries(db: Database, connection: Connection) -> Sequence[EntityPreview]:
    """The newest comparison of each entity of a connection."""
    with db.org(connection.org_id) as conn:
        rows = execute(conn, SQL["summaries"], connection_id=connection.connection_id).all()
        older = mapped_by_older(conn, ((connection, stream) for stream in connection.source.streams.values()))
    # Counted now: which mapper is the current one depends on the program, not on the comparison.
    return [
        EntityPreview(
            connection=connection.name,
            entity=connection.source.stream(row.entity_type).name,
            new=row.new,
            updated=row.updated,
            deleted=row.deleted,
            in_sync=row.in_sync,
            mapped_by_older=older.get((connection.connection_id, row.entity_type), 0),
            capped=row.capped,
            remote_total=row.remote_total,
        )
        for row in rows
    ]
