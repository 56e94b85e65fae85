"""Durable requests: what was requested, and its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import NotFound
from sync_pipeline.steps.connect import Organization

_SQL = load(__package__, "requests.sql")


@dataclass(frozen=True, slots=True)
class Request:
    """A durable request. `run_id` is the Dagster run, once it was launched."""

    request_id: int
    kind: str
    state: str
    run_id: str | None
    parameters: dict[str, Any]
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    error: str | None


def create_request(
    db: Database, org: Organization, kind: str, *, actor: str, idempotency_key: str | None = None, **parameters: Any
) -> Request:
    """Record a request; a Dagster sensor launches a run for it.

    Raises:
        Conflict: the idempotency key was used for another request.
    """
    with db.org(org.org_id) as conn:
        number = journal.request(conn, kind, actor=actor, idempotency_key=idempotency_key, **parameters)
        journal.record(conn, "request.made", actor=actor, request=number, kind=kind)
    return request(db, org, number)


def request(db: Database, org: Organization, request_id: int) -> Request:
    """One request.

    Raises:
        NotFound: no such request.
    """
    with db.org(org.org_id) as conn:
        row = execute(conn, _SQL["find_request"], request_id=request_id).one_or_none()
    if row is None:
        raise NotFound(f"There is no request {request_id}.")
    return Request(**row._mapping)


def requests(
    db: Database, org: Organization, *, state: str | None = None, page: int = 1, page_size: int = 50
) -> tuple[Sequence[Request], int]:
    """A page of requests, newest first, and the number of all."""
    with db.org(org.org_id) as conn:
        rows = execute(conn, _SQL["requests"], state=state, limit=page_size, offset=(page - 1) * page_size).all()
        count = int(execute(conn, _SQL["request_count"], state=state).scalar_one())
    return [Request(**row._mapping) for row in rows], count
