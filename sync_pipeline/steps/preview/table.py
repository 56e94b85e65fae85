"""The records of an entity as people look at them: searched, filtered, paged; and one record in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, column, func, literal, not_, or_, select
from sqlalchemy import table as sql_table

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import run
from sync_pipeline.errors import ConfigurationError, NotFound
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.compare import SQL, empty_state, keys, noise

STATUSES = ("new", "updated", "deleted", "in_sync")
DECISIONS = ("include", "ignore", "undecided")
LARGEST_PAGE = 500

_KEY = ("org_id", "connection_id", "entity_type", "external_id")
_RECORD = sql_table(
    "sync_record",
    *map(column, (*_KEY, "provider", "sync_data", "name", "code", "email", "content_hash")),
    *map(column, ("deletion_state", "captured_at", "remote_modified_at")),
    schema="capture",
)
_DIFFERENCE = sql_table(
    "difference", *map(column, (*_KEY, "status", "warnings", "content_hash", "computed_at")), schema="preview"
)
_DECIDED = sql_table(
    "sync_selective_config",
    *map(column, (*_KEY, "decision", "content_hash", "seen_deleted")),
    schema="selection",
)
_SORTS: dict[str, Sequence[ColumnElement[Any]]] = {
    "external_id": (func.length(_RECORD.c.external_id), _RECORD.c.external_id),
    "name": (_RECORD.c.name, _RECORD.c.external_id),
    "modified": (_RECORD.c.remote_modified_at, _RECORD.c.external_id),
    "captured": (_RECORD.c.captured_at, _RECORD.c.external_id),
}


@dataclass(frozen=True, slots=True)
class TablePage:
    """Rows {external_id, status, display, raw, warnings, changed_fields, decision}, and how many there are in all."""

    data: list[dict[str, Any]]
    row_count: int
    page: int
    page_size: int
    message: str | None = None


@dataclass(frozen=True, slots=True)
class RecordDetail:
    """One record in full: its fields before and after, its versions, its mapping."""

    external_id: str
    status: str
    display: dict[str, Any]
    raw: Any
    changes: dict[str, Any]
    warnings: list[dict[str, Any]]
    versions: list[dict[str, Any]]
    mapping: dict[str, Any] | None
    decision: dict[str, Any] | None


def display(stream: Stream, row: Any) -> dict[str, Any]:
    """What a person calls the record by."""
    shown = {"name": row.name, stream.code_is: row.code, "email": row.email}
    return {key: value for key, value in shown.items() if value is not None}


def matching(
    connection: Connection,
    stream: Stream,
    *,
    ids: Sequence[str] | None = None,
    status: str | None = None,
    search: str | None = None,
    decision: str | None = None,
) -> tuple[Any, ColumnElement[bool]]:
    """The joined tables and the condition for these records.

    Selection uses it too: what is selected is what was shown.

    Raises:
        ConfigurationError: no such status or decision.
    """
    r, d, s = _RECORD, _DIFFERENCE, _DECIDED
    deleted = r.c.deletion_state == "deleted"
    tables = r.outerjoin(d, and_(*(d.c[k] == r.c[k] for k in _KEY))).outerjoin(
        s,
        and_(
            *(s.c[k] == r.c[k] for k in _KEY),
            s.c.content_hash == r.c.content_hash,
            s.c.seen_deleted == deleted,
        ),
    )
    where = [
        r.c.org_id == func.connect.current_org(),
        r.c.connection_id == connection.connection_id,
        r.c.entity_type == stream.entity_type,
        r.c.provider == connection.provider,
        or_(not_(deleted), d.c.status == "deleted"),
    ]
    if ids is not None:
        where.append(r.c.external_id == func.any(literal(list(ids))))
    if status is not None:
        if status not in STATUSES:
            raise ConfigurationError(f"“{status}” is no status. There are: {', '.join(STATUSES)}.")
        where.append(d.c.status.is_(None) if status == "in_sync" else d.c.status == status)
    if decision is not None:
        if decision not in DECISIONS:
            raise ConfigurationError(f"“{decision}” is no decision. There are: {', '.join(DECISIONS)}.")
        undecided = and_(s.c.decision.is_(None), d.c.status.is_not(None))
        where.append(undecided if decision == "undecided" else s.c.decision == decision)
    if search:
        pattern = "%" + search.strip().lower().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
        where.append(or_(*(func.lower(r.c[name]).like(pattern) for name in ("name", "code", "email", "external_id"))))
    return tables, and_(*where)


def table(
    db: Database,
    connection: Connection,
    stream: Stream,
    *,
    status: str | None = None,
    search: str | None = None,
    selection: str | None = None,
    sort: str | None = None,
    page: int = 1,
    page_size: int = 50,
) -> TablePage:
    """A page of records with their status.

    Raises:
        ConfigurationError: a filter, page or order that does not exist.
    """
    if page < 1 or not 1 <= page_size <= LARGEST_PAGE:
        raise ConfigurationError(f"Pages count from 1 and hold 1 to {LARGEST_PAGE} rows.")
    name, _, direction = (sort or "external_id").partition(":")
    if name not in _SORTS or direction not in ("", "asc", "desc"):
        raise ConfigurationError(f"Sort by one of {', '.join(_SORTS)}, with :desc to turn it round.")
    tables, where = matching(connection, stream, status=status, search=search, decision=selection)
    order = [part.desc().nulls_last() if direction == "desc" else part.asc() for part in _SORTS[name]]
    r, d, s = _RECORD.c, _DIFFERENCE.c, _DECIDED.c
    chosen = (
        select(
            r.external_id,
            r.name,
            r.code,
            r.email,
            r.sync_data,
            r.remote_modified_at,
            case((d.status.is_(None), "in_sync"), else_=d.status).label("status"),
            d.warnings,
            s.decision,
        )
        .select_from(tables)
        .where(where)
        .order_by(*order)
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    here = keys(connection, stream)
    with db.org(connection.org_id) as conn:
        rows = conn.execute(chosen).all()
        count = int(conn.execute(select(func.count()).select_from(tables).where(where)).scalar_one())
        changed = {
            row.external_id: row.fields
            for row in run(
                conn,
                SQL["changes"],
                **here,
                noise=noise(connection, stream),
                ids=[row.external_id for row in rows if row.status == "updated"],
            )
        }
        message = None
        if not count and not (status or search or selection):
            remote = run(conn, SQL["remote"], **here).one_or_none()
            message = empty_state(connection, promoted=False, remote=remote.total if remote else 0)
    data = [
        {
            "external_id": row.external_id,
            "status": row.status,
            "display": display(stream, row),
            "raw": row.sync_data,
            "warnings": row.warnings or [],
            "changed_fields": changed.get(row.external_id, []),
            "decision": row.decision,
        }
        for row in rows
    ]
    return TablePage(data, count, page, page_size, message)


def record(db: Database, connection: Connection, stream: Stream, external_id: str) -> RecordDetail:
    """One record in full.

    Raises:
        NotFound: it was never captured.
    """
    here = keys(connection, stream)
    with db.org(connection.org_id) as conn:
        row = run(conn, SQL["record"], **here, external_id=external_id, noise=noise(connection, stream)).one_or_none()
        if row is None:
            raise NotFound(f"{connection.name} has no captured {stream.entity_type} {external_id}.")
        versions = [dict(v._mapping) for v in run(conn, SQL["versions"], **here, external_id=external_id)]
    return RecordDetail(
        external_id=row.external_id,
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
            {"decision": row.decision, "by": row.decided_by, "at": row.decided_at, "why": row.why}
            if row.decision
            else None
        ),
    )
