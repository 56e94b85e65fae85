"""What every page shows beside its own content: the organization, its connections, and where something differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync_pipeline.api.lists import visible_connections
from sync_pipeline.api.runtime import ApiRuntime
from sync_pipeline.sources.base import Source, Stream
from sync_pipeline.steps import connect, observe, preview
from sync_pipeline.steps.connect.tokens import Caller
from sync_pipeline.steps.preview import EntityTotals

# Pages of an organization and of a connection: address, words, sign.
ORG_PAGES: tuple[tuple[str, str, str], ...] = (
    ("plans", "Plans", "plan"),
    ("decisions", "Decisions", "decide"),
    ("policies", "Policies", "check"),
    ("validation", "Validation", "validate"),
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


MAIN = ("products", "orders", "customers")


def by_weight(source: Source) -> list[Stream]:
    """The entities as people look for them: what a store is about first, then by what each needs."""
    return sorted(
        source.streams.values(), key=lambda stream: MAIN.index(stream.name) if stream.name in MAIN else len(MAIN)
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


class Links(list[ConnectionLinks]):
    """The connections that somebody may see, and how much waits on the organization's pages, by their address."""

    def __init__(self, found: Iterable[ConnectionLinks], waiting: Mapping[str, int]) -> None:
        super().__init__(found)
        self.waiting = waiting


def links(runtime: ApiRuntime, caller: Caller) -> Links:
    """The connections that this caller may see."""
    totals = preview.entity_totals(runtime.db, caller.org)
    found = []
    for one in visible_connections(runtime.db, caller):
        every = [
            EntityLink(stream.name, stream.title, totals.get((one.connection_id, stream.entity_type), EntityTotals()))
            for stream in by_weight(one.source)
        ]
        used = [link for link in every if link.totals != EntityTotals()]
        found.append(ConnectionLinks(one, used, [link for link in every if link not in used]))
    waiting = {"decisions": observe.open_decision_count(runtime.db, caller.org)} if _everywhere(caller) else {}
    return Links(found, waiting)


def _everywhere(caller: Caller) -> bool:
    return caller.connection_id is None
