"""The plans of an organization: a list, which one waits, whose each is, and what happened to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream, source
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.connect.party import Actor, Party, party
from sync_pipeline.steps.select.plans import Plan, PlanState, plan, plan_of_row
from sync_pipeline.steps.select.remarks import HeldBack, MissingParts, held_back, missing_parts

SQL = load(__package__, "reading.sql")
_REASONS = 3
_ONE = ("record that agents proposed is", "It is", "it")
_MANY = ("records that agents proposed are", "They are", "them")
_LOG_LINES = 20_000
_COLUMNS = len(fields(Plan))
PlanStage = Literal["proposed", "approved", "applying", "applied", "closed", "refused", "undone"]
"""What a list shows of a plan: its state, or how its queue ended. “closed”: nothing of it was done."""
Entities = Sequence[tuple[int, str]] | None
"""Connection id and entity type of each; None: all there are."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan in a list, with its queue: `failed` and `open` lines; `closed`: why it ended with nothing done."""

    plan: Plan
    queue_state: str | None
    done: int
    failed: int
    open: int
    closed: str | None = None


@dataclass(frozen=True, slots=True)
class Proposer:
    """Who included records of a plan, or as an agent proposed them; how many, and why in up to three of their words."""

    name: str
    agent: Annotated[
        bool, Field(description="An agent: it proposed them. A person, a program or a rule included them.")
    ]
    client: Annotated[str | None, Field(description="What the agent's program calls itself.")]
    records: int
    reasons: Annotated[list[str], Field(description="Why, in their words: up to three.")]


