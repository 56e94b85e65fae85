"""Which fields of a payload each column of core comes from, found by trying.

A mapper is run over captured payloads, each field is given other values, and the columns that become different come
from it. Payloads are those of seeded stores, with the records that they name in the place of their ids; other values
are those that other payloads have in the same place, nothing, and another of the same kind. What is found is true; a
dependency that no sample shows would be missed, so a test asks for an effect of every field that a mapper declares.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection

from sync_pipeline.entities.base import Entity
from sync_pipeline.entities.core import CoreTable, Elsewhere, Pairs, To, _fields, core_tables, table_of
from sync_pipeline.sources.base import Stream, all_sources
from sync_pipeline.steps.capture.mapped import mapping_of
from sync_pipeline.steps.capture.related import Place, embed, looking

Path = tuple[str, ...]
Target = tuple[str, str]  # table, column
Origins = Mapping[Target, Mapping[str, Mapping[str, set[str]]]]  # provider → stream → paths (`billing.email`)
_SAMPLES = 12  # payloads of a stream that are tried
_OTHERS = 6  # values of other payloads that a field is given
_DEEP = 4
_NOTHING = object()


def origins(conn: Connection) -> Origins:
    """Where each column comes from, by the transaction's captured records."""
    found: dict[Target, dict[str, dict[str, set[str]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(set)))
    for provider, source in all_sources().items():
        for stream in source.streams.values():
            for path, targets in effects(conn, provider, stream).items():
                for target in targets:
                    found[target][provider][stream.name].add(".".join(path))
    return found


def effects(conn: Connection, provider: str, stream: Stream) -> Mapping[Path, set[Target]]:
    """The columns that each field of a stream's payloads decides on; `id` where it decides whether there is a row."""
    to = mapping_of(provider, stream.entity_type).to
    samples = list(_samples(conn, provider, stream))
    values: dict[Path, dict[str, Any]] = defaultdict(dict)
    for sample in samples:
        for path, value in _leaves(sample):
            values[path].setdefault(repr(value), value)
    found: dict[Path, set[Target]] = defaultdict(set)
    chosen = _various(samples, to)
    for sample in chosen:
        read, before = _read(to, sample), _columns_of(to, sample)
        for path in (path for path in dict(_leaves(sample)) if path[0] in read):
            found[path] |= _tried(to, sample, path, _alternatives(list(values[path].values())[:_OTHERS]), before)
    for sample in chosen[:1]:
        _stand_ins(to, sample, found)
    for name in getattr(to, "reads", ()):
        if not any(found[path] for path in list(found) if path[0] == name):
            found[name,] |= _behind(to, chosen, name, list(values[name,].values())[:_OTHERS])
    return {path: targets for path, targets in found.items() if targets}


def _stand_ins(to: Callable[[Any], Entity], sample: Any, found: dict[Path, set[Target]]) -> None:
    """Fields that count where another one is empty: an e-mail of the billing address, a name instead of a title."""
    # What decides on nothing hides nothing; metadata has the fields that no column has, each by itself.
    decides = {path[0] for path, targets in found.items() if any(column != "metadata" for _, column in targets)}
    for name in decides & sample.keys():
        base = _changed(sample, (name,), None)
        read, before = _read(to, base), _columns_of(to, base)
        for path, value in list(_leaves(base)):
            if len(path) <= 2 and path[0] != name and path[0] in read and not isinstance(value, dict | list):
                found[path] |= _tried(to, base, path, [None, *_others(value)], before)


class _Watched(dict[str, Any]):
    """A payload that notes which of its fields are read."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        super().__init__(payload)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self.read.update(super().keys())
        return super().__iter__()

    def keys(self) -> Any:
        self.read.update(super().keys())
        return super().keys()

    def items(self) -> Any:
        self.read.update(super().keys())
        return super().items()

    def values(self) -> Any:
        self.read.update(super().keys())
        return super().values()


def _read(to: Callable[[Any], Entity], payload: Mapping[str, Any]) -> set[str]:
    """The fields of the payload that the mapper looks at."""
    watched = _Watched(payload)
    _columns_of(to, watched)
    return watched.read


def _tried(
    to: Callable[[Any], Entity], sample: Any, path: Path, values: Sequence[Any], before: dict[Target, Any] | None
) -> set[Target]:
    """The columns that are not as before where the field has one of these values."""
    if before is None:
        return set()
    found: set[Target] = set()
    for other in values:
        after = _columns_of(to, _changed(sample, path, other))
        if after is None:
            continue
        there, still = ({table for table, _ in columns} for columns in (before, after))
        # Rows that come or go: that is what the field decides, not what each of their columns is.
        found |= {(table, "id") for table in there ^ still}
        found |= {one for one in before.keys() & after.keys() if before[one] != after[one]}
    return found


def _behind(to: Callable[[Any], Entity], samples: Sequence[Any], name: str, values: Sequence[Any]) -> set[Target]:
    """The effects of a field that the stores do not have, or that counts only where another one is empty."""
    found: set[Target] = set()
    words = _alternatives((*values, "AB", "product", "service", 5))
    for sample in samples:
        for other in (None, *(one for one in sample if one != name)):
            base = sample if other is None else _changed(sample, (other,), _NOTHING)
            found |= _tried(to, base, (name,), words, _columns_of(to, base))
        if found:
            break
    return found


def _samples(conn: Connection, provider: str, stream: Stream) -> Iterator[dict[str, Any]]:
    mapping = mapping_of(provider, stream.entity_type)
    rows = conn.exec_driver_sql(
        "SELECT connection_id, sync_data::text AS payload FROM capture.sync_record "
        "WHERE org_id = connect.current_org() AND provider = %(p)s AND entity_type = %(t)s "
        "ORDER BY length(external_id), external_id",
        {"p": provider, "t": stream.entity_type},
    ).all()
    places = [Place(row.connection_id, mapping.decoder.decode(row.payload), mapping.follows) for row in rows]
    embed(places, looking(conn))
    yield from (place.payload for place in places)


def _various(samples: Sequence[dict[str, Any]], to: Callable[[Any], Entity]) -> Sequence[dict[str, Any]]:
    """Those that have a value of a kind, or a word, that none before them has in that place, or that fill a column."""
    chosen: list[dict[str, Any]] = []
    filled: set[Target] = set()
    kinds: set[tuple[Path, str]] = set()
    features = [(sample, _filled(to, sample), {(path, _kind(v)) for path, v in _leaves(sample)}) for sample in samples]
    features.sort(key=lambda one: -len(one[1]))  # those with most in their columns first
    for news_of_columns in (True, False):
        for sample, columns, values in features:
            news = columns - filled if news_of_columns else values - kinds
            if news and len(chosen) < _SAMPLES:
                chosen.append(sample)
                filled |= columns
                kinds |= values
    return chosen


def _filled(to: Callable[[Any], Entity], sample: Any) -> set[Target]:
    columns = _columns_of(to, sample) or {}
    return {one for one, values in columns.items() if str(values) not in ("[None]", "['0']", "[0]", "[[]]", "[{}]")}


def _kind(value: Any) -> str:
    word = isinstance(value, bool) or (isinstance(value, str) and value.isalpha() and len(value) < 12)
    return f"{type(value).__name__} {value}" if word or value in (None, "", 0) else type(value).__name__


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every field with its value; those of objects, and of the first objects of lists, too."""
    if path:
        yield path, value
    if len(path) == _DEEP:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value[:2]:
            if isinstance(inner, dict):
                for name, one in inner.items():
                    yield from _leaves(one, (*path, name))


def _changed(value: Any, path: Path, other: Any) -> Any:
    """A copy in which the field has another value; in a list, that of all its objects."""
    if not path:
        return other
    if isinstance(value, list):
        return [_changed(one, path, other) if isinstance(one, dict) else one for one in value]
    copy = type(value)(value)
    inner = _changed(copy.get(path[0]), path[1:], other) if len(path) == 1 or copy.get(path[0]) else other
    if inner is _NOTHING:
        copy.pop(path[0], None)
    else:
        copy[path[0]] = inner
    return copy


def _alternatives(values: Sequence[Any]) -> Sequence[Any]:
    """These values, none, and others of their kinds."""
    all_of_them = [*values, None, _NOTHING]
    return [*all_of_them, *(one for value in all_of_them for one in _others(value))]


def _others(value: Any) -> Sequence[Any]:
    """Other values of the same kind; in the place of nothing, a date, a word and a picture."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float | Decimal):
        return [value + 1]
    if isinstance(value, str):
        return [str(Decimal(value) + 1) if value.replace(".", "", 1).isdigit() else f"{value}x"]
    return ["2026-03-04T05:06:07", "Text", {"src": "x", "alt": "y"}] if value is None else []


def _columns_of(to: Callable[[Any], Entity], payload: Any) -> dict[Target, Any] | None:
    try:
        entity = to(payload)
    except Exception:  # noqa: BLE001 - a value that the mapper refuses has no column
        return None
    return dict(_entity_columns(entity))


def _entity_columns(entity: Entity) -> Iterator[tuple[Target, Any]]:
    table = table_of(type(entity))
    # Rows that are parts of a record have its metadata, unless they have their own.
    own = table.row is None or "metadata" not in table.columns
    yield from _row_columns(table, [entity], "metadata" if own else None)
    for name, _, marks in _fields(type(entity)):
        value = getattr(entity, name)
        for mark in marks:
            if isinstance(mark, Pairs):
                yield (mark.name, mark.other), value
            if isinstance(mark, Elsewhere):
                parts = [one for one in (value if isinstance(value, list | tuple) else [value]) if one is not None]
                of = _table_of_rows(parts)
                if of is not None:
                    yield from _row_columns(of, parts, "metadata" if hasattr(parts[0], "metadata") else None)


def _table_of_rows(parts: Iterable[Any]) -> CoreTable | None:
    for one in parts:
        for table in core_tables().values():
            if type(one) in (table.row, table.entity):
                return table
    return None


def _row_columns(table: CoreTable, rows: Sequence[Any], metadata: str | None) -> Iterator[tuple[Target, Any]]:
    struct: Any = type(rows[0])
    for name, column, plain in _columns_of_rows(table, struct, metadata):
        values = [getattr(one, name) for one in rows]
        yield (table.name, column), msgspec.to_builtins(values, enc_hook=str) if plain else values


@cache
def _columns_of_rows(table: CoreTable, struct: Any, metadata: str | None) -> Sequence[tuple[str, str, bool]]:
    """Which field of a struct fills which column, and whether it is a value of its own and no row's id."""
    found: list[tuple[str, str, bool]] = []
    for name, _, marks in _fields(struct):
        if any(isinstance(mark, To) for mark in marks):
            found.append((name, f"{name}_id", False))
        elif (not marks and name in table.columns) or name == metadata:
            found.append((name, name, True))
    return found
