"""The counts of each entity's newest comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Connection as Transaction

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.exact_json import to_json
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import empty_state, noise
from sync_pipeline.steps.preview.mappers import MappedByOlder, mapped_by_older

SQL = load(__package__, "summary.sql")
_COUNTED = ("new", "updated", "deleted", "in_sync", "included", "ignored", "undecided", "warnings")


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


@dataclass(frozen=True, slots=True)
class Compared:
    """An entity as it was compared with core: its drift then, and the last write that the comparison includes."""

    stream: Stream
    drift: Sequence[dict[str, Any]]
    changed_at: datetime | None


def write_summaries(
    conn: Transaction, connection: Connection, compared: Sequence[Compared], *, anew: bool
) -> Sequence[PreviewReport]:
    """Count the differences of these entities and store the counts; their reports, in the same order.

    `anew`: they were compared in this transaction. Else the counts do not replace those of a later comparison.
    """
    of = {one.stream.entity_type: one for one in compared}
    here = {"connection_id": connection.connection_id, "types": list(of)}
    counts = {row.entity_type: row for row in execute(conn, SQL["count_differences"], **here)}
    totals = {row.entity_type: row for row in execute(conn, SQL["store_totals"], **here)}
    in_core = [(connection, one.stream) for kind, one in of.items() if counts[kind].in_sync > 0]
    older = mapped_by_older(conn, in_core)
    reports: list[PreviewReport] = []
    sums: list[dict[str, Any]] = []
    for kind, one in of.items():
        total = totals.get(kind)
        report = PreviewReport(
            connection=connection.name,
            entity=one.stream.name,
            **{name: getattr(counts[kind], name) for name in _COUNTED},
            mapped_by_older=older.get((connection.connection_id, kind), 0),
            capped=bool(total and total.capped),
            drift=tuple(one.drift),
            message=empty_state(
                connection,
                promoted=bool(counts[kind].in_sync or counts[kind].updated or counts[kind].deleted),
                remote=max(total.total if total else 0, counts[kind].new),
            ),
        )
        reports.append(report)
        sums.append(
            {
                **asdict(report),
                "entity_type": kind,
                "remote_total": total.total if total else None,
                "noise": noise(connection, one.stream),
                "changed_at": one.changed_at,
            }
        )
    execute(conn, SQL["write_summaries"], connection_id=connection.connection_id, sums=to_json(sums), anew=anew)
    execute(conn, SQL["sum_up_tallies"], **here)
    return reports


def store_total(conn: Transaction, connection: Connection, stream: Stream) -> int:
    """How many records of this entity the store reported; 0 if it was never asked."""
    here = {"connection_id": connection.connection_id, "types": [stream.entity_type]}
    found = execute(conn, SQL["store_totals"], **here).one_or_none()
    return int(found.total) if found else 0


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
