"""What every page shows beside its own content: the organization, its connections, and where something differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline.api.lists import visible_connections
from sync_pipeline.api.runtime import ApiRuntime
from sync_pipeline.steps import connect, preview
from sync_pipeline.steps.connect.tokens import Caller
from sync_pipeline.steps.preview import EntityTotals

# Pages of an organization and of a connection: address, words, sign.
ORG_PAGES: tuple[tuple[str, str, str], ...] = (
    ("connect", "Connect a store", "connect"),
    ("settings", "Organization", "settings"),
    ("people", "People and tokens", "people"),
)
CONNECTION_PAGES: tuple[tuple[str, str], ...] = (
    ("", "Sync & Operations"),
    ("data", "Data"),
    ("configuration", "Configuration"),
    ("settings", "Settings"),
    ("history", "Sync History"),
)


@dataclass(frozen=True, slots=True)
class EntityLink:
    """An entity of a connection."""

    name: str
    title: str
    totals: EntityTotals


@dataclass(frozen=True, slots=True)
class ConnectionLinks:
    """A connection and its entities: those with records, and the others."""

    connection: connect.Connection
    entities: Sequence[EntityLink]
    empty: Sequence[EntityLink]

    @property
    def totals(self) -> EntityTotals:
        """Of all entities together."""
        return sum((one.totals for one in self.entities), EntityTotals())


def links(runtime: ApiRuntime, caller: Caller) -> list[ConnectionLinks]:
    """The connections that this caller may see."""
    totals = preview.entity_totals(runtime.db, caller.org)
    found = []
    for one in visible_connections(runtime.db, caller):
        every = [
            EntityLink(stream.name, stream.title, totals.get((one.connection_id, stream.entity_type), EntityTotals()))
            for stream in one.source.streams.values()
        ]
        used = [link for link in every if link.totals != EntityTotals()]
        found.append(ConnectionLinks(one, used, [link for link in every if link not in used]))
    return found
