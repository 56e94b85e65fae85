"""Which records a page of a list has: so many beyond a record, in the list's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, literal, select, tuple_
from sqlalchemy import Connection as Transaction

from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.preview.matching import (
    DIFFERENCES,
    RECORD,
    SORTS,
    RecordQuery,
    differing,
    in_order,
    matching,
    of_entity,
)

_SQL = load(__package__, "browse.sql")
_SORTED = 20_000  # so many records are sorted; more are read along the index of the order


@dataclass(frozen=True, slots=True)
class PageIds:
    """A page, and whether there are records before and after it."""

    ids: Sequence[str]
    earlier: bool
    later: bool


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A list: the records that are asked for, only those with warnings if `warned`, only `finds` if there was a search
    (by id); `total`: how many they are."""

    asked: RecordQuery
    warned: bool
    finds: Sequence[str] | None
    total: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a list: at most `limit` records beyond `beyond` (None: from the beginning), or before it."""

    limit: int
    beyond: str | None
    backwards: bool

    def falling(self, asked: RecordQuery) -> bool:
        """Is the list read in falling order?"""
        return asked.descending is not self.backwards


def page_of(conn: Transaction, of: ListQuery, after: str | None, before: str | None, size: int) -> PageIds:
    """The page after a record, before one, or the first."""
    if not of.total:
        return PageIds([], earlier=False, later=False)

    def ids(part: _Part) -> list[str]:
        found = _ids(conn, of, part)
        return found[::-1] if part.backwards else found

    if after is None and before is not None:
        found = ids(_Part(size + 1, before, backwards=True))
        if len(found) > size:
            return PageIds(found[-size:], earlier=True, later=True)
        # The first page, and it is not full: it begins at the beginning.
    found = ids(_Part(size + 1, after, backwards=False))
    return PageIds(found[:size], after is not None, len(found) > size)


def _ids(conn: Transaction, of: ListQuery, part: _Part) -> list[str]:
    """The ids in the order in which they are read. A choice and warnings concern differences alone."""
    asked, finds = of.asked, of.finds
    differ = asked.decision is not None or of.warned or asked.status in DIFFERENCES
    if asked.sort != "external_id":
        return _by_value(conn, of, part)
    if finds is not None:
        if differ:
            table, where = differing(asked, warned=of.warned, ids=finds)
            finds = conn.execute(select(table.c.external_id).where(where)).scalars().all()
        elif asked.status:
            table, where = _records(of)
            finds = conn.execute(select(table.c.external_id).where(where)).scalars().all()
        return _beyond(finds, asked, part)
    here = {**keys(asked.connection, asked.stream), "beyond": part.beyond, "falling": part.falling(asked)}
    if not differ:
        in_sync = asked.status == "in_sync"
        return list(execute(conn, _SQL["records_beyond"], **here, in_sync=in_sync, limit=part.limit).scalars())
    statuses = [asked.status] if asked.status else list(DIFFERENCES)
    given = {"statuses": statuses, "choice": asked.decision, "warned": of.warned, "limit": part.limit}
    return _beyond(execute(conn, _SQL["differences_beyond"], **here, **given).scalars().all(), asked, part)


def _records(of: ListQuery) -> tuple[Any, ColumnElement[bool]]:
    """The records with their differences and decisions, as far as the question needs them."""
    asked = of.asked
    if of.finds is None and asked.decision is None and not of.warned:
        return in_order(asked, deleted=True)
    table, where = matching(
        asked.connection, asked.stream, ids=of.finds, status=asked.status, decision=asked.decision, warned=of.warned
    )
    return table, and_(where, table.c.status.is_not(None)) if asked.decision is not None else where


def _beyond(ids: Sequence[str], asked: RecordQuery, part: _Part) -> list[str]:
    """The part of these ids, in the order of ids."""

    def place(one: str) -> tuple[int, str]:
        return len(one), one  # code points, which is how the database's "C" compares UTF-8

    falling = part.falling(asked)
    if part.beyond is not None:
        edge = place(part.beyond)
        ids = [one for one in ids if (place(one) < edge if falling else place(one) > edge)]
    return sorted(ids, key=place, reverse=falling)[: part.limit]


def _by_value(conn: Transaction, of: ListQuery, part: _Part) -> list[str]:
    """The part in the order of a value, then of ids. Records without the value are last, whatever the direction.

    Those with it and those without are read one after the other, each along an index.
    """
    asked, (table, where) = of.asked, _records(of)
    chosen = select(table.c.external_id, table.c[SORTS[asked.sort]].label("value")).select_from(table).where(where)
    # The planner cannot tell a few records of a large list from many: an offset keeps it from the index of the order.
    rows = (chosen.offset(0) if of.total <= _SORTED else chosen).subquery()
    value, record_id, falling = rows.c.value, rows.c.external_id, part.falling(asked)
    with_it: ColumnElement[bool] | None = value.is_not(None)
    without: ColumnElement[bool] | None = value.is_(None)
    edge = select(RECORD.c[SORTS[asked.sort]]).where(*of_entity(RECORD, asked), RECORD.c.external_id == part.beyond)
    found = conn.execute(edge).one_or_none() if part.beyond is not None else None
    if found is not None:
        beyond = literal(part.beyond)
        if found[0] is None:
            without = and_(value.is_(None), record_id < beyond if falling else record_id > beyond)
            with_it = with_it if part.backwards else None
        else:
            here, there = tuple_(value, record_id), tuple_(literal(found[0]), beyond)
            with_it = here < there if falling else here > there
            without = None if part.backwards else without
    order = [one.desc() if falling else one.asc() for one in (value, record_id)]
    ids: list[str] = []
    for one in (without, with_it) if part.backwards else (with_it, without):
        if one is not None and len(ids) < part.limit:
            following = select(record_id).where(one).order_by(*order).limit(part.limit - len(ids))
            ids += conn.execute(following).scalars()
    return ids
