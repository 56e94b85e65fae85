"""A plan: the stored answer to “what exactly will happen”."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import run
from sync_pipeline.errors import NotFound
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.select.service import SQL

_NOTHING = UUID(int=0)  # the plan of a selection that left nothing to do


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan and its counts. `hash` covers every item in it."""

    plan_id: UUID
    hash: str
    creates: int
    updates: int
    deletes: int
    state: str = "proposed"
    origin: str = "command"
    created_by: str = ""
    created_at: datetime | None = None
    approved_by: str | None = None


def make_plan(
    db: Database, org: Organization, *, actor: str, origin: str = "command", batches_up_to: int | None = None
) -> Plan | None:
    """Plan everything that is included in the version captured now and not yet in core; None if there is nothing.

    A plan of a person takes drafts too, and waits for approval. `origin` “selection” is the sensor's: only what was
    selected to be promoted, up to that act of selecting, and approved by it.
    """
    everything = origin != "selection"
    with db.org(org.org_id) as conn:
        up_to = batches_up_to if batches_up_to is not None else run(conn, SQL["newest_batch"]).scalar_one()
        plan_id = run(conn, SQL["open_plan"], origin=origin, actor=actor).scalar_one()
        items = run(conn, SQL["fill_plan"], plan_id=plan_id, all=everything, up_to=up_to).rowcount
        if not items:
            run(conn, SQL["drop_plan"], plan_id=plan_id)
            run(conn, SQL["planned_batches"], plan_id=_NOTHING, all=everything, up_to=up_to)
            return None
        sealed = run(conn, SQL["seal_plan"], plan_id=plan_id, approved_by=None if everything else actor).one()
        if everything:
            run(conn, SQL["commit_drafts"])
        run(conn, SQL["planned_batches"], plan_id=plan_id, all=everything, up_to=up_to)
        journal.record(
            conn,
            "plan.made",
            actor=actor,
            plan=str(plan_id),
            origin=origin,
            creates=sealed.creates,
            updates=sealed.updates,
            deletes=sealed.deletes,
        )
    return plan(db, org, plan_id)


def plan(db: Database, org: Organization, plan_id: UUID | str) -> Plan:
    """A stored plan.

    Raises:
        NotFound: no such plan in this organization.
    """
    try:
        wanted = plan_id if isinstance(plan_id, UUID) else UUID(plan_id)
    except ValueError:
        raise NotFound(f"“{plan_id}” is no plan id.") from None
    with db.org(org.org_id) as conn:
        row = run(conn, SQL["plan"], plan_id=wanted).one_or_none()
    if row is None:
        raise NotFound(f"{org.slug} has no plan {wanted}. Make one with `sync-pipeline plan {org.slug}`.")
    return Plan(
        row.plan_id,
        row.plan_hash,
        row.creates,
        row.updates,
        row.deletes,
        row.state,
        row.origin,
        row.created_by,
        row.created_at,
        row.approved_by,
    )
