"""What every step records: the audit log, sync logs, requests. `steps.observe` reads them."""

from typing import Any

from sqlalchemy import Connection

from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import Conflict
from sync_pipeline.exact_json import to_json

_SQL = load("sync_pipeline", "journal.sql")


def record(
    conn: Connection,
    event: str,
    *,
    actor: str,
    connection_id: int | None = None,
    entity_type: str | None = None,
    **detail: Any,
) -> None:
    """Append to the audit log. `detail` holds counts and ids, never a payload or a secret."""
    execute(
        conn,
        _SQL["record_activity"],
        event=event,
        actor=actor,
        connection_id=connection_id,
        entity_type=entity_type,
        detail=to_json(detail),
    )


def open_log(conn: Connection, *, connection_id: int, entity_type: str, kind: str, run_id: int | None) -> int:
    """Insert a `sync_logs` row with status running; returns its id."""
    where = {"connection_id": connection_id, "entity_type": entity_type}
    return int(execute(conn, _SQL["open_log"], **where, kind=kind, run_id=run_id).scalar_one())


def close_log(conn: Connection, run_id: int, *, records: int, skipped: int, error: str | None) -> None:
    """Finish the log row of a run as success, or as failed with the reason."""
    execute(conn, _SQL["close_log"], run_id=run_id, records=records, skipped=skipped, error=error)


def request(conn: Connection, kind: str, *, actor: str, idempotency_key: str | None = None, **parameters: Any) -> int:
    """Request a run in the caller's transaction; returns the request's id. A Dagster sensor launches the run.

    A call with the same `idempotency_key` returns the same request.

    Raises:
        Conflict: the key was already used for another request.
    """
    asked = {name: value for name, value in parameters.items() if value is not None}
    row = execute(
        conn,
        _SQL["request"],
        kind=kind,
        actor=actor,
        key=idempotency_key,
        parameters=to_json({**asked, "actor": actor}),
    ).one()
    if row.kind != kind or not row.same:
        raise Conflict(f"The idempotency key “{idempotency_key}” was used for another request. Use a new one.")
    return int(row.request_id)
