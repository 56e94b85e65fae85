"""The records of an entity as people browse them: a few columns, how many there are of each kind, page by page.

A page begins beyond a record, not after a number of them: what arrives or goes meanwhile shifts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Transaction

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.counts import Counting, RecordCounts
from sync_pipeline.steps.preview.entity import empty_state, keys, noise
from sync_pipeline.steps.preview.matching import SQL, RecordQuery, found, known, order_of
from sync_pipeline.steps.preview.paging import ListQuery, page_of
from sync_pipeline.steps.preview.summary import store_total

BROWSE_SQL = load(__package__, "browse.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """What a person looks at. `choice` and `warned` find differences only; `after` and `before` are records."""

    status: str | None = None
    choice: str | None = None  # include, ignore, undecided
    warned: bool = False
    search: str | None = None
    sort: str | None = None
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record in a list. `cells` are the values of the stream's `columns`. `proposed`: an agent made the decision."""

    external_id: str
    version: str
    status: str
    gone: bool  # the store deleted it; in sync: core has that, or never had the record
    name: str | None
    code: str | None
    email: str | None
    cells: Sequence[Any]
    changed_fields: Sequence[str]
    warned: int
    warning: str | None
    modified_at: datetime | None
    captured_at: datetime
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    decided_why: str | None
    draft: bool
    proposed: bool
    withdrawn: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Browsed:
    """A page. `total`: how many records match; `differ`: how many of them can be decided, as of `as_of`."""

    rows: Sequence[RecordRow]
    total: int
    differ: int
    counts: RecordCounts
    as_of: datetime
    before: str | None  # the page before this one ends before this record, if there is one
    after: str | None  # the next page begins after this record, if there is one
    capped: bool = False
    message: str | None = None


def browse(db: Database, connection: Connection, stream: Stream, view: RecordView, *, size: int = 50) -> Browsed:
    """A page of records.

    Raises:
        ConfigurationError: an unknown status, choice or order.
    """
    known(view.status, view.choice)
    name, descending = order_of(view.sort)
    asked = RecordQuery(connection, stream, view.status, view.search, view.choice, name, descending)
    with db.org(connection.org_id) as conn:
        totals = execute(conn, SQL["table_totals"], **keys(connection, stream)).one()
        finds, capped = found(conn, asked, totals) if view.search else (None, False)
        counting = Counting(db, conn, asked, totals)
        counts = counting.of_all() if finds is None else counting.of_finds(finds)
        total, differ = counts.of(view.status, view.choice), counts.differ(view.status, view.choice)
        if view.warned:
            total = differ = counting.warned(finds)
        page = page_of(conn, ListQuery(asked, view.warned, finds, total), view.after, view.before, size)
        rows = rows_of(conn, connection, stream, page.ids)
        message = None
        if not counts.of() and not view.search:
            message = empty_state(connection, promoted=False, remote=store_total(conn, connection, stream))
    return Browsed(
        rows,
        total,
        differ,
        counts,
        totals.as_of,
        page.ids[0] if page.earlier and page.ids else None,
        page.ids[-1] if page.later and page.ids else None,
        capped,
        message,
    )


def browse_some(db: Database, connection: Connection, stream: Stream, ids: Sequence[str]) -> Sequence[RecordRow]:
    """These records as a list shows them; those that are not captured are not among them."""
    with db.org(connection.org_id) as conn:
        return rows_of(conn, connection, stream, ids)


def rows_of(conn: Transaction, connection: Connection, stream: Stream, ids: Sequence[str]) -> list[RecordRow]:
    """These records as a list shows them, in this order."""
    if not ids:
        return []
    here = {**keys(connection, stream), "ids": list(ids)}
    rows = {row.external_id: row for row in execute(conn, BROWSE_SQL["browse_rows"], **here, fields=[*stream.columns])}
    here["ids"] = [row.external_id for row in rows.values() if row.status == "updated"]
    changed = (
        {
            row.external_id: row.fields
            for row in execute(conn, SQL["table_changes"], **here, noise=noise(connection, stream))
        }
        if here["ids"]
        else {}
    )
    dates = {stream.modified, (stream.modified or "").removesuffix("_gmt")}  # they move with every change
    return [
        _row(rows[one], [name for name in changed.get(one, ()) if name not in dates] or changed.get(one))
        for one in ids
        if one in rows
    ]


def _row(row: Any, changed: Sequence[str] | None) -> RecordRow:
    withdrawn = {"cause": row.cause, "by": row.withdrawn_by, "at": row.withdrawn_at, "why": row.why}
    return RecordRow(
        external_id=row.external_id,
        version=row.version,
        status=row.status,
        gone=row.gone,
        name=row.name,
        code=row.code,
        email=row.email,
        cells=row.cells or (),
        changed_fields=changed or row.followed,
        warned=row.warned,
        warning=row.warning,
        modified_at=row.remote_modified_at,
        captured_at=row.captured_at,
        decision=row.decision,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        decided_why=row.decided_why,
        draft=bool(row.draft),
        proposed=row.proposed,
        withdrawn=withdrawn if row.cause else None,
    )
