"""Records that other records name: looked up among the captured ones and put in their ids' place.

A mapping sees one payload. Where it says that it follows a field (`entities.base.Follow`), the record named there is
fetched, a query a level and kind for a whole batch, whatever provider it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Follow, LookedUp
from sync_pipeline.exact_json import decoder

SQL = load("sync_pipeline.steps.capture", "related.sql")

Key = tuple[int, str]  # connection, external id
Look = Callable[[str, Sequence[str], Sequence[Key]], Mapping[Key, dict[str, Any]]]
"""Captured records of an entity type, cut to some fields. What is not captured is not among them."""

_decoder = decoder()


class Place(NamedTuple):
    """A payload and the fields of it to follow."""

    connection_id: int
    payload: dict[str, Any]
    follows: Sequence[Follow]


def looking(conn: Connection, without: Collection[str] = (), *, as_of: datetime | None = None) -> Look:
    """Look up in the caller's transaction; records of the types in `without` stay ids. `as_of`: as they were then."""

    def look(entity_type: str, fields: Sequence[str], keys: Sequence[Key]) -> Mapping[Key, dict[str, Any]]:
        if entity_type in without:
            return {}
        wanted = {"connections": [key[0] for key in keys], "ids": [key[1] for key in keys], "fields": list(fields)}
        if as_of is None:
            rows = execute(conn, SQL["related"], type=entity_type, **wanted)
        else:
            rows = execute(conn, SQL["related_then"], type=entity_type, as_of=as_of, **wanted)
        return {keys[row.n - 1]: _decoder.decode(row.payload) if row.payload else {} for row in rows}

    return look


def embed(places: Iterable[Place], look: Look) -> None:
    """Put the records that these payloads name into them, and in those the ones they name, as deep as they say."""
    level = list(places)
    while level:
        wanted: dict[Follow, dict[Key, None]] = defaultdict(dict)
        for place in level:
            for follow in place.follows:
                for one in _ids(place.payload.get(follow.field)):
                    wanted[follow][place.connection_id, str(one)] = None
        below: list[Place] = []
        found: dict[Follow, dict[Key, LookedUp]] = {}
        for follow, keys in wanted.items():
            here = found[follow] = {}
            for key, fields in look(follow.entity_type, follow.reads, list(keys)).items():
                # The same record for all who name it: mappings read, they do not write.
                here[key] = LookedUp(fields)
                if follow.follows:
                    below.append(Place(key[0], here[key], follow.follows))
        for place in level:
            for follow in place.follows:
                if follow in found and follow.field in place.payload:
                    value = place.payload[follow.field]
                    place.payload[follow.field] = _put(value, place.connection_id, found[follow])
        level = below


def _ids(value: Any) -> Sequence[Any]:
    """The ids in a reference: 12, "12", [12, "name"], [12, 13]."""
    if value.__class__ is list:
        return value[:1] if _pair(value) else [one for one in value if _is_id(one)]
    return [value] if _is_id(value) else ()


def _put(value: Any, connection_id: int, records: Mapping[Key, LookedUp]) -> Any:
    if value.__class__ is list and not _pair(value):
        return [_one(one, connection_id, records) for one in value]
    one = value[0] if value.__class__ is list else value
    found = _one(one, connection_id, records)
    return value if found is one else found


def _one(value: Any, connection_id: int, records: Mapping[Key, LookedUp]) -> Any:
    if not _is_id(value):
        return value
    found = records.get((connection_id, str(value)))
    if found is None:
        return value
    found["id"] = value
    return found


def _is_id(value: Any) -> bool:
    return value.__class__ is int or value.__class__ is str


def _pair(value: Sequence[Any]) -> bool:
    return len(value) == 2 and value[0].__class__ is int and value[1].__class__ is str
