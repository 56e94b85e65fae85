"""Which records follow one that changed (see `entities.base.Follow`): what core has of them may be out of date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Follow
from sync_pipeline.entities.named_by import NamedBy
from sync_pipeline.sources.base import Source, Stream, source

SQL = load("sync_pipeline.steps.capture", "followed.sql")

Changed = Mapping[str, datetime | None]
"""Entity types that changed, each with the time since when; None: since ever."""
_Causes = Mapping[str, set[str]]


def follows(stream: Stream) -> Sequence[Follow]:
    """What the stream's mapper follows."""
    found: Sequence[Follow] = getattr(stream.to_entity, "follows", ())
    return found


def followed_types(stream: Stream) -> frozenset[str]:
    """The entity types whose changes make its records differ from core."""
    return frozenset(_types(follows(stream)))


def _types(some: Sequence[Follow]) -> Iterator[str]:
    for follow in some:
        if follow.watched:
            yield follow.entity_type
            yield from _types(follow.follows)


def followers(provider: Source, stream: Stream) -> Sequence[Stream]:
    """The other streams that follow this one's records."""
    return [one for one in provider.streams.values() if one is not stream and stream.entity_type in followed_types(one)]


@dataclass(frozen=True, slots=True)
class Followed:
    """What changed in the entities of one connection, and who follows it."""

    conn: Connection
    connection_id: int
    provider: str
    changed: Changed
    _moved: dict[tuple[str, tuple[str, ...], bool], Sequence[str]] = field(default_factory=dict)

    def holders(self, stream: Stream, ids: Collection[str] | None = None) -> Mapping[str, str]:
        """The records of the stream (of these `ids`) that follow one of which a field that is read may be another.

        Each with what it follows: “tax 7”.
        """
        found = self._holders(stream, follows(stream), ids)
        return {one: ", ".join(sorted(causes)) for one, causes in found.items()}

    def _holders(self, stream: Stream, some: Sequence[Follow], ids: Collection[str] | None) -> _Causes:
        found: dict[str, set[str]] = defaultdict(set)
        for follow in some:
            causes = self._causes(follow) if follow.watched else {}
            if not causes:
                continue
            place: dict[str, Any] = {"named": list(causes), "ids": None if ids is None else list(ids)}
            if isinstance(follow, NamedBy):
                rows = self._named_by(follow, place)
            elif follow.field == stream.parent_field:
                rows = execute(self.conn, SQL["holders_by_parent"], **self._of(stream.entity_type), **place)
            else:
                place["field"] = follow.field
                rows = execute(self.conn, SQL["holders_by_field"], **self._of(stream.entity_type), **place)
            for row in rows:
                found[row.external_id] |= causes[row.named]
        return found

    def _named_by(self, follow: NamedBy, place: Mapping[str, Any]) -> Any:
        there = {**self._of(follow.entity_type), "field": self._by(follow), "by_parent": follow.by is None}
        return execute(self.conn, SQL["named_by"], **there, **place)

    def _by(self, follow: NamedBy) -> str:
        """The field by which records name others."""
        return follow.by or source(self.provider).stream(follow.entity_type).parent_field or ""

    def _causes(self, follow: Follow) -> _Causes:
        """The followed records that changed, or that follow one that did."""
        found: dict[str, set[str]] = defaultdict(set)
        for one in self._changed(follow):
            found[one].add(f"{follow.entity_type} {one}")
        below = source(self.provider).stream(follow.entity_type)
        for one, causes in self._holders(below, follow.follows, None).items():
            found[one] |= causes
        return found

    def _changed(self, follow: Follow) -> Sequence[str]:
        if follow.entity_type not in self.changed:
            return ()
        deletions = isinstance(follow, NamedBy)
        fields = (*follow.reads, self._by(follow)) if isinstance(follow, NamedBy) else follow.reads
        kind = (follow.entity_type, fields, deletions)
        if kind not in self._moved:
            since = self.changed[follow.entity_type]
            rows = execute(
                self.conn,
                SQL["moved_records"],
                **self._of(follow.entity_type),
                fields=list(fields),
                deletions=deletions,
                since=since,
            )
            self._moved[kind] = rows.scalars().all()
        return self._moved[kind]

    def _of(self, entity_type: str) -> dict[str, Any]:
        return {"connection_id": self.connection_id, "provider": self.provider, "entity_type": entity_type}
