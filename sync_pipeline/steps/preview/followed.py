"""Records whose own version is in core, and that follow another record which changed since.

Core copies values from other records (a location's name, a tax, a tag). The mapping keeps a hash of what a record
became with them. When a followed record changes, its holders are mapped again: where the hash is another, they are
`updated`, and the difference says which values would change, and through which record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection as Transaction

from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Entity
from sync_pipeline.entities.core import table_of
from sync_pipeline.exact_json import to_json
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.capture.followed import Followed, followed_types, followers
from sync_pipeline.steps.capture.mapped import Captured, entity_hash, mapping_of, to_entities
from sync_pipeline.steps.capture.related import looking
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.warn import warn_again

SQL = load(__package__, "followed.sql")
_CHUNK = 1000  # records mapped at a time; bounds memory
_SOME = "a record that it follows"


@dataclass(frozen=True, slots=True)
class Behind:
    """A stream that follows entities which changed: each with the time since when, and its newest change."""

    stream: Stream
    changed: Mapping[str, tuple[datetime | None, datetime]]


def behind(conn: Transaction, connection: Connection, stream: Stream | None = None) -> Sequence[Behind]:
    """Which of this stream and those that follow it have to look at what they follow, in a fixed order.

    Without a stream, of all that were compared with core before.
    """
    some = connection.source.streams.values() if stream is None else (stream, *followers(connection.source, stream))
    streams = {one.entity_type: one for one in some}
    pairs = [(kind, of_type) for kind, one in streams.items() for of_type in followed_types(one)]
    if not pairs:
        return ()
    rows = execute(
        conn,
        SQL["behind"],
        connection_id=connection.connection_id,
        own=None if stream is None else stream.entity_type,
        types=[kind for kind, _ in pairs],
        of_types=[of_type for _, of_type in pairs],
    )
    found: dict[str, dict[str, tuple[datetime | None, datetime]]] = defaultdict(dict)
    for row in rows:
        found[row.entity_type][row.of_type] = (row.since, row.changed_at)
    return [Behind(streams[kind], found[kind]) for kind in sorted(found)]


def hold(conn: Transaction, connection: Connection, some: Iterable[Stream]) -> None:
    """Nobody writes or decides on the records of these streams until the transaction ends."""
    for one in some:
        here = {"connection_id": connection.connection_id, "entity_type": one.entity_type}
        execute(conn, SQL["hold_holders"], **here)


def look(conn: Transaction, connection: Connection, one: Behind) -> None:
    """Find the records of the stream that differ from core by what they follow."""
    here = {"connection_id": connection.connection_id, "entity_type": one.stream.entity_type}
    if not execute(conn, SQL["in_core"], **here).scalar_one():
        return
    changed = {of_type: since for of_type, (since, _) in one.changed.items()}
    found = Followed(conn, connection.connection_id, connection.provider, changed).holders(one.stream)
    check(conn, connection.connection_id, one.stream, found, provider=connection.provider)


def looked(conn: Transaction, connection: Connection, one: Behind) -> None:
    """Keep how far `look` has seen. The times are committed with the records: the same time means the same records."""
    execute(
        conn,
        SQL["followed_upto"],
        connection_id=connection.connection_id,
        entity_type=one.stream.entity_type,
        of_types=list(one.changed),
        changed=[changed_at for _, changed_at in one.changed.values()],
    )


def check(
    conn: Transaction,
    connection_id: int,
    stream: Stream,
    some: Mapping[str, str | None],
    *,
    provider: str,
    undone: bool = False,
) -> None:
    """Map these records again, and keep whether that differs from core. `some`: through which record, if that is known.

    What becomes a difference is undecided again; after an undo that is the undo's to say.
    """
    here = {"connection_id": connection_id, "entity_type": stream.entity_type}
    ids = sorted(some)
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        rows = execute(conn, SQL["in_core_as_captured"], **here, provider=provider, ids=chunk).all()
        found = dict(_differing(conn, Mapper(connection_id, provider, stream.entity_type), rows))
        settled = [row.external_id for row in rows if row.external_id not in found]
        execute(conn, SQL["follow_settled"], **here, ids=settled)
        if not found:
            continue
        followed = [to_json({"through": some[one] or _SOME, **what}) for one, what in found.items()]
        news = execute(conn, SQL["follow_differs"], **here, ids=list(found), followed=followed).scalars().all()
        if news:
            warn_again(conn, connection_id, stream, news, provider=provider)
        if news and not undone:
            execute(conn, SQL["decided_before"], **here, ids=news)
            execute(conn, SQL["withdrawn_before"], **here, ids=news)


@dataclass(frozen=True, slots=True)
class Mapper:
    """Maps records of one entity as promotion does."""

    connection_id: int
    provider: str
    entity_type: str

    def map(self, conn: Transaction, rows: Sequence[Any], as_of: datetime | None = None) -> list[Entity | Exception]:
        """With what they follow as it is captured now, or as it was."""
        captured = (
            Captured(self.connection_id, self.provider, self.entity_type, row.payload, row.parent_id) for row in rows
        )
        return list(to_entities(captured, looking(conn, as_of=as_of)))

    def hash(self, entity: Entity | Exception) -> int | None:
        """Of what the record became; None where it cannot be mapped."""
        return None if isinstance(entity, Exception) else entity_hash(self.provider, self.entity_type, entity)


def _differing(conn: Transaction, mapper: Mapper, rows: Sequence[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Those of these records that would become something else than what is in core: {version, fields}."""
    pairs = list(zip(rows, mapper.map(conn, rows), strict=True))
    groups: dict[datetime, list[tuple[Any, Entity | Exception]]] = defaultdict(list)
    for row, now in pairs:
        if row.entity_hash is None or row.entity_hash != mapper.hash(now):
            groups[row.last_promoted_at].append((row, now))
    for as_of, group in groups.items():
        before = mapper.map(conn, [row for row, _ in group], as_of)
        for (row, now), then in zip(group, before, strict=True):
            was, is_now = mapper.hash(then), mapper.hash(now)
            if row.entity_hash is None and was == is_now:
                continue  # it was promoted before hashes were kept
            known = row.entity_hash is None or row.entity_hash == was
            fields = _changes(mapper, then, now) if known else {}
            yield row.external_id, {"version": f"{(is_now or 0) & 0xFFFFFFFFFFFFFFFF:016x}", "fields": fields}


