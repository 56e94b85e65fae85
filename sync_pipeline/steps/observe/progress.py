"""What is at work now, from the database: right whichever process does it, and after a crash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load

_SQL = load(__package__, "progress.sql")


@dataclass(frozen=True, slots=True)
class WorkProgress:
    """How far one piece of work is.

    `key` names it (`queue:…`). `connection_id` is the connection that it concerns, None if it may concern several.
    `total` and `eta_seconds` are None while they are unknown.
    """

    key: str
    connection_id: int | None
    done: int
    total: int | None
    failed: int
    per_minute: float
    eta_seconds: float | None


def progress(db: Database, org_id: int) -> Sequence[WorkProgress]:
    """Everything of the organization that is at work, oldest first."""
    with db.org(org_id) as conn:
        queues = execute(conn, _SQL["queues_at_work"]).all()
    return [
        _of(f"queue:{row.queue_id}", None, row.finished, row.total, row.failed, row.done + row.failed, row.seconds)
        for row in queues
    ]


def _of(
    key: str,
    connection_id: int | None,
    finished: int,
    total: int | None,
    failed: int,
    worked: int,
    seconds: float | None,
) -> WorkProgress:
    rate = worked / seconds if seconds else 0.0
    left = None if total is None else max(0, total - finished)
    eta = 0.0 if left == 0 else left / rate if left and rate else None
    return WorkProgress(key, connection_id, finished, total, failed, rate * 60, eta)
