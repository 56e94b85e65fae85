"""How many records a list has of each status and choice, without counting at every click what did not move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection as Transaction

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.preview.matching import DIFFERENCES, SQL, RecordQuery, counted, differing, found, present

_SQL = load(__package__, "browse.sql")
_Entity = tuple[int, int, str]
# Of each entity what was counted last, and the rows of the tally then: with the same rows it is still true.
_KEPT: WeakKeyDictionary[Database, dict[_Entity, tuple[str, dict[Any, Any]]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """How many records the search finds: those in sync, and the differences by (status, choice)."""

    in_sync: int
    differences: Mapping[tuple[str, str], int]

    def of(self, status: str | None = None, choice: str | None = None) -> int:
        """How many have this status and this choice; without a choice all have, in sync or not."""
        differ = sum(
            n for (one, chosen), n in self.differences.items() if status in (None, one) and choice in (None, chosen)
        )
        return differ + (self.in_sync if choice is None and status in (None, "in_sync") else 0)

    def differ(self, status: str | None = None, choice: str | None = None) -> int:
        """The same without those in sync."""
        return self.of(status, choice) - (self.in_sync if choice is None and status in (None, "in_sync") else 0)


class Counting:
    """Counts of one entity, in a transaction that has read its totals."""

    def __init__(self, db: Database, conn: Transaction, asked: RecordQuery, totals: Any) -> None:
        self._conn, self._asked, self._totals = conn, asked, totals
        kept = _KEPT.setdefault(db, {})
        entity = (asked.connection.org_id, asked.connection.connection_id, asked.stream.entity_type)
        moved, self._known = kept.get(entity, ("", {}))
        if moved != totals.moved:
            self._known = {}
            kept[entity] = (totals.moved, self._known)

    def of_all(self) -> RecordCounts:
        """All records: the tally has the differences, and how many are decided is counted when something moved."""
        totals, differences = self._totals, dict(self._decided())
        for status in DIFFERENCES:
            decided = sum(differences.get((status, choice), 0) for choice in ("include", "ignore"))
            differences[status, "undecided"] = int(getattr(totals, status)) - decided
        in_sync = present(self._conn, self._asked, totals) - int(totals.new) - int(totals.updated)
        return RecordCounts(max(0, in_sync), differences)

    def of_finds(self, finds: Sequence[str]) -> RecordCounts:
        """The records that a search found."""
        here = keys(self._asked.connection, self._asked.stream)
        rows = execute(self._conn, _SQL["count_found"], **here, ids=list(finds))
        differences = {(row.status, row.decision or "undecided"): row.records for row in rows}
        return RecordCounts(len(finds) - sum(differences.values()), differences)

    def warned(self, finds: Sequence[str] | None) -> int:
        """The differences with warnings that have the status and the choice that are asked for."""
        asked = self._asked
        if finds is not None:
            return counted(self._conn, *differing(asked, warned=True, ids=finds))
        what = ("warned", asked.status, asked.decision)
        if what not in self._known:
            self._known[what] = counted(self._conn, *differing(asked, warned=True, ids=None))
        found: int = self._known[what]
        return found

    def _decided(self) -> Mapping[tuple[str, str], int]:
        """Differences that are decided in their current version, by status and decision."""
        if "decided" not in self._known:
            rows = execute(self._conn, _SQL["count_decided"], **keys(self._asked.connection, self._asked.stream))
            self._known["decided"] = {(row.status, row.decision): row.records for row in rows}
        found: Mapping[tuple[str, str], int] = self._known["decided"]
        return found


def count_records(
    db: Database, connection: Connection, stream: Stream, *, search: str | None = None
) -> tuple[RecordCounts, bool]:
    """How many records of each status and choice an entity has, or the search finds.

    True: the search found more than it counts (see `found`).
    """
    asked = RecordQuery(connection, stream, None, search, None, "external_id", False)
    with db.org(connection.org_id) as conn:
        totals = execute(conn, SQL["table_totals"], **keys(connection, stream)).one()
        finds, capped = found(conn, asked, totals) if search else (None, False)
        counting = Counting(db, conn, asked, totals)
        return (counting.of_all() if finds is None else counting.of_finds(finds)), capped