def _changes(mapper: Mapper, before: Entity | Exception, after: Entity | Exception) -> dict[str, Any]:
    """Both values of each column that differs, `metadata` and addresses key by key."""
    if isinstance(before, Exception) or isinstance(after, Exception):
        return {}
    kept = mapping_of(mapper.provider, mapper.entity_type).as_promoted
    sides = {"before": _flat(before, kept), "after": _flat(after, kept)}
    return {
        name: {side: values[name] for side, values in sides.items() if name in values}
        for name in sorted({*sides["before"], *sides["after"]})
        if sides["before"].get(name) != sides["after"].get(name)
    }


def _flat(entity: Entity, kept: Sequence[str]) -> dict[str, Any]:
    """An entity's values by column. The columns of its only row, where rows are parts of it, are its own."""
    table = table_of(type(entity))
    values: dict[str, Any] = {"table": table.short}
    for name in entity.__struct_fields__:
        value = getattr(entity, name)
        parts = [value] if not isinstance(value, list | tuple) else value
        if table.row is not None and len(parts) == 1 and isinstance(parts[0], table.row):
            values |= msgspec.to_builtins(parts[0])
        elif name != "warnings" and name not in kept:
            values[name] = msgspec.to_builtins(value)
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": one for key, one in value.items()}
        else:
            flat[name] = value
    return flat
