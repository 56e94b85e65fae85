"""Which records a person asks for, and in what order: what the table, the Explorer and a selection have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, column, exists, func, literal, not_, or_, select, text, true
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
_RECORD = (
    *_KEY,
    "provider",
    "name",
    "content_hash",
    "deletion_state",
    "deletion_at",
    "captured_at",
    "remote_modified_at",
)
_DIFFERENCE = (*_KEY, "status", "warnings")
# Without decisions: the planner drops the joins of a view that nothing is asked of, but reads no index alone any more.
RECORD = sql_table("sync_record", *map(column, _RECORD), schema="capture")
DIFFERENCE = sql_table("difference", *map(column, _DIFFERENCE), schema="preview")
_RECORD_NOW = sql_table(
    "record_now",
    *map(column, (*_RECORD, "status", "warnings", "followed", "computed_at", "decision")),
    schema="selection",
)
_DIFFERENCE_NOW = sql_table("difference_now", *map(column, (*_DIFFERENCE, "decision")), schema="selection")
# Columns; by id, shorter ones come first, and that is the only order with an index.
SORTS = {"external_id": "external_id", "name": "name", "modified": "remote_modified_at", "captured": "captured_at"}


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
    """The table and the condition for these records. Selection uses them too, so it selects what was shown.

    `warned`: only those with warnings.

    Raises:
        ConfigurationError: no such status or decision.
    """
    r = _RECORD_NOW.c
    where = [
        r.org_id == func.connect.current_org(),
        r.connection_id == connection.connection_id,
        r.entity_type == stream.entity_type,
        r.provider == connection.provider,
        or_(r.deletion_state != "deleted", r.status == "deleted"),
    ]
    if ids is not None:
        where.append(r.external_id == func.any(literal(list(ids))))
    known(status, decision)
    if status is not None:
        where.append(r.status.is_(None) if status == "in_sync" else r.status == status)
    if decision is not None:
        undecided = and_(r.decision.is_(None), r.status.is_not(None))
        where.append(undecided if decision == "undecided" else r.decision == decision)
    if warned:
        where.append(r.warnings != text("'[]'"))
    if search:
        found = func.capture.search(connection.connection_id, stream.entity_type, search, None)
        where.append(r.external_id.in_(select(found.table_valued("external_id", "deleted").c.external_id)))
    return _RECORD_NOW, and_(*where)


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
    d = _DIFFERENCE_NOW.c
    where = [*of_entity(_DIFFERENCE_NOW, asked), d.status == asked.status if asked.status else true()]
    if asked.decision is not None:
        where.append(d.decision.is_(None) if asked.decision == "undecided" else d.decision == asked.decision)
    if warned:
        where.append(d.warnings != text("'[]'"))
    if ids is not None:
        where.append(d.external_id == func.any(literal(list(ids))))
    return _DIFFERENCE_NOW, and_(*where)


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
    table: Any,
    where: ColumnElement[bool],
    limit: int,
    offset: int = 0,
    *,
    backwards: bool = False,
) -> list[str]:
    """The ids of a part of the list, after `offset` records.

    `backwards`: counted from the end of the list; in the list's order all the same.
    """
    record_id = table.c.external_id
    falling = asked.descending is not backwards
    # By id: the full order of an index, so that PostgreSQL reads a page from it without sorting.
    by = (func.length(record_id) if asked.sort == "external_id" else table.c[SORTS[asked.sort]], record_id)
    order: list[ColumnElement[Any]] = [part.desc() if falling else part.asc() for part in by]
    if asked.sort != "external_id":  # a record without the value is last, whatever the direction
        without = by[0].is_(None)
        order.insert(0, without.desc() if backwards else without.asc())
    chosen = select(record_id).select_from(table).where(where).order_by(*order).limit(limit).offset(offset)
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


def counted(conn: Transaction, table: Any, where: ColumnElement[bool]) -> int:
    """How many records there are."""
    return int(conn.execute(select(func.count()).select_from(table).where(where)).scalar_one())