@dataclass(frozen=True, slots=True)
class ReadPlan(Plan):
    """A plan, who included or proposed its records, which are not promoted as things are, and what they lack."""

    proposers: Annotated[Sequence[Proposer], Field(description="Who included or proposed its records.")] = ()
    held_back: Annotated[
        Sequence[HeldBack], Field(description="Decisions that keep records of it out of core. Deletions are not held.")
    ] = ()
    missing_parts: Annotated[
        Sequence[MissingParts],
        Field(
            description="Parts of its records, as order lines are of orders, that differ from core and are not in it."
        ),
    ] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many records of an entity agents proposed that are in no plan that waits."""

    connection: str
    stream: Stream
    records: int


@dataclass(frozen=True, slots=True)
class WhereIncluded:
    """Where the included records of some entities may be that a new plan does not hold, beside core.

    `any`: whether there are any. `plan`: the newest that waits. `queue`: the newest that is not done, of `queued_plan`.
    `selected`: a selection waits for the sensor to plan it.
    """

    any: bool
    plan: Plan | None
    queue: UUID | None
    queued_plan: UUID | None
    selected: bool


@dataclass(frozen=True, slots=True)
class PlanEvent:
    """Something that happened to a plan."""

    at: datetime
    event: str
    actor: str
    detail: Mapping[str, Any]


def browse_plans(
    db: Database,
    org: Organization,
    *,
    state: PlanState | None = None,
    stage: PlanStage | None = None,
    failed: bool = False,
    after: UUID | None = None,
    size: int = 50,
) -> tuple[Sequence[PlanRow], bool]:
    """Plans, newest first, from the one made before the plan `after` on; and whether there are more."""
    wanted = {"state": state, "stage": stage, "failed": failed, "after": after, "limit": size + 1}
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["browse_plans"], **wanted).all()
    found = [
        PlanRow(plan_of_row(row[:_COLUMNS]), row.queue_state, row.done or 0, row.failed or 0, row.open or 0, row.closed)
        for row in rows[:size]
    ]
    return found, len(rows) > size


def plan_states(db: Database, org: Organization) -> Mapping[str, int]:
    """How many plans there are of each state; `failed`: those of any state with lines that failed."""
    return _counted(db, org, "state")


def plan_stages(db: Database, org: Organization) -> Mapping[str, int]:
    """The same, of each stage."""
    return _counted(db, org, "stage")


def _counted(db: Database, org: Organization, by: Literal["state", "stage"]) -> Mapping[str, int]:
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["plan_states"]).all()
    found: Counter[str] = Counter()
    for row in rows:
        found[getattr(row, by)] += row.plans
    return {**found, "failed": sum(row.failed for row in rows)}


def proposers(db: Database, org: Organization, plan_id: UUID) -> Sequence[Proposer]:
    """Who included or proposed its records, each with how many; nobody did where a plan maps or repairs again."""
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["plan_proposers"], plan_id=plan_id, reasons=_REASONS).all()
    return [Proposer(**row._mapping) for row in rows]


def read_plan(db: Database, org: Organization, plan_id: UUID | str) -> ReadPlan:
    """A stored plan, whose its records are, what holds them back and what they lack.

    Raises:
        NotFound: no such plan in this organization.
    """
    found = plan(db, org, plan_id)
    columns = {one.name: getattr(found, one.name) for one in fields(Plan)}
    return ReadPlan(
        **columns,
        proposers=proposers(db, org, found.plan_id),
        held_back=held_back(db, org, found),
        missing_parts=missing_parts(db, org, found),
    )


def left_out(db: Database, org: Organization, entities: Entities = None) -> Sequence[LeftOut]:
    """What agents proposed and no plan that waits holds, by entity: plans of people leave it out (see `make_plan`)."""
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["left_out"], **_columns(entities)).all()
    return [LeftOut(row.connection, source(row.provider).stream(row.entity_type), row.records) for row in rows]


def say_left_out(found: Sequence[LeftOut]) -> str | None:
    """That in a sentence, and what to do; None if nothing is left out."""
    number = sum(one.records for one in found)
    if not number:
        return None
    places = ", ".join(f"{one.connection} {one.stream.name} {one.records:,}" for one in found)
    what, it_is, it = _ONE if number == 1 else _MANY
    then = f"{it_is} promoted by the agent's own plan, or once a person includes {it}."
    return f"{number:,} {what} left out: {places}. {then}"


def where_included(db: Database, org: Organization, entities: Entities = None) -> WhereIncluded:
    """Where the included records of these entities are that wait for no new plan; of any, if none are named."""
    with db.org(org.org_id) as conn:
        row = execute(conn, SQL["where_included"], **_columns(entities)).one()
    waits = plan_that_waits(db, org, entities)
    return WhereIncluded(row.included, waits, row.queue_id, row.plan_id, row.selected)


def nothing_to_plan(db: Database, org: Organization, *, actor: Actor, entities: Entities = None) -> str:
    """Why a new plan of theirs would be empty, as every door says it; and what agents proposed that it leaves out."""
    if party(actor).is_agent:
        return "There is nothing to plan: you have no drafts that differ from core."
    found = where_included(db, org, entities)
    where = ["in core"]
    if found.plan is not None:
        where.append(f"in a plan that waits: {found.plan.plan_id}")
    if found.queue is not None:
        where.append(f"in a queue that is not done: {found.queue}")
    if found.selected:
        where.append("in a selection that the sensor plans")
    told = f"everything that is included is {', or '.join(where)}" if found.any else "nothing is included"
    return " ".join(filter(None, (f"Nothing to plan: {told}.", say_left_out(left_out(db, org, entities)))))


def plan_events(db: Database, org: Organization, found: Plan) -> Sequence[PlanEvent]:
    """What happened to a plan, oldest first."""
    queue = str(found.queue) if found.queue else None
    with db.org(org.org_id) as conn:
        rows = execute(
            conn,
            SQL["plan_events"],
            plan_id=str(found.plan_id),
            queue=queue,
            since=found.created_at,
            lines=_LOG_LINES,
        ).all()
    return [PlanEvent(**row._mapping) for row in rows]


def plan_that_waits(db: Database, org: Organization, entities: Entities = None) -> Plan | None:
    """The newest plan that waits and has no queue, with records of one of these entities; of any, if none are named."""
    with db.org(org.org_id) as conn:
        found: UUID | None = execute(conn, SQL["plan_that_waits"], **_columns(entities)).scalar_one_or_none()
    return plan(db, org, found) if found is not None else None


def _columns(entities: Entities) -> dict[str, list[int] | list[str] | None]:
    if entities is None:
        return {"connections": None, "types": None}
    return {"connections": [one[0] for one in entities], "types": [one[1] for one in entities]}


def own_plans(db: Database, org: Organization, plan_ids: Sequence[UUID], *, actor: Party) -> frozenset[UUID]:
    """Those of these plans that this agent made, with the same token."""
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["own_plans"], plans=[str(one) for one in plan_ids], token_id=actor.token_id)
        return frozenset(rows.scalars())
