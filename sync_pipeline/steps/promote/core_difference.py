"""A difference between core and what it should be: the row, the field, both values. Every check names it alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sync_pipeline.entities.core import core_tables
from sync_pipeline.exact_json import to_json
from sync_pipeline.steps.capture.record_key import RecordKey
from sync_pipeline.steps.connect import Connection

TRIAL = 2**62  # ids from here on are of rows that a trial inserted (trial.sql, trial_ids)
_ROUND = str.maketrans("[]", "()")
_FIELDS = 100  # of a record that a repair plan shows


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a core row that is not what it should be. Without a `field` the row itself should (not) be there.

    `id` is that of the row that stands in core; None where none does. Then `place` names it by its record and item:
    `shop orders 313, line 9`. `behind` are the records that the row comes from.
    """

    table: str
    id: int | None
    field: str
    found: Any
    should: Any
    behind: Sequence[RecordKey] = ()
    place: str = ""

    @property
    def row(self) -> str:
        """What names the row within its table."""
        return self.place or str(self.id)

    @property
    def path(self) -> str:
        """The row and its field as changes name them: `products[id=5].price`. A place has no brackets of its own, so
        that the table and the field can be read from it: what is personal there is masked for agents."""
        row = f"[{self.place.translate(_ROUND)}]" if self.place else f"[id={self.id}]"
        return f"{self.table.partition('.')[2]}{row}{f'.{self.field}' if self.field else ''}"

    @property
    def sides(self) -> dict[str, Any]:
        """{before, after} of a repair; a row that is not there, or has to go, has no such side."""
        both = {"before": self.found, "after": self.should}
        return both if self.field else {side: value for side, value in both.items() if value is not None}


def fields(row: Any) -> Iterator[Difference]:
    """The fields in which a row is not what it should be, keys of `metadata` each by itself."""
    if row.before is None or row.after is None:
        yield Difference(row.table_name, row.id, "", row.before, without_trial_ids(row.after))
        return
    sides = [{**side, **{f"metadata.{key}": value for key, value in (side.get("metadata") or {}).items()}}
             for side in (row.before, row.after)]  # fmt: skip
    for name in sorted({*sides[0], *sides[1]} - {"metadata"}):
        found, should = (side.get(name) for side in sides)
        if found != should:
            yield Difference(row.table_name, row.id, name, found, without_trial_ids(should))


def without_trial_ids(value: Any) -> Any:
    """What should be there; where only the trial had an id for it, a new row."""
    if isinstance(value, Mapping):
        return {name: without_trial_ids(one) for name, one in value.items() if name != "id" or not _is_trial(one)}
    return "a new row" if _is_trial(value) else value


def _is_trial(value: Any) -> bool:
    return isinstance(value, int) and value >= TRIAL


def named(one: Difference, row: Any, behind: Sequence[RecordKey], connections: Mapping[int, Connection]) -> Difference:
    """The difference of a row that does not stand in core, or has no id of its own, by its record and item."""
    if row.before is not None and row.table_name in core_tables():
        return one
    there = row.before or row.after
    records = [_record(key, connections) for key in behind[:1]]
    if row.table_name in core_tables():
        item = " ".join(str(there[key]) for key in ("item_type", "external_item_id") if there.get(key))
        parts = [*records, item]
    elif row.table_name in ("promote.integration_mapping", "promote.pending_link"):
        key = _record((there["connection_id"], there["entity_type"], there["external_id"]), connections)
        parts = [key] if row.table_name.endswith("mapping") else [*records, f"{there['relation']} to {key}"]
    else:  # a pair
        parts = [*records, *(f"{key} {there[key]}" for key in sorted(there) if key.endswith("_id"))]
    return replace(one, id=None, place=", ".join(part for part in parts if part))


def _record(key: RecordKey, connections: Mapping[int, Connection]) -> str:
    """A record as people call it: connection, entity, id."""
    number, kind, external_id = key
    one = connections.get(number)
    return f"{one.name} {one.source.stream(kind).name} {external_id}" if one else f"{number} {kind} {external_id}"


def changes_of(differences: Sequence[Difference], keys: Sequence[RecordKey]) -> list[str]:
    """What writing each of these records again changes in core, as JSON: {path: {before, after}}."""
    changes: dict[RecordKey, dict[str, Any]] = {key: {} for key in keys}
    for one in differences:
        for key in one.behind:
            if len(changes[key]) < _FIELDS:
                changes[key][one.path] = one.sides
    return [to_json(changes[key]) for key in keys]
