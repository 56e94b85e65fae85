"""One record in full: its payload, its differences from core, its versions, its mapping and its decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import NotFound
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import keys, noise
from sync_pipeline.steps.preview.matching import display, withdrawn

SQL = load(__package__, "record.sql")


@dataclass(frozen=True, slots=True)
class RecordDetail:
    """One record in full, with its fields before and after, its versions and its mapping.

    `deleted`: the store deleted it, {at, in_core}; it is in sync if core has the deletion, or never had the record.
    """

    external_id: str
    version: str
    status: str
    display: dict[str, Any]
    raw: Any
    changes: dict[str, Any]
    warnings: list[dict[str, Any]]
    versions: list[dict[str, Any]]
    mapping: dict[str, Any] | None
    decision: dict[str, Any] | None
    withdrawn: dict[str, Any] | None
    deleted: dict[str, Any] | None = None


def record(db: Database, connection: Connection, stream: Stream, external_id: str) -> RecordDetail:
    """One record in full.

    Raises:
        NotFound: it was never captured.
    """
    here = keys(connection, stream)
    with db.org(connection.org_id) as conn:
        row = execute(
            conn, SQL["record_in_full"], **here, external_id=external_id, noise=noise(connection, stream)
        ).one_or_none()
        if row is None:
            raise NotFound(f"{connection.name} has no captured {stream.entity_type} {external_id}.")
        versions = [dict(v._mapping) for v in execute(conn, SQL["record_versions"], **here, external_id=external_id)]
    return RecordDetail(
        external_id=row.external_id,
        version=row.version,
        status=row.status,
        display=display(stream, row),
        raw=row.sync_data,
        changes=row.changes if row.status == "updated" else {},
        warnings=row.warnings or [],
        versions=versions,
        mapping=(
            {"table": row.core_table, "id": row.internal_id, "promoted_at": row.last_promoted_at}
            if row.internal_id is not None
            else None
        ),
        decision=(
            {
                "decision": row.decision,
                "draft": row.draft,
                "by": row.decided_by,
                "at": row.decided_at,
                "why": row.decided_why,
            }
            if row.decision
            else None
        ),
        withdrawn=withdrawn(row),
        deleted={"at": row.deletion_at, "in_core": row.promoted_deleted} if row.deletion_state == "deleted" else None,
    )


def version_text(
    db: Database, connection: Connection, stream: Stream, external_id: str, version_no: int | None = None
) -> str:
    """The payload of a version, the newest if none is named, as indented JSON with every digit.

    Raises:
        NotFound: there is no such version.
    """
    here = {**keys(connection, stream), "external_id": external_id}
    with db.org(connection.org_id) as conn:
        found = execute(conn, SQL["version_text"], **here, version_no=version_no).one_or_none()
    if found is None:
        raise NotFound(f"{connection.name} has no such version of {stream.entity_type} {external_id}.")
    return str(found.text)


def version_changes(
    db: Database, connection: Connection, stream: Stream, external_id: str, earlier: int, later: int
) -> Mapping[str, Mapping[str, Any]]:
    """The fields in which two versions differ: {field: {before, after}}. A side without the field has no key.

    Raises:
        NotFound: one of them does not exist.
    """
    here = {**keys(connection, stream), "external_id": external_id}
    with db.org(connection.org_id) as conn:
        found = execute(conn, SQL["version_changes"], **here, earlier=earlier, later=later).one_or_none()
    if found is None:
        raise NotFound(f"{connection.name} has no such versions of {stream.entity_type} {external_id}.")
    changes: Mapping[str, Mapping[str, Any]] = found.changes
    return changes
