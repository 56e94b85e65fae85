"""The status of an organization per connection and entity. All numbers are those of now, not taken from runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Connection as Transaction

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection, Organization, connections
from sync_pipeline.steps.preview import MappedByOlder, mapped_by_older
from sync_pipeline.steps.preview.entity import empty_state

SQL = load(__package__)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ids of the last run: `expected` = `captured` + `quarantined` + `vanished` if it is closed."""

    expected: int
    captured: int
    quarantined: int
    vanished: int
    closed: bool


_NO_RUN = Ledger(0, 0, 0, 0, closed=False)


@dataclass(frozen=True, slots=True)
class EntityStatus:
    """The status of one entity of a connection."""

    entity: str
    captured: int
    new: int
    updated: int
    deleted: int
    in_sync: int
    mapped_by_older: MappedByOlder
    included: int
    ignored: int
    undecided: int
    promoted: int
    quarantined: int
    ledger: Ledger
    watermark: datetime | None
    last_run: datetime | None
    message: Annotated[str | None, Field(description="A note for people, such as: this is an initial import.")]
    deliveries: Annotated[
        int, Field(description="Webhook deliveries that wait, also those that wait for a store that did not answer.")
    ] = 0


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """One connection and its entities, in the order they depend on each other."""

    name: str
    provider: str
    entities: tuple[EntityStatus, ...]


def status(db: Database, org: Organization, only: Connection | None = None) -> Sequence[ConnectionStatus]:
    """The status of every entity of every connection, or of `only` one, also those that were never pulled."""
    found = connections(db, org) if only is None else [only]
    with db.org(org.org_id) as conn:
        places = [(one, stream) for one in found for stream in one.source.streams.values()]
        facts = _facts(conn, places)
        promoted = [
            (one, stream) for one, stream in places if facts[one.connection_id, stream.entity_type].get("promoted")
        ]
        older = mapped_by_older(conn, promoted)
        for place, records in older.items():
            facts[place]["mapped_by_older"] = records
    return [
        ConnectionStatus(
            one.name,
            one.provider,
            tuple(
                _entity(one, stream, facts[one.connection_id, stream.entity_type])
                for stream in one.source.streams.values()
            ),
        )
        for one in found
    ]


def _facts(
    conn: Transaction, places: Sequence[tuple[Connection, Stream]]
) -> defaultdict[tuple[int, str], dict[str, Any]]:
    facts: defaultdict[tuple[int, str], dict[str, Any]] = defaultdict(dict)
    captured = execute(
        conn,
        SQL["captured"],
        connections=[one.connection_id for one, _ in places],
        types=[stream.entity_type for _, stream in places],
        providers=[one.provider for one, _ in places],
    )
    for row in captured:
        facts[row.connection_id, row.entity_type].update(row._mapping)
    for name in ("differences", "in_quarantine", "cursors", "deliveries"):
        for row in execute(conn, SQL[name]):
            facts[row.connection_id, row.entity_type].update(row._mapping)
    for row in execute(conn, SQL["last_runs"]):
        facts[row.connection_id, row.entity_type]["run"] = row
    return facts


def _entity(connection: Connection, stream: Stream, facts: Mapping[str, Any]) -> EntityStatus:
    captured, promoted = facts.get("captured", 0), facts.get("promoted", 0)
    new, updated = facts.get("new", 0), facts.get("updated", 0)
    in_sync = max(0, captured - new - updated)
    if not facts.get("previewed", False):
        # Captured and not compared yet: records that were never promoted are not in sync.
        in_sync = min(in_sync, promoted)
    last = facts.get("run")
    remote = max(captured, (last.remote_total or 0) if last is not None else 0)
    message = empty_state(connection, promoted=bool(promoted), remote=remote)
    return EntityStatus(
        entity=stream.name,
        captured=captured,
        new=new,
        updated=updated,
        deleted=facts.get("deleted", 0),
        in_sync=in_sync,
        mapped_by_older=facts.get("mapped_by_older", 0),
        included=facts.get("included", 0),
        ignored=facts.get("ignored", 0),
        undecided=facts.get("undecided", 0),
        promoted=promoted,
        quarantined=facts.get("quarantined", 0),
        ledger=(
            Ledger(last.expected, last.captured, last.quarantined, last.vanished, last.state == "closed")
            if last is not None
            else _NO_RUN
        ),
        watermark=facts.get("watermark"),
        last_run=(last.finished_at or last.started_at) if last is not None else None,
        message=message,
        deliveries=facts.get("deliveries", 0),
    )
