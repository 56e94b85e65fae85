"""What to know of a plan before it is applied: what keeps its records out of core, and what they lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline import gates
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.connect import Organization, connections
from sync_pipeline.steps.select.plans import Plan

SQL = load(__package__, "remarks.sql")
_LOOKED_AT = 20_000  # of a plan's records of an entity: a plan of a million is answered as soon


@dataclass(frozen=True, slots=True)
class HeldBack:
    """How many records of a plan a decision keeps out of core: nobody has answered it, or the answer was hold."""

    decision: int
    records: int


@dataclass(frozen=True, slots=True)
class MissingParts:
    """Records of a plan whose parts, of another `entity`, differ from core and are not in the plan: lines of orders.

    `records`: how many of the plan's records have such parts; `parts`: how many parts. Of each entity, at most
    20,000 of the plan's records are looked at.
    """

    connection: str
    entity: str
    of: str
    records: int
    parts: int


def held_back(db: Database, org: Organization, found: Plan) -> Sequence[HeldBack]:
    """The decisions that keep records of a plan out of core that is still to be applied, oldest first."""
    if not _is_to_be_applied(found):
        return []
    with db.org(org.org_id) as conn:
        held = gates.blocking(conn)
        if not held:
            return []
        rows = execute(
            conn,
            SQL["held_back"],
            plan_id=str(found.plan_id),
            connections=[connection_id for connection_id, _ in held],
            types=[entity_type for _, entity_type in held],
            decisions=[gate.decision_id for gate in held.values()],
        )
        return [HeldBack(row.decision_id, row.records) for row in rows]


def say_held_back(one: HeldBack) -> str:
    """That in a sentence."""
    they = "1 record: it is" if one.records == 1 else f"{one.records:,} records: they are"
    return f"Decision {one.decision} holds back {they} not promoted before it is settled."


def missing_parts(db: Database, org: Organization, found: Plan) -> Sequence[MissingParts]:
    """What belongs to the records of a plan that is still to be applied, and core would not have after it.

    New, changed and deleted parts; not those that somebody ignores.
    """
    if not _is_to_be_applied(found):
        return []
    kinds = [
        (one, part)
        for one in connections(db, org)
        for part in one.source.streams.values()
        if part.part_of_parent and part.refers_to is not None
    ]
    named = {(one.connection_id, part.entity_type): (one, part) for one, part in kinds}
    with db.org(org.org_id) as conn:
        rows = execute(
            conn,
            SQL["missing_parts"],
            plan_id=str(found.plan_id),
            connections=[one.connection_id for one, _ in kinds],
            types=[part.refers_to for _, part in kinds],
            providers=[one.provider for one, _ in kinds],
            parts=[part.entity_type for _, part in kinds],
            limit=_LOOKED_AT,
        ).all()
    missing = []
    for row in rows:
        one, part = named[row.connection_id, row.part]
        whole = one.source.stream(part.refers_to or "")
        missing.append(MissingParts(one.name, part.name, whole.name, row.records, row.parts))
    return missing


def say_missing_parts(one: MissingParts) -> str:
    """That in a sentence."""
    return (
        f"{one.connection}: {one.parts:,} {one.entity} of {one.records:,} of its {one.of} differ from core and are not "
        "in this plan, which leaves core without them."
    )


def _is_to_be_applied(found: Plan) -> bool:
    return found.state in ("proposed", "approved")
