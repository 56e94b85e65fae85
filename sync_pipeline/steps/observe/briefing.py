"""What an organization's entities look like at a glance: from sums that are kept, so that no entity is counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.connect import Connection, Organization, connections
from sync_pipeline.steps.observe.status import SQL as STATUS
from sync_pipeline.steps.observe.waiting import MOST_COUNTED
from sync_pipeline.steps.observe.waiting import SQL as WAITING
from sync_pipeline.steps.preview import entity_totals

_SQL = load("sync_pipeline.steps.observe", "briefing.sql")


@dataclass(frozen=True, slots=True)
class EntityBriefing:
    """An entity of which something is known.

    `captured`: the records that the last comparison found, or all that are captured if there was none. `included`: at
    most `MOST_COUNTED`. `closed`: the ledger of its last run is.
    """

    entity: str
    captured: int
    new: int
    updated: int
    deleted: int
    included: int
    quarantined: int
    closed: bool
    last_run: datetime | None


@dataclass(frozen=True, slots=True)
class ConnectionBriefing:
    """A connection and its entities, in the order they depend on each other."""

    name: str
    provider: str
    entities: Sequence[EntityBriefing]


def briefing(db: Database, org: Organization) -> Sequence[ConnectionBriefing]:
    """Every connection with the entities that were pulled, have records, or have some in quarantine."""
    totals = entity_totals(db, org)
    facts: defaultdict[tuple[int, str], dict[str, Any]] = defaultdict(dict)
    with db.org(org.org_id) as conn:
        for row in execute(conn, WAITING["differences_up_to"], undecided=False, at_most=MOST_COUNTED):
            facts[row.connection_id, row.entity_type]["included"] = row.records
        for row in execute(conn, STATUS["in_quarantine"]):
            facts[row.connection_id, row.entity_type]["quarantined"] = row.quarantined
        for row in execute(conn, STATUS["last_runs"], pulls_only=False, after=0):
            facts[row.connection_id, row.entity_type]["run"] = row
        for row in execute(conn, _SQL["captured_and_never_compared"]):
            facts[row.connection_id, row.entity_type]["captured"] = row.records
    for place, total in totals.items():
        facts[place].setdefault("captured", total.in_sync + total.new + total.updated)
        facts[place]["total"] = total
    return [_connection(one, facts) for one in connections(db, org)]


def _connection(one: Connection, facts: defaultdict[tuple[int, str], dict[str, Any]]) -> ConnectionBriefing:
    streams = one.source.streams.values()
    found = [(s.name, facts[one.connection_id, s.entity_type]) for s in streams]
    return ConnectionBriefing(one.name, one.provider, [_entity(name, known) for name, known in found if known])


def _entity(name: str, known: dict[str, Any]) -> EntityBriefing:
    total, run = known.get("total"), known.get("run")
    return EntityBriefing(
        entity=name,
        captured=known.get("captured", 0),
        new=total.new if total else 0,
        updated=total.updated if total else 0,
        deleted=total.deleted if total else 0,
        included=known.get("included", 0),
        quarantined=known.get("quarantined", 0),
        closed=run is not None and run.state == "closed",
        last_run=(run.finished_at or run.started_at) if run is not None else None,
    )
