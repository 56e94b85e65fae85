"""Rows of one kind, their indexes and their serialized payloads.

Lists are kept sorted by id, and dated kinds keep (modified, id) sorted in one array of integers: the cost of a page
at any depth, and of a `modified_after` with few matches, does not depend on the size of the store.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Id = int | str
_SHIFT = 32


@dataclass(slots=True)
class Row:
    """One record: what differs from its kind's defaults, and its dates in UTC seconds."""

    id: Any
    fields: Json
    created: int
    modified: int | None


@dataclass(slots=True)
class Table:
    kind: str
    dated: bool = False
    rows: dict[Any, Row] = field(default_factory=dict)
    ids: list[Any] = field(default_factory=list)
    trash: list[Any] = field(default_factory=list)
    by_modified: "array[int]" = field(default_factory=lambda: array("q"))
    children: dict[Any, list[Any]] = field(default_factory=dict)
    views: dict[str, dict[Any, bytes]] = field(default_factory=dict)
    raw: dict[Any, bytes] = field(default_factory=dict)
    version: int = 0
    queries: dict[Any, Any] = field(default_factory=dict)

    def add(self, row: Row, *, parent: Id | None = None) -> None:
        if row.id in self.rows:
            raise ValueError(f"{self.kind} {row.id} exists already")
        self.rows[row.id] = row
        _put(self.trash if row.fields.get("status") == "trash" else self.ids, row.id)
        if parent is not None:
            _put(self.children.setdefault(parent, []), row.id)
        self._index(row)
        self.touch(row.id)

    def move(self, row: Row, modified: int) -> None:
        self._unindex(row)
        row.modified = modified
        self._index(row)

    def hide(self, row_id: Id) -> None:
        """To the trash."""
        _drop(self.ids, row_id)
        _put(self.trash, row_id)
        self.touch(row_id)

    def show(self, row_id: Id) -> None:
        _drop(self.trash, row_id)
        _put(self.ids, row_id)
        self.touch(row_id)

    def remove(self, row_id: Id, *, parent: Id | None = None) -> None:
        row = self.rows.pop(row_id)
        _drop(self.ids, row_id)
        _drop(self.trash, row_id)
        if parent is not None:
            _drop(self.children.get(parent, []), row_id)
        self._unindex(row)
        self.raw.pop(row_id, None)
        self.touch(row_id)

    def touch(self, row_id: Id) -> None:
        """Drop this record's cached bytes and the cached lists."""
        for view in self.views.values():
            view.pop(row_id, None)
        self.version += 1
        if self.queries:
            self.queries.clear()

    def forget_all(self) -> None:
        self.views.clear()
        self.version += 1
        self.queries.clear()

    def modified_between(self, low: int | None, high: int | None) -> Iterator[Any]:
        """Ids with low < modified < high, live and trashed, by date. Both ends excluded, as the API does."""
        start = 0 if low is None else bisect_left(self.by_modified, (low + 1) << _SHIFT)
        stop = len(self.by_modified) if high is None else bisect_left(self.by_modified, high << _SHIFT)
        mask = (1 << _SHIFT) - 1
        return (key & mask for key in self.by_modified[start:stop])

    def _index(self, row: Row) -> None:
        if self.dated and row.modified is not None:
            key = (row.modified << _SHIFT) | row.id
            if not self.by_modified or key > self.by_modified[-1]:
                self.by_modified.append(key)
            else:
                self.by_modified.insert(bisect_right(self.by_modified, key), key)

    def _unindex(self, row: Row) -> None:
        if self.dated and row.modified is not None:
            key = (row.modified << _SHIFT) | row.id
            del self.by_modified[bisect_left(self.by_modified, key)]


def _put(ids: list[Any], row_id: Id) -> None:
    if not ids or row_id > ids[-1]:
        ids.append(row_id)
    else:
        insort(ids, row_id)


def _drop(ids: list[Any], row_id: Id) -> None:
    at = bisect_left(ids, row_id)
    if at < len(ids) and ids[at] == row_id:
        del ids[at]
