"""Which records a person asks for, and in what order: what the table, the Explorer and a selection have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Join, and_, column, exists, func, literal, not_, or_, select, text, true
from sqlalchemy import Connection as Transaction
from sqlalchemy import table as sql_table

from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import keys

SQL = load(__package__, "table.sql")
DIFFERENCES = ("new", "updated", "deleted")
STATUSES = (*DIFFERENCES, "in_sync")
DECISIONS = ("include", "ignore", "undecided")
FIRST_FINDS = 1_000
_FEW = 20_000  # up to this many records a search is complete

_KEY = ("org_id", "connection_id", "entity_type", "external_id")
RECORD = sql_table(
    "sync_record",
    *map(column, (*_KEY, "provider", "sync_data", "name", "code", "email", "content_hash")),
    *map(column, ("deletion_state", "deletion_at", "captured_at", "remote_modified_at")),
    schema="capture",
)
DIFFERENCE = sql_table(
    "difference",
    *map(column, (*_KEY, "status", "warnings", "content_hash", "computed_at", "followed")),
    schema="preview",
)
DECIDED = sql_table(
    "sync_selective_config", *map(column, (*_KEY, "decision", "content_hash", "seen_deleted")), schema="selection"
)
SORTS: dict[str, Sequence[ColumnElement[Any]]] = {
    "external_id": (func.length(RECORD.c.external_id), RECORD.c.external_id),  # the only order with an index
    "name": (RECORD.c.name, RECORD.c.external_id),
    "modified": (RECORD.c.remote_modified_at, RECORD.c.external_id),
    "captured": (RECORD.c.captured_at, RECORD.c.external_id),
}


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
    warned: bool = False,
) -> tuple[Any, ColumnElement[bool]]:
    """The joined tables and the condition for these records. Selection uses them too, so it selects what was shown.

    `warned`: only those with warnings.

    Raises:
        ConfigurationError: no such status or decision.
    """
    r, d, s = RECORD, DIFFERENCE, DECIDED
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
    known(status, decision)
    if status is not None:
        where.append(d.c.status.is_(None) if status == "in_sync" else d.c.status == status)
    if decision is not None:
        undecided = and_(s.c.decision.is_(None), d.c.status.is_not(None))
        where.append(undecided if decision == "undecided" else s.c.decision == decision)
    if warned:
        where.append(d.c.warnings != text("'[]'"))
    if search:
        found = func.capture.search(connection.connection_id, stream.entity_type, search, None)
        where.append(r.c.external_id.in_(select(found.table_valued("external_id", "deleted").c.external_id)))
    return tables, and_(*where)


def known(status: str | None, decision: str | None) -> None:
    if status is not None and status not in STATUSES:
        raise ConfigurationError(f"Unknown status “{status}”. Use one of {', '.join(STATUSES)}.")
    if decision is not None and decision not in DECISIONS:
        raise ConfigurationError(f"Unknown decision “{decision}”. Use one of {', '.join(DECISIONS)}.")


def order_of(sort: str | None) -> tuple[str, bool]:
    """What `name:desc` or the like asks for: the field, and whether it descends.

    Raises:
        ConfigurationError: records are not sorted by that.
    """
    name, _, direction = (sort or "external_id").partition(":")
    if name not in SORTS or direction not in ("", "asc", "desc"):
        raise ConfigurationError(f"Sort by one of {', '.join(SORTS)}; add :desc for descending order.")
    return name, direction == "desc"


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """Which records, and in what order."""

    connection: Connection
    stream: Stream
    status: str | None
    search: str | None
    decision: str | None
    sort: str
    descending: bool


def found(conn: Transaction, asked: RecordQuery, totals: Any) -> tuple[list[str], bool]:
    """The ids that the search finds, by id, and whether there may be more.

    Deleted records are left out if their deletion is already in core.
    """
    at_most = _FEW if present(conn, asked, totals) <= _FEW else FIRST_FINDS
    here = keys(asked.connection, asked.stream)
    rows = execute(conn, SQL["table_search"], **here, term=asked.search, at_most=at_most + 1).all()
    capped, rows = len(rows) > at_most, rows[:at_most]
    gone = [row.external_id for row in rows if row.deleted]
    pending = set(execute(conn, SQL["seen_deleted"], **here, ids=gone).scalars()) if gone else set()
    return [row.external_id for row in rows if not row.deleted or row.external_id in pending], capped


def in_order(asked: RecordQuery, *, deleted: bool) -> tuple[Any, ColumnElement[bool]]:
    """The records of a status as a table and a condition that PostgreSQL reads along an index, with few joins."""
    if asked.status in DIFFERENCES:
        if asked.sort != "external_id":
            return matching(asked.connection, asked.stream, status=asked.status)
        return DIFFERENCE, and_(*of_entity(DIFFERENCE, asked), DIFFERENCE.c.status == asked.status)
    r, d = RECORD.c, DIFFERENCE.c
    same = and_(*(d[key] == r[key] for key in _KEY))
    where = [*of_entity(RECORD, asked), r.provider == asked.connection.provider]
    gone = r.deletion_state == "deleted"
    if asked.status == "in_sync":
        where += [not_(gone), not_(exists().where(same))]
    elif deleted:
        where.append(or_(not_(gone), exists().where(same, d.status == "deleted")))
    else:
        where.append(not_(gone))
    return RECORD, and_(*where)


def differing(asked: RecordQuery, *, warned: bool, ids: Sequence[str] | None) -> tuple[Any, ColumnElement[bool]]:
    """The records that differ, without the records themselves: their status, warnings and decision."""
    d, s = DIFFERENCE, DECIDED
    same = (*(s.c[key] == d.c[key] for key in _KEY), s.c.content_hash == d.c.content_hash)
    where = [*of_entity(d, asked), d.c.status == asked.status if asked.status else true()]
    if asked.decision is not None:
        where.append(s.c.decision.is_(None) if asked.decision == "undecided" else s.c.decision == asked.decision)
    if warned:
        where.append(d.c.warnings != text("'[]'"))
    if ids is not None:
        where.append(d.c.external_id == func.any(literal(list(ids))))
    return d.outerjoin(s, and_(*same, s.c.seen_deleted == (d.c.status == "deleted"))), and_(*where)


def of_entity(one: Any, asked: RecordQuery) -> list[ColumnElement[bool]]:
    """The condition that a table's rows belong to the entity."""
    return [
        one.c.org_id == func.connect.current_org(),
        one.c.connection_id == asked.connection.connection_id,
        one.c.entity_type == asked.stream.entity_type,
    ]


