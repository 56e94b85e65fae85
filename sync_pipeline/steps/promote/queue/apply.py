"""Apply a plan: its queue from start to end, with one report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import StalePlan
from sync_pipeline.steps.approve import pause_policies
from sync_pipeline.steps.connect.party import Actor, party
from sync_pipeline.steps.promote.queue.queue import SQL, QueueStatus, start, status
from sync_pipeline.steps.promote.queue.worker import work


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """What applying a plan did. `errors` lists up to 100 of {connection, entity, external_id, reason}.

    `stale` is empty: a stale plan changes nothing and raises StalePlan, which holds the list.
    """

    plan: str
    queue: str
    state: str
    done: int
    failed: int
    seconds: float
    stale: Sequence[dict[str, str]] = ()
    errors: Sequence[dict[str, str]] = field(default_factory=list)


def apply(
    db: Database,
    org_id: int,
    plan_id: str | UUID,
    *,
    actor: Actor,
    progress: Callable[[QueueStatus], None] | None = None,
) -> ApplyReport:
    """Spend the plan's approval, or approve it if they may, and promote exactly its records. Applying it again changes
    nothing.

    If the process is killed, calling it again continues where it stopped.

    Raises:
        NotFound: no such plan.
        Conflict: the plan was refused or undone.
        StalePlan: records changed since the plan was made; nothing was changed. A queue made from it before is
            closed, and the sensor plans its own plan again without them.
        NotApproved: a person must approve it first.
    """
    began, name = time.monotonic(), party(actor).name
    try:
        queue = start(db, org_id, plan_id, actor=actor)
    except StalePlan as stale:
        _settle_stale(db, org_id, str(plan_id), str(stale), actor=name)
        raise
    before = status(db, org_id, queue)
    idle = not before.open and before.started_at is not None
    after = before if idle else work(db, org_id, queue, progress=progress)
    with db.org(org_id) as conn:
        execute(conn, SQL["plan_applied"], plan=str(plan_id))
        execute(conn, SQL["accept_shapes"], plan=str(plan_id))
        pause_policies(conn)
        failures = execute(conn, SQL["failures"], queue=queue).all()
        if after is not before:
            journal.record(
                conn,
                "promote.applied",
                actor=name,
                plan=str(plan_id),
                queue=queue,
                state=after.state,
                done=after.done,
                failed=after.failed,
            )
    return ApplyReport(
        plan=str(plan_id),
        queue=queue,
        state=after.state,
        done=after.done,
        failed=after.failed,
        seconds=round(time.monotonic() - began, 3),
        errors=[
            {
                "connection": one.connection or "",
                "entity": one.entity_type,
                "external_id": one.external_id,
                "reason": one.reason or "",
            }
            for one in failures
        ],
    )


def _settle_stale(db: Database, org_id: int, plan: str, why: str, *, actor: str) -> None:
    """Close the queue of a plan that became stale after it was queued, so that everyone who follows it sees its end."""
    with db.org(org_id) as conn:
        lines = execute(conn, SQL["close_stale"], plan=plan, reason=why).rowcount
        replan = execute(conn, SQL["give_up_plan"], plan=plan).rowcount
        if replan:
            execute(conn, SQL["accept_shapes"], plan=plan)
            execute(conn, SQL["release_selection"], plan=plan)
        if lines or replan:
            journal.record(conn, "plan.stale", actor=actor, plan=plan, lines=lines, planned_again=bool(replan))
