"""Sync logs: one row for each pull of an entity, push and run of webhook deliveries; a push says what it skipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import NotFound
from sync_pipeline.sources.base import source
from sync_pipeline.steps.connect import Connection, Organization

_SQL = load(__package__, "sync_logs.sql")
LogKind = Literal["pull", "push", "webhook"]
LogStatus = Literal["running", "success", "failed"]


@dataclass(frozen=True, slots=True)
class SyncLog:
    """A row of `capture.sync_logs`."""

    log_id: int
    connection: str
    entity: str
    kind: LogKind
    status: LogStatus
    records_synced: int
    skipped: int
    error_message: str | None
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class SkippedRecord:
    """A record of a push that was not stored, and why."""

    place: Annotated[int, Field(description="Its place in the batch, from 0.", examples=[1])]
    id: Annotated[str | None, Field(description="Its id, if that is a number.", examples=["90202"])]
    reason: Annotated[str, Field(examples=["name is missing"])]


@dataclass(frozen=True, slots=True)
class IgnoredRecord:
    """A valid record of a push that changed nothing."""

    place: Annotated[int, Field(description="Its place in the batch, from 0.", examples=[0])]
    id: Annotated[str, Field(description="Its id.", examples=["90201"])]
    outcome: Annotated[
        Literal["older", "deleted", "superseded"],
        Field(
            description="What is stored is newer; it is deleted in the store; a later one of the batch is laid over."
        ),
    ]
    reason: Annotated[str, Field(examples=["it is older than the stored record, which changed 2026-03-01T10:00:00Z"])]


@dataclass(frozen=True, slots=True)
class LoggedDelivery:
    """A webhook delivery of a run."""

    topic: Annotated[str, Field(examples=["product.updated"])]
    id: Annotated[str, Field(description="The record's id.", examples=["101"])]
    outcome: Annotated[
        Literal["new", "changed", "unchanged", "deleted", "gone", "quarantined", "waiting"],
        Field(
            description="What became of the record. `deleted`: the store has it no more, and its deletion is captured; "
            "`gone`: the store has no such record, and none is captured; `waiting`: it did not answer."
        ),
    ]
    why: Annotated[
        str, Field(description="Was its body accepted, or the store asked, and what it said.", examples=["accepted"])
    ]


@dataclass(frozen=True, slots=True)
class SyncLogDetail(SyncLog):
    """A log with the records that it skipped. That of a push says what became of each record, that of a run of webhook
    deliveries what became of each delivery.
    """

    skipped_records: Sequence[SkippedRecord]
    ignored_records: Annotated[
        Sequence[IgnoredRecord], Field(description="Valid records of a push that changed nothing, and why.")
    ] = ()
    outcomes: Annotated[
        Sequence[str],
        Field(description="What became of each record of a push, in the order of the batch.", examples=[["new"]]),
    ] = ()
    deliveries: Annotated[
        Sequence[LoggedDelivery], Field(description="What became of each webhook delivery; up to 1,000 of a run.")
    ] = ()


def sync_logs(
    db: Database,
    org: Organization,
    of: Sequence[Connection],
    *,
    kind: LogKind | None = None,
    status: LogStatus | None = None,
    page: int = 1,
    page_size: int = 50,
) -> tuple[Sequence[SyncLog], int]:
    """A page of the logs of these connections, newest first, and how many there are."""
    which: dict[str, Any] = {"connections": [one.connection_id for one in of], "kind": kind, "status": status}
    with db.org(org.org_id) as conn:
        rows = execute(conn, _SQL["sync_logs"], **which, limit=page_size, offset=(page - 1) * page_size).all()
        count = int(execute(conn, _SQL["count_sync_logs"], **which).scalar_one())
    return [SyncLog(**_facts(row)) for row in rows], count


def sync_log(db: Database, org: Organization, of: Sequence[Connection], log_id: int) -> SyncLogDetail:
    """One log of these connections.

    Raises:
        NotFound: they have no such log.
    """
    connections = [one.connection_id for one in of]
    with db.org(org.org_id) as conn:
        row = execute(conn, _SQL["one_sync_log"], log_id=log_id, connections=connections).one_or_none()
    if row is None:
        raise NotFound(f"There is no sync log {log_id}.")
    facts = _facts(row)
    skipped = [SkippedRecord(int(one["place"]), one["id"], one["reason"]) for one in facts.pop("skipped_records")]
    ignored = [
        IgnoredRecord(int(one["place"]), one["id"], one["outcome"], one["reason"])
        for one in facts.pop("ignored_records")
    ]
    deliveries = [LoggedDelivery(**one) for one in facts.pop("deliveries")]
    return SyncLogDetail(**facts, skipped_records=skipped, ignored_records=ignored, deliveries=deliveries)


def _facts(row: Any) -> dict[str, Any]:
    facts = dict(row._mapping)
    stream = source(facts.pop("provider")).stream(facts.pop("entity_type"))
    return {**facts, "entity": stream.name}
