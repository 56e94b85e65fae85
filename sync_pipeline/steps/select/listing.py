"""The plans of an organization: a list, which one waits, and what happened to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.select.plans import Plan, plan, plan_of_row

SQL = load(__package__, "reading.sql")
_REASONS = 3
_LOG_LINES = 20_000
_COLUMNS = len(fields(Plan))


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan in a list, with its queue: `failed` and `open` lines."""

    plan: Plan
    queue_state: str | None
    done: int
    failed: int
    open: int


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
    state: str | None = None,
    failed: bool = False,
    after: UUID | None = None,
    size: int = 50,
) -> tuple[Sequence[PlanRow], bool]:
    """Plans, newest first, from the one made before the plan `after` on; and whether there are more."""
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["browse_plans"], state=state, failed=failed, after=after, limit=size + 1).all()
    found = [
        PlanRow(plan_of_row(row[:_COLUMNS]), row.queue_state, row.done or 0, row.failed or 0, row.open or 0)
        for row in rows[:size]
    ]
    return found, len(rows) > size


def plan_states(db: Database, org: Organization) -> Mapping[str, int]:
    """How many plans there are of each state; `failed`: those of any state with lines that failed."""
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["plan_states"]).all()
    return {**{row.state: row.plans for row in rows}, "failed": sum(row.failed for row in rows)}


def plan_reasons(db: Database, org: Organization, plan_id: UUID) -> Sequence[str]:
    """Why its records were included, in people's words; the first few."""
    with db.org(org.org_id) as conn:
        return list(execute(conn, SQL["plan_reasons"], plan_id=plan_id, limit=_REASONS).scalars())


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


def plan_that_waits(db: Database, org: Organization, connection_id: int | None, entity_type: str | None) -> Plan | None:
    """The newest plan that is not done and has records of the entity; of any, if none is named."""
    with db.org(org.org_id) as conn:
        found: UUID | None = execute(
            conn, SQL["plan_that_waits"], connection_id=connection_id, entity_type=entity_type
        ).scalar_one_or_none()
    return plan(db, org, found) if found is not None else None


def own_plans(db: Database, org: Organization, plan_ids: Sequence[UUID], *, actor: Party) -> frozenset[UUID]:
    """Those of these plans that this agent made, with the same token."""
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["own_plans"], plans=[str(one) for one in plan_ids], token_id=actor.token_id)
        return frozenset(rows.scalars())
