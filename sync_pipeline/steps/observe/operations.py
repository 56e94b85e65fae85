"""What a person who runs a connection looks at: the last pull of each entity, requests, the reconciliation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import Conflict
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection, Organization
from sync_pipeline.steps.observe.requests import Request, request

_SQL = load(__package__, "operations.sql")


@dataclass(frozen=True, slots=True)
class LastPull:
    """The newest pull of an entity. It closed if `expected` = `captured` + `quarantined` + `vanished`, by id."""

    mode: str
    state: str
    expected: int
    captured: int
    quarantined: int
    vanished: int
    seconds: float
    requests: int
    error: str | None
    started_at: datetime
    finished_at: datetime | None
    run_id: str | None  # the Dagster run


@dataclass(frozen=True, slots=True)
class EntityRun:
    """An entity of a connection: its newest pull, None if there was none, and what is in quarantine."""

    stream: Stream
    quarantined: int
    last: LastPull | None


@dataclass(frozen=True, slots=True)
class LastReconciliation:
    """The newest comparison of a store's ids with what is captured and in core; `differ`: entity → what differs."""

    at: datetime
    by: str
    entities: int
    differ: Mapping[str, Mapping[str, Any]]


def entity_runs(db: Database, connection: Connection) -> Sequence[EntityRun]:
    """Every entity of the connection, in the order in which they are pulled."""
    streams = {stream.entity_type: stream for stream in connection.source.streams.values()}
    with db.org(connection.org_id) as conn:
        rows = {
            row.entity_type: row
            for row in execute(
                conn, _SQL["entity_runs"], connection_id=connection.connection_id, entity_types=list(streams)
            )
        }
    return [EntityRun(stream, rows[name].quarantined, _last(rows[name])) for name, stream in streams.items()]


def _last(row: Any) -> LastPull | None:
    if row.run_id is None:
        return None
    return LastPull(
        row.mode,
        row.state,
        row.expected,
        row.captured,
        row.set_aside,
        row.vanished,
        row.seconds,
        row.requests,
        row.error,
        row.started_at,
        row.finished_at,
        row.orchestrator_run,
    )


def asked(db: Database, connection: Connection) -> Sequence[Request]:
    """Requests that wait or run and concern this connection, oldest first."""
    with db.org(connection.org_id) as conn:
        rows = execute(conn, _SQL["asked_of_connection"], connection=connection.name).all()
    return [Request(**row._mapping) for row in rows]


def last_ended(db: Database, connection: Connection) -> Request | None:
    """The last request that concerned this connection and ended within the hour."""
    with db.org(connection.org_id) as conn:
        row = execute(conn, _SQL["ended_of_connection"], connection=connection.name).one_or_none()
    return None if row is None else Request(**row._mapping)


def cancel_request(db: Database, org: Organization, request_id: int, *, actor: str) -> Request:
    """Cancel a request that has not begun.

    Raises:
        NotFound: no such request.
        Conflict: it has begun or ended.
    """
    found = request(db, org, request_id)
    with db.org(org.org_id) as conn:
        error = f"{actor} cancelled it before it began."
        if execute(conn, _SQL["cancel_request"], request_id=request_id, error=error).one_or_none() is None:
            raise Conflict(f"Request {request_id} has begun or ended. It can be cancelled only while it waits.")
        journal.record(conn, "request.cancelled", actor=actor, request=request_id, kind=found.kind)
    return request(db, org, request_id)


def last_reconciliation(db: Database, connection: Connection) -> LastReconciliation | None:
    """The newest reconciliation of this connection; None if there was none lately."""
    with db.org(connection.org_id) as conn:
        row = execute(conn, _SQL["last_reconciliation"], connection_id=connection.connection_id).one_or_none()
    if row is None:
        return None
    return LastReconciliation(row.occurred_at, row.actor, row.detail.get("entities", 0), row.detail.get("differ", {}))
