"""What is at work now, from the database: right whichever process does it, and after a crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection as Transaction

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import all_sources
from sync_pipeline.steps.observe.heartbeat import SILENT_SECONDS, seen_at

_SQL = load(__package__, "progress.sql")
STOPPED = "stopped; it goes on with the next refresh"
_STOPPED_QUEUE = "stopped; applying the plan again goes on with it"
_ASKED = {"preview": "Compare with core", "reconcile": "Reconcile with the stores", "validate": "Validate"}

Kind = Literal["apply", "pull", "request"]


@dataclass(frozen=True, slots=True)
class WorkProgress:
    """How far one piece of work is.

    `key` names it: `queue:ID`, `pull:CONNECTION_ID/ENTITY_TYPE`, `request:ID`. `connection_id` is the connection that
    it concerns, None if it may concern several. `total` and `eta_seconds` are None while they are unknown. A request
    counts entities, the others records. Work that is `stopped` was killed: its process is gone.
    """

    key: str
    connection_id: int | None
    done: int
    total: int | None
    failed: int
    per_minute: float
    eta_seconds: float | None
    kind: Kind = "apply"
    state: Literal["waiting", "running", "stopped"] = "running"
    title: str = "Apply a plan"
    connection: str | None = None
    entity: str | None = None
    run_id: str | None = None  # the Dagster run
    note: str | None = None  # what it waits for, in words
    plan_id: UUID | None = None  # that is applied


def progress(db: Database, org_id: int) -> Sequence[WorkProgress]:
    """Everything of the organization that is at work: queues, then requests, then pulls; each oldest first."""
    with db.org(org_id) as conn:
        queues = execute(conn, _SQL["queues_at_work"]).all()
        requests = execute(conn, _SQL["requests_at_work"]).all()
        pulls = execute(conn, _SQL["pulls_at_work"]).all()
        if not all(row.alive for row in pulls):
            # One that closed between the two readings of this statement looks like a killed one. It is gone now.
            dead = {row.run_id for row in pulls if not row.alive}
            pulls = [row for row in execute(conn, _SQL["pulls_at_work"]) if row.alive or row.run_id in dead]
        waits = _why_it_waits(conn) if any(row.state == "waiting" for row in requests) else None
    return [
        *(_queue(row) for row in queues),
        *(_request(row, waits) for row in requests),
        *(_pull(row) for row in pulls),
    ]


def _why_it_waits(conn: Transaction) -> str:
    seen = seen_at(conn)
    if seen is None or (datetime.now(UTC) - seen).total_seconds() > SILENT_SECONDS:
        return "waits for Dagster, which does not run; `sync-pipeline up` starts it"
    return "waits for Dagster, which begins it in a few seconds"


def _queue(row: Any) -> WorkProgress:
    return _of(
        f"queue:{row.queue_id}",
        None,
        row.finished,
        row.total,
        row.failed,
        row.done + row.failed,
        row.seconds,
        state="running" if row.alive else "stopped",
        note=None if row.alive else _STOPPED_QUEUE,
        plan_id=row.plan_id,
    )


def _request(row: Any, waits: str | None) -> WorkProgress:
    asked: Mapping[str, Any] = row.parameters
    waiting = row.state == "waiting"
    total = len(_entities(row)) or None
    note = waits if waiting else None
    if row.kind == "pull":
        title = "Refresh everything" if asked.get("full") else "Refresh what changed"
        if total is not None and row.ended >= total and not waiting:
            note = "compares with core"
    else:
        title, total = _ASKED[row.kind], None
    return WorkProgress(
        f"request:{row.request_id}",
        row.connection_id,
        min(row.ended, total) if total else 0,
        total,
        0,
        0.0,
        None,
        kind="request",
        state="waiting" if waiting else "running",
        title=title,
        connection=row.connection,
        entity=asked["entities"][0] if len(asked.get("entities") or ()) == 1 else None,
        run_id=row.orchestrator_run,
        note=note,
    )


def _entities(row: Any) -> Sequence[str]:
    """The entities that a request asks for; none if it concerns several connections."""
    if row.provider not in all_sources():
        return ()
    return row.parameters.get("entities") or list(all_sources()[row.provider].streams)


def _pull(row: Any) -> WorkProgress:
    source = all_sources().get(row.provider)
    stream = (
        next((one for one in source.streams.values() if one.entity_type == row.entity_type), None) if source else None
    )
    total = row.total if row.total is None else max(row.total, 0)
    return _of(
        f"pull:{row.connection_id}/{row.entity_type}",
        row.connection_id,
        row.rows if total is None else min(row.rows, total),  # pages overlap
        total,
        0,
        row.worked,
        row.seconds,
        kind="pull",
        state="running" if row.alive else "stopped",
        title=stream.title if stream else row.entity_type,
        connection=row.connection,
        entity=stream.name if stream else row.entity_type,
        run_id=row.orchestrator_run,
        note=None if row.alive else STOPPED,
    )


def _of(
    key: str,
    connection_id: int | None,
    finished: int,
    total: int | None,
    failed: int,
    worked: int,
    seconds: float | None,
    **more: Any,
) -> WorkProgress:
    moves = more.get("state", "running") == "running"
    rate = worked / seconds if seconds and moves else 0.0
    left = None if total is None else max(0, total - finished)
    eta = 0.0 if left == 0 else left / rate if left and rate else None
    return WorkProgress(key, connection_id, finished, total, failed, rate * 60, eta, **more)
