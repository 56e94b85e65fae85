"""Records that other records name, or that name them: looked up among the captured ones and put into their payloads.

A mapping sees one payload. Where it says that it follows a field (`entities.base.Follow`), the record named there is
fetched, and those that name it (`entities.named_by.NamedBy`), a query a level and kind for a whole batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection

from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Follow, LookedUp
from sync_pipeline.entities.named_by import NamedBy
from sync_pipeline.exact_json import decoder

SQL = load("sync_pipeline.steps.capture", "related.sql")

Key = tuple[int, str]  # connection, external id
Found = Mapping[str, Any]  # a record, cut to some fields


class Lookup(Protocol):
    """Captured records, cut to some fields. What is not captured is not among them."""

    def named(self, entity_type: str, fields: Sequence[str], keys: Sequence[Key]) -> Mapping[Key, Found]:
        """The records of an entity type that have these keys. What a store has deleted since is still known."""

    def naming(
        self, entity_type: str, by: str | None, fields: Sequence[str], keys: Sequence[Key]
    ) -> Mapping[Key, Sequence[Found]]:
        """Of each key the records that name it in the list `by`, or as their parent. A deleted record names nothing."""


_decoder = decoder()


class Place(NamedTuple):
    """A payload and the fields of it to follow."""

    connection_id: int
    payload: dict[str, Any]
    follows: Sequence[Follow]


@dataclass(frozen=True, slots=True)
class CapturedLookup:
    """Looks up in the transactions that `begin` opens; records of the types in `without` are not looked up.

    `as_of`: as they were then.
    """

    begin: Callable[[], AbstractContextManager[Connection]]
    without: Collection[str] = ()
    as_of: datetime | None = None

    def named(self, entity_type: str, fields: Sequence[str], keys: Sequence[Key]) -> Mapping[Key, Found]:
        """See `Lookup`."""
        found = self._found((SQL["related"], SQL["related_then"]), entity_type, fields, keys)
        return {keys[row.n - 1]: _decoder.decode(row.payload) if row.payload else {} for row in found}

    def naming(
        self, entity_type: str, by: str | None, fields: Sequence[str], keys: Sequence[Key]
    ) -> Mapping[Key, Sequence[Found]]:
        """See `Lookup`."""
        naming: dict[Key, list[Found]] = defaultdict(list)
        for row in self._found((SQL["naming"], SQL["naming_then"]), entity_type, ("id", *fields), keys, by=by):
            naming[keys[row.n - 1]].append(_decoder.decode(row.payload) if row.payload else {})
        return naming

    def _found(
        self, statements: tuple[str, str], entity_type: str, fields: Sequence[str], keys: Sequence[Key], **more: Any
    ) -> Sequence[Any]:
        if entity_type in self.without or not keys:
            return ()
        wanted = {"connections": [key[0] for key in keys], "ids": [key[1] for key in keys], "fields": list(fields)}
        with self.begin() as conn:
            if self.as_of is None:
                return execute(conn, statements[0], type=entity_type, **wanted, **more).all()
            return execute(conn, statements[1], type=entity_type, as_of=self.as_of, **wanted, **more).all()


def looking(conn: Connection, without: Collection[str] = (), *, as_of: datetime | None = None) -> Lookup:
    """Look up in the caller's transaction; records of the types in `without` stay ids. `as_of`: as they were then."""
    return CapturedLookup(lambda: nullcontext(conn), without, as_of)


def embed(places: Iterable[Place], look: Lookup) -> None:
    """Put the records that these payloads name, or that name them, into them, and so on, as deep as they say."""
    level = list(places)
    while level:
        below: list[Place] = []
        for follow, some in _by_follow(level):
            if isinstance(follow, NamedBy):
                _put_naming(follow, some, look, below)
            else:
                _put_named(follow, some, look, below)
        level = below


def _by_follow(level: Sequence[Place]) -> Iterator[tuple[Follow, Sequence[Place]]]:
    places: dict[Follow, list[Place]] = defaultdict(list)
    for place in level:
        for follow in place.follows:
            places[follow].append(place)
    yield from places.items()


def _put_named(follow: Follow, places: Sequence[Place], look: Lookup, below: list[Place]) -> None:
    keys = dict.fromkeys(
        (place.connection_id, str(one)) for place in places for one in _ids(place.payload.get(follow.field))
    )
    if not keys:
        return
    # The same record for all who name it: mappings read, they do not write.
    found = {key: LookedUp(one) for key, one in look.named(follow.entity_type, follow.reads, list(keys)).items()}
    if follow.follows:
        below += [Place(key[0], one, follow.follows) for key, one in found.items()]
    for place in places:
        if follow.field in place.payload:
            place.payload[follow.field] = _put(place.payload[follow.field], place.connection_id, found)


def _put_naming(follow: NamedBy, places: Sequence[Place], look: Lookup, below: list[Place]) -> None:
    keys = [(place.connection_id, str(place.payload.get("id"))) for place in places]
    naming = look.naming(follow.entity_type, follow.by, follow.reads, list(dict.fromkeys(keys)))
    for place, key in zip(places, keys, strict=True):
        found = [LookedUp(one) for one in naming.get(key, ())]
        place.payload[follow.field] = found
        if follow.follows:
            below += [Place(place.connection_id, one, follow.follows) for one in found]


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
