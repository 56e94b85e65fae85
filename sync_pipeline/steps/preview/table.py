"""The records of an entity as a table: searched, filtered, sorted, paged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, column, exists, func, literal, not_, or_, select
from sqlalchemy import Connection as Transaction
from sqlalchemy import table as sql_table

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.exact_json import loads
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import empty_state, keys, noise
from sync_pipeline.steps.preview.summary import SQL as SUMMARY_SQL

SQL = load(__package__, "table.sql")
STATUSES = ("new", "updated", "deleted", "in_sync")
DECISIONS = ("include", "ignore", "undecided")
LARGEST_PAGE = 500
FIRST_FINDS = 1_000
_FEW = 20_000  # up to this many records a search is complete

_KEY = ("org_id", "connection_id", "entity_type", "external_id")
_RECORD = sql_table(
    "sync_record",
    *map(column, (*_KEY, "provider", "sync_data", "name", "code", "email", "content_hash")),
    *map(column, ("deletion_state", "deletion_at", "captured_at", "remote_modified_at")),
    schema="capture",
)
_DIFFERENCE = sql_table(
    "difference", *map(column, (*_KEY, "status", "content_hash", "computed_at", "followed")), schema="preview"
)
_DECIDED = sql_table(
    "sync_selective_config", *map(column, (*_KEY, "decision", "content_hash", "seen_deleted")), schema="selection"
)
_SORTS: dict[str, Sequence[ColumnElement[Any]]] = {
    "external_id": (func.length(_RECORD.c.external_id), _RECORD.c.external_id),  # the only order with an index
    "name": (_RECORD.c.name, _RECORD.c.external_id),
    "modified": (_RECORD.c.remote_modified_at, _RECORD.c.external_id),
    "captured": (_RECORD.c.captured_at, _RECORD.c.external_id),
}


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Rows {external_id, version, status, display, raw, warnings, changed_fields, decision, withdrawn}, and how many
    match in total. What is captured or decided after `as_of` is not in it: a selection by filter gives it back."""

    data: list[dict[str, Any]]
    row_count: int
    page: int
    page_size: int
    as_of: datetime
    message: str | None = None
    capped: bool = False


def display(stream: Stream, row: Any) -> dict[str, Any]:
    """The fields by which people identify the record."""
    shown = {"name": row.name, stream.code_is: row.code, "email": row.email}
    return {key: value for key, value in shown.items() if value is not None}


def withdrawn(row: Any) -> dict[str, Any] | None:
    """Why a record that was included is undecided again: {cause: refused or undone, by, at, why}."""
    if row.cause is None:
        return None
    return {"cause": row.cause, "by": row.withdrawn_by, "at": row.withdrawn_at, "why": row.why}