def slice_of(
    conn: Transaction,
    asked: RecordQuery,
    tables: Any,
    where: ColumnElement[bool],
    limit: int,
    offset: int = 0,
    *,
    backwards: bool = False,
) -> list[str]:
    """The ids of a part of the list, after `offset` records.

    `backwards`: counted from the end of the list; in the list's order all the same.
    """
    first = tables.left if isinstance(tables, Join) else tables
    record_id = (DIFFERENCE if first is DIFFERENCE else RECORD).c.external_id
    falling = asked.descending is not backwards
    # By id: the full order of an index, so that PostgreSQL reads a page from it without sorting.
    by = (func.length(record_id), record_id) if asked.sort == "external_id" else SORTS[asked.sort]
    order: list[ColumnElement[Any]] = [part.desc() if falling else part.asc() for part in by]
    if asked.sort != "external_id":  # a record without the value is last, whatever the direction
        without = by[0].is_(None)
        order.insert(0, without.desc() if backwards else without.asc())
    chosen = select(record_id).select_from(tables).where(where).order_by(*order).limit(limit).offset(offset)
    found = list(conn.execute(chosen).scalars())
    return found[::-1] if backwards else found


def count_of_status(conn: Transaction, asked: RecordQuery, totals: Any) -> int:
    """How many records have the status that is asked for."""
    if asked.status in DIFFERENCES:
        return int(getattr(totals, asked.status))
    there = present(conn, asked, totals)
    if asked.status == "in_sync":
        return max(0, there - int(totals.new) - int(totals.updated))
    return there + int(totals.deleted)


def present(conn: Transaction, asked: RecordQuery, totals: Any) -> int:
    """Records that are not deleted; counted only if something was captured since the last comparison."""
    if totals.present is not None:
        return int(totals.present)
    return int(execute(conn, SQL["count_present"], **keys(asked.connection, asked.stream)).scalar_one())


def counted(conn: Transaction, tables: Any, where: ColumnElement[bool]) -> int:
    """How many records there are."""
    return int(conn.execute(select(func.count()).select_from(tables).where(where)).scalar_one())
