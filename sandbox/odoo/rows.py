"""The rows of a model: sorted ids, and an index for each one2many that points to them."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

Json = dict[str, Any]
_SECOND = 1_000_000
_MAX_VIEWS = 32


@dataclass(slots=True)
class Row:
    """`values` holds the fields that are not empty, as the API shows them (many2one: the bare id).

    A company-dependent field holds {company id: value}. `created` and `written` are UTC microseconds, as PostgreSQL
    keeps them; answers show whole seconds.
    """

    id: int
    values: Json
    created: int
    written: int
    # language -> values of translated fields
    words: dict[str, Json] | None = None


@dataclass(slots=True)
class Table:
    model: str
    rows: dict[int, Row] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)
    # many2one field with an inverse one2many -> {target id: ids of this table}
    pointing: dict[str, dict[int, list[int]]] = field(default_factory=dict)
    sequence: int = 0

    def reserve(self, wanted: int | None = None) -> int:
        """The next id, taken when a transaction begins, as PostgreSQL's sequences do."""
        self.sequence = max(self.sequence + 1, wanted or 0)
        return wanted or self.sequence

    def add(self, row: Row) -> None:
        self.rows[row.id] = row
        if self.ids and self.ids[-1] > row.id:
            insort(self.ids, row.id)
        else:
            self.ids.append(row.id)
        for name in self.pointing:
            self._point(name, row)

    def remove(self, row_id: int) -> None:
        row = self.rows.pop(row_id)
        del self.ids[bisect_left(self.ids, row_id)]
        for name in self.pointing:
            self._unpoint(name, row)

    def change(self, row: Row, values: Json) -> None:
        moved = [name for name in self.pointing if name in values]
        for name in moved:
            self._unpoint(name, row)
        row.values.update(values)
        for name in moved:
            self._point(name, row)

    def index(self, name: str) -> None:
        if name not in self.pointing:
            self.pointing[name] = {}
            for row in self.rows.values():
                self._point(name, row)

    def _point(self, name: str, row: Row) -> None:
        target = row.values.get(name)
        if target:
            insort(self.pointing[name].setdefault(target, []), row.id)

    def _unpoint(self, name: str, row: Row) -> None:
        target = row.values.get(name)
        if target:
            self.pointing[name][target].remove(row.id)

    def between(self, low: int | None, high: int | None) -> tuple[int, int]:
        """Positions in `ids` of low <= id <= high."""
        start = 0 if low is None else bisect_left(self.ids, low)
        return start, len(self.ids) if high is None else bisect_right(self.ids, high)

    def where(self, predicate: Callable[[Row], bool]) -> list[Row]:
        return [row for row in self.rows.values() if predicate(row)]


class Views:
    """Rows encoded as JSON, by request; dropped after each commit."""

    def __init__(self) -> None:
        self._version = -1
        self._held: dict[Any, dict[int, bytes]] = {}

    def of(self, version: int, view: Any) -> dict[int, bytes]:
        if version != self._version:
            self._held.clear()
            self._version = version
        if view not in self._held and len(self._held) >= _MAX_VIEWS:
            self._held.pop(next(iter(self._held)))
        return self._held.setdefault(view, {})


def text(microseconds: int) -> str:
    """A time as the API shows it: UTC, no zone, whole seconds."""
    return _text(microseconds // _SECOND)


@lru_cache(maxsize=65536)
def _text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def moment(value: str | datetime | float) -> int:
    """UTC microseconds of a time given as text (UTC), datetime or seconds."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return round(aware.timestamp() * _SECOND)
    return round(value * _SECOND)