def matching(
    connection: Connection,
    stream: Stream,
    *,
    ids: Sequence[str] | None = None,
    status: str | None = None,
    search: str | None = None,
    decision: str | None = None,
) -> tuple[Any, ColumnElement[bool]]:
    """The joined tables and the condition for these records. Selection uses them too, so it selects what was shown.

    Raises:
        ConfigurationError: no such status or decision.
    """
    r, d, s = _RECORD, _DIFFERENCE, _DECIDED
    deleted = r.c.deletion_state == "deleted"
    tables = r.outerjoin(d, and_(*(d.c[k] == r.c[k] for k in _KEY))).outerjoin(
        s, and_(*(s.c[k] == r.c[k] for k in _KEY), s.c.content_hash == r.c.content_hash, s.c.seen_deleted == deleted)
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
    _known(status, decision)
    if status is not None:
        where.append(d.c.status.is_(None) if status == "in_sync" else d.c.status == status)
    if decision is not None:
        undecided = and_(s.c.decision.is_(None), d.c.status.is_not(None))
        where.append(undecided if decision == "undecided" else s.c.decision == decision)
    if search:
        found = func.capture.search(connection.connection_id, stream.entity_type, search, None)
        where.append(r.c.external_id.in_(select(found.table_valued("external_id", "deleted").c.external_id)))
    return tables, and_(*where)


def _known(status: str | None, decision: str | None) -> None:
    if status is not None and status not in STATUSES:
        raise ConfigurationError(f"Unknown status “{status}”. Use one of {', '.join(STATUSES)}.")
    if decision is not None and decision not in DECISIONS:
        raise ConfigurationError(f"Unknown decision “{decision}”. Use one of {', '.join(DECISIONS)}.")


def table(  # noqa: PLR0913 - what a person filters by
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
    raw: Callable[[str], Any] = loads,
) -> RecordPage:
    """A page of records with their status. `raw` converts the payload's JSON text.

    Above 20,000 records a search returns the first 1,000 matches and sets `capped`.

    Raises:
        ConfigurationError: an unknown filter, page or order.
    """
    if page < 1 or not 1 <= page_size <= LARGEST_PAGE:
        raise ConfigurationError(f"The page must be 1 or more, and the page size 1 to {LARGEST_PAGE}.")
    _known(status, selection)
    name, _, direction = (sort or "external_id").partition(":")
    if name not in _SORTS or direction not in ("", "asc", "desc"):
        raise ConfigurationError(f"Sort by one of {', '.join(_SORTS)}; add :desc for descending order.")
    asked = _Asked(connection, stream, status, search, selection, name, direction == "desc")
    here = keys(connection, stream)
    with db.org(connection.org_id) as conn:
        totals = execute(conn, SQL["table_totals"], **here).one()
        ids, count, capped = _page(conn, asked, totals, page_size, (page - 1) * page_size)
        rows = {row.external_id: row for row in execute(conn, SQL["table_rows"], **here, ids=ids)} if ids else {}
        updated = [row.external_id for row in rows.values() if row.status == "updated"]
        changed = (
            {
                row.external_id: row.fields
                for row in execute(conn, SQL["table_changes"], **here, noise=noise(connection, stream), ids=updated)
            }
            if updated
            else {}
        )
        message = None
        if not count and not (status or search or selection):
            remote = execute(conn, SUMMARY_SQL["store_total"], **here).one_or_none()
            message = empty_state(connection, promoted=False, remote=remote.total if remote else 0)
    data = [
        {
            "external_id": row.external_id,
            "version": row.version,
            "status": row.status,
            "display": display(stream, row),
            "raw": raw(row.raw),
            "warnings": row.warnings or [],
            "changed_fields": changed.get(row.external_id) or row.followed,
            "decision": row.decision,
            "withdrawn": withdrawn(row),
        }
        for row in (rows[one] for one in ids if one in rows)
    ]
    return RecordPage(data, count, page, page_size, totals.as_of, message, capped)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which records, and in what order."""

    connection: Connection
    stream: Stream
    status: str | None
    search: str | None
    decision: str | None
    sort: str
    descending: bool


def _page(conn: Transaction, asked: _Asked, totals: Any, limit: int, offset: int) -> tuple[list[str], int, bool]:
    """The ids of a page, the total number of records, and whether a search was capped."""
    if asked.search:
        few = _present(conn, asked, totals) <= _FEW
        at_most = _FEW if few else FIRST_FINDS
        here = keys(asked.connection, asked.stream)
        rows = execute(conn, SQL["table_search"], **here, term=asked.search, at_most=at_most + 1).all()
        capped, rows = len(rows) > at_most, rows[:at_most]
        found = _shown(conn, here, rows)
        if asked.status is None and asked.decision is None and asked.sort == "external_id":
            ordered = found[::-1] if asked.descending else found
            return ordered[offset : offset + limit], len(found), capped
        tables, where = matching(
            asked.connection, asked.stream, ids=found, status=asked.status, decision=asked.decision
        )
        return _slice(conn, asked, tables, where, limit, offset), _counted(conn, tables, where), capped
    if asked.decision is not None:
        tables, where = matching(asked.connection, asked.stream, status=asked.status, decision=asked.decision)
        return _slice(conn, asked, tables, where, limit, offset), _counted(conn, tables, where), False
    count = _count_of_status(conn, asked, totals)
    if offset >= count:
        return [], count, False
    tables, where = _in_order(asked, deleted=bool(totals.deleted))
    # A page of the second half is read from the end: fewer rows are skipped.
    if offset > count // 2:
        turned = replace(asked, descending=not asked.descending)
        last = min(limit, count - offset)
        return _slice(conn, turned, tables, where, last, count - offset - last)[::-1], count, False
    return _slice(conn, asked, tables, where, limit, offset), count, False


def _shown(conn: Transaction, here: dict[str, Any], rows: Sequence[Any]) -> list[str]:
    """The ids a search found, without deleted records whose deletion is already in core."""
    gone = [row.external_id for row in rows if row.deleted]
    if not gone:
        return [row.external_id for row in rows]
    pending = set(execute(conn, SQL["seen_deleted"], **here, ids=gone).scalars())
    return [row.external_id for row in rows if not row.deleted or row.external_id in pending]


def _in_order(asked: _Asked, *, deleted: bool) -> tuple[Any, ColumnElement[bool]]:
    """The records of a status as a table and a condition that PostgreSQL reads along an index, with few joins."""
    if asked.status in ("new", "updated", "deleted"):
        if asked.sort != "external_id":
            return matching(asked.connection, asked.stream, status=asked.status)
        return _DIFFERENCE, and_(*_of(_DIFFERENCE, asked), _DIFFERENCE.c.status == asked.status)
    r, d = _RECORD.c, _DIFFERENCE.c
    same = and_(*(d[key] == r[key] for key in _KEY))
    where = [*_of(_RECORD, asked), r.provider == asked.connection.provider]
    gone = r.deletion_state == "deleted"
    if asked.status == "in_sync":
        where += [not_(gone), not_(exists().where(same))]
    elif deleted:
        where.append(or_(not_(gone), exists().where(same, d.status == "deleted")))
    else:
        where.append(not_(gone))
    return _RECORD, and_(*where)


def _of(one: Any, asked: _Asked) -> list[ColumnElement[bool]]:
    return [
        one.c.org_id == func.connect.current_org(),
        one.c.connection_id == asked.connection.connection_id,
        one.c.entity_type == asked.stream.entity_type,
    ]


def _slice(
    conn: Transaction, asked: _Asked, tables: Any, where: ColumnElement[bool], limit: int, offset: int
) -> list[str]:
    record_id = tables.c.external_id if tables is _DIFFERENCE else _RECORD.c.external_id
    by = (func.length(record_id), record_id) if asked.sort == "external_id" else _SORTS[asked.sort]
    # The full order of an index, so that PostgreSQL reads a page from it without sorting.
    order = [
        part.desc().nulls_last()
        if asked.descending and asked.sort != "external_id"
        else part.desc()
        if asked.descending
        else part.asc()
        for part in by
    ]
    chosen = select(record_id).select_from(tables).where(where).order_by(*order).limit(limit).offset(offset)
    return list(conn.execute(chosen).scalars())


def _count_of_status(conn: Transaction, asked: _Asked, totals: Any) -> int:
    if asked.status in ("new", "updated", "deleted"):
        return int(getattr(totals, asked.status))
    present = _present(conn, asked, totals)
    if asked.status == "in_sync":
        return max(0, present - int(totals.new) - int(totals.updated))
    return present + int(totals.deleted)


def _present(conn: Transaction, asked: _Asked, totals: Any) -> int:
    """Records that are not deleted; counted only if something was captured since the last comparison."""
    if totals.present is not None:
        return int(totals.present)
    return int(execute(conn, SQL["count_present"], **keys(asked.connection, asked.stream)).scalar_one())


def _counted(conn: Transaction, tables: Any, where: ColumnElement[bool]) -> int:
    return int(conn.execute(select(func.count()).select_from(tables).where(where)).scalar_one())
