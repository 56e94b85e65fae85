"""The records of an entity as a table: searched, filtered, sorted, paged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Transaction

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.exact_json import loads
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import empty_state, keys, noise
from sync_pipeline.steps.preview.matching import (
    SQL,
    RecordQuery,
    count_of_status,
    counted,
    display,
    found,
    in_order,
    known,
    matching,
    order_of,
    slice_of,
    withdrawn,
)
from sync_pipeline.steps.preview.summary import store_total

LARGEST_PAGE = 500


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
    ids: Sequence[str] | None = None,
    payload: bool = True,
    raw: Callable[[str], Any] = loads,
) -> RecordPage:
    """A page of records with their status; or these `ids`, as far as they are captured, in their order, on one page.

    `raw` converts the payload's JSON text; without `payload` the rows have None.

    Above 20,000 records a search returns the first 1,000 matches and sets `capped`.

    Raises:
        ConfigurationError: an unknown filter, page or order.
    """
    _refuse(page, page_size, ids, filtered=bool(status or search or selection or sort))
    known(status, selection)
    name, descending = order_of(sort)
    asked = RecordQuery(connection, stream, status, search, selection, name, descending)
    here = keys(connection, stream)
    with db.org(connection.org_id) as conn:
        totals = execute(conn, SQL["table_totals"], **here).one()
        named = ids is not None
        count, capped = 0, False
        if ids is None:
            ids, count, capped = _page(conn, asked, totals, page_size, (page - 1) * page_size)
        wanted = {**here, "ids": list(dict.fromkeys(ids)), "payload": payload}
        rows = {row.external_id: row for row in execute(conn, SQL["table_rows"], **wanted)} if ids else {}
        count = len(rows) if named else count
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
        if not count and not (named or status or search or selection):
            message = empty_state(connection, promoted=False, remote=store_total(conn, connection, stream))
    data = [
        {
            "external_id": row.external_id,
            "version": row.version,
            "status": row.status,
            "display": display(stream, row),
            "raw": raw(row.raw) if payload else None,
            "warnings": row.warnings or [],
            "changed_fields": changed.get(row.external_id) or row.followed,
            "decision": row.decision,
            "draft": row.draft,
            "withdrawn": withdrawn(row),
        }
        for row in (rows[one] for one in wanted["ids"] if one in rows)
    ]
    return RecordPage(data, count, page, page_size, totals.as_of, message, capped)


def _refuse(page: int, page_size: int, ids: Sequence[str] | None, *, filtered: bool) -> None:
    if page < 1 or not 1 <= page_size <= LARGEST_PAGE:
        raise ConfigurationError(f"The page must be 1 or more, and the page size 1 to {LARGEST_PAGE}.")
    if ids is not None and (filtered or page > 1):
        raise ConfigurationError("ids name the records: leave out search, status, selection, sort and page.")
    if ids is not None and not 1 <= len(ids) <= LARGEST_PAGE:
        raise ConfigurationError(f"Name 1 to {LARGEST_PAGE} ids.")


def _page(conn: Transaction, asked: RecordQuery, totals: Any, limit: int, offset: int) -> tuple[list[str], int, bool]:
    """The ids of a page, the total number of records, and whether a search was capped."""
    if asked.search:
        finds, capped = found(conn, asked, totals)
        if asked.status is None and asked.decision is None and asked.sort == "external_id":
            ordered = finds[::-1] if asked.descending else finds
            return ordered[offset : offset + limit], len(finds), capped
        tables, where = matching(
            asked.connection, asked.stream, ids=finds, status=asked.status, decision=asked.decision
        )
        return slice_of(conn, asked, tables, where, limit, offset), counted(conn, tables, where), capped
    if asked.decision is not None:
        tables, where = matching(asked.connection, asked.stream, status=asked.status, decision=asked.decision)
        return slice_of(conn, asked, tables, where, limit, offset), counted(conn, tables, where), False
    count = count_of_status(conn, asked, totals)
    if offset >= count:
        return [], count, False
    tables, where = in_order(asked, deleted=bool(totals.deleted))
    # A page of the second half is read from the end: fewer rows are skipped.
    if offset > count // 2:
        last = min(limit, count - offset)
        return slice_of(conn, asked, tables, where, last, count - offset - last, backwards=True), count, False
    return slice_of(conn, asked, tables, where, limit, offset), count, False
