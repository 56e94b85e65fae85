"""Compare what is captured with what is in core: set-based, and writing only what is news."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection as Transaction

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.drift import judge_drift
from sync_pipeline.steps.preview.mappers import mapped_by_older

SQL = load(__package__)
TABLE_SQL = load(__package__, "table.sql")


@dataclass(frozen=True, slots=True)
class PreviewReport:
    """The differences of one entity, in the words of a plan. `seconds` is how long comparing took.

    `mapped_by_older` counts records that are in sync and were mapped by an older mapper.
    """

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
    mapped_by_older: int = 0
    capped: bool = False
    drift: tuple[dict[str, Any], ...] = field(default=())
    message: str | None = None
    seconds: float = 0.0


def keys(connection: Connection, stream: Stream) -> dict[str, Any]:
    """Parameters that name one entity of one connection."""
    return {
        "connection_id": connection.connection_id,
        "entity_type": stream.entity_type,
        "provider": connection.provider,
    }


def noise(connection: Connection, stream: Stream) -> list[str]:
    """Fields that move without a change, the connection's own included."""
    return [*stream.noise, *connection.common().noise.get(stream.name, ())]


def empty_state(connection: Connection, *, promoted: bool, remote: int) -> str | None:
    """What to say where nothing of an entity is in core yet, and the store has some."""
    if promoted or not remote:
        return None
    return (
        "No local records found. This looks like an initial import: "
        f"all {remote} records will be created from {connection.source.title}."
    )


def recompute(db: Database, connection: Connection, stream: Stream, *, actor: str = "preview") -> PreviewReport:
    """Compare again, warn about what promotion would trip over, and sum up.

    Where nothing was captured since the last comparison only the sums are drawn: promotion and undo keep the
    differences themselves.
    """
    del actor  # comparing changes nothing that the audit log would hold
    started = time.monotonic()
    here = keys(connection, stream)
    masked = noise(connection, stream)
    with db.org(connection.org_id) as conn:
        known = execute(conn, SQL["last_change"], **here, noise=masked).one_or_none()
        if known is not None and known.compared:
            drift = known.drift
        else:
            _compare(conn, connection, stream)
            drift = [
                {"field": r.field, "change": r.change, "detail": r.detail, "since": r.since.isoformat()}
                for r in execute(conn, SQL["drift"], **here, noise=masked)
            ]
        judge_drift(conn, connection, stream)
        counts = execute(conn, SQL["counts"], **here).one()
        in_sync = int(execute(conn, SQL["in_sync"], **here).scalar_one())
        remote = execute(conn, SQL["remote"], **here).one_or_none()
        execute(
            conn,
            SQL["write_summary"],
            **here,
            new=counts.new,
            updated=counts.updated,
            deleted=counts.deleted,
            in_sync=in_sync,
            remote_total=remote.total if remote else None,
            capped=bool(remote and remote.capped),
            drift=json.dumps(drift),
            noise=masked,
            changed_at=known.changed_at if known else None,
        )
        execute(conn, TABLE_SQL["sum_up"], **here)
        older = mapped_by_older(conn, [(connection, stream)])
    return PreviewReport(
        connection=connection.name,
        entity=stream.name,
        new=counts.new,
        updated=counts.updated,
        deleted=counts.deleted,
        in_sync=in_sync,
        included=counts.included,
        ignored=counts.ignored,
        undecided=counts.undecided,
        warnings=counts.warnings,
        mapped_by_older=sum(older.values()),
        capped=bool(remote and remote.capped),
        drift=tuple(drift),
        message=empty_state(
            connection,
            promoted=bool(in_sync or counts.updated or counts.deleted),
            remote=max(remote.total if remote else 0, counts.new),
        ),
        seconds=time.monotonic() - started,
    )


def followed(stream: Stream, field: str) -> dict[str, str | None]:
    """Where `field` names a record that the mapping follows: that record's type, and the field of it that is read."""
    for follow in getattr(stream.to_entity, "follows", ()):
        if follow.field == field:
            return {"of_type": follow.entity_type, "of_field": follow.reads[0]}
    return {"of_type": None, "of_field": None}


@dataclass(frozen=True, slots=True)
class Summary:
    """What the newest comparison of an entity found; `remote_total` is what the store said it has.

    `mapped_by_older` is counted now: which mapper is the current one depends on the program, not on the comparison.
    """

    entity_type: str
    new: int
    updated: int
    deleted: int
    in_sync: int
    mapped_by_older: int
    capped: bool
    remote_total: int | None


def summaries(db: Database, connection: Connection) -> Sequence[Summary]:
    """The newest comparison of each entity of a connection."""
    with db.org(connection.org_id) as conn:
        rows = execute(conn, TABLE_SQL["summaries"], connection_id=connection.connection_id).all()
        older = mapped_by_older(conn, ((connection, stream) for stream in connection.source.streams.values()))
    return [
        Summary(**row._mapping, mapped_by_older=older.get((connection.connection_id, row.entity_type), 0))
        for row in rows
    ]


def _compare(conn: Transaction, connection: Connection, stream: Stream) -> None:
    here = keys(connection, stream)
    execute(conn, SQL["set_based"])
    execute(conn, SQL["compare"], **here)
    execute(conn, SQL["analyze_different"])
    execute(conn, SQL["write_different"], **here)
    _warn(conn, connection, stream)


def compare_some(conn: Transaction, connection: Connection, stream: Stream, ids: Sequence[str]) -> None:
    """Compare these records alone, in the caller's transaction: what it just wrote shows at once as what it is."""
    here = keys(connection, stream)
    execute(conn, SQL["compare_some"], **here, ids=list(ids))
    execute(conn, SQL["analyze_different"])
    execute(conn, SQL["write_some"], **here, ids=list(ids))
    _warn(conn, connection, stream, forget="forget_some_sku_warnings")


def _warn(conn: Transaction, connection: Connection, stream: Stream, *, forget: str = "forget_sku_warnings") -> None:
    here = keys(connection, stream)
    execute(conn, SQL["stage_fresh"], **here)
    execute(conn, SQL["analyze_fresh"])
    execute(conn, SQL["by_key"])
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
        execute(conn, SQL[forget], **here)
        execute(conn, SQL["warn_sku"], **here, entity=stream.entity)
