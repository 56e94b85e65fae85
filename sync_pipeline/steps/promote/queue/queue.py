"""Queues: plans being promoted. Their counts and states are kept by the database (see sql/schema/50_promote.sql)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import Connection

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.identify import What, identify, not_found, whole_id
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.core import stage_of
from sync_pipeline.errors import Conflict
from sync_pipeline.sources.base import Stream, source
from sync_pipeline.steps.approve import spend_on_plan
from sync_pipeline.steps.approve.staleness import Staleness, plan_types, refuse_stale, seen_stale
from sync_pipeline.steps.connect.party import Actor, party

SQL = load("sync_pipeline.steps.promote.queue", "queue.sql")
QueueState = Literal["draft", "processing", "partial", "done", "failed", "cancelled"]
LineState = Literal["draft", "processing", "done", "failed", "cancelled"]
_STATES_AT_WORK = ("draft", "processing")


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The progress of a queue. The database keeps the counts, whichever process works on it."""

    queue_id: UUID
    plan_id: UUID
    state: QueueState
    total: int
    done: int
    failed: int
    cancelled: int
    open: Annotated[int, Field(description="Lines that are neither done, failed nor cancelled.")]
    action_required: Annotated[int, Field(description="Failed lines that a person must look at.")]
    percent: Annotated[float, Field(description="Share of lines that are done, failed or cancelled.")]
    items_per_minute: float
    eta_seconds: Annotated[float | None, Field(description="None while it is unknown.")]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """One record of a queue, as people see it."""

    line_no: int
    connection: str
    entity_type: str
    external_id: str
    action: Literal["create", "update", "delete"]
    state: LineState
    attempts: int
    is_action_required: bool
    reason: str | None
    warnings: list[str]
    finished_at: datetime | None


def start(db: Database, org_id: int, plan_id: str | UUID, *, actor: Actor) -> str:
    """Spend the plan's approval, or approve it if they may, and make its queue; returns the queue's id.

    Started twice it is the same queue.

    Raises:
        NotFound: no such plan.
        Conflict: the plan was refused or undone.
        StalePlan: records changed since the plan was made; nothing was changed.
        NotApproved: a person must approve it first.
    """
    with db.org(org_id) as conn:
        return make_queue(conn, str(plan_id), actor)


def make_queue(conn: Connection, plan: str, actor: Actor) -> str:
    """`start`, in the caller's transaction."""
    found = execute(conn, SQL["plan"], plan=as_uuid(plan, "plan")).one_or_none()
    if found is None:
        raise not_found(plan, "plan")
    if found.state in ("refused", "undone"):
        raise Conflict(f"Plan {plan} was {found.state}; make a new plan.")
    queue: UUID | None = execute(conn, SQL["queue_of_plan"], plan=plan).scalar_one_or_none()
    if queue is None or queue_status(conn, queue).state in _STATES_AT_WORK:
        refuse_stale(conn, plan)
    if queue is not None:
        return str(queue)
    by, spent = party(actor), spend_on_plan(conn, plan, actor)
    types = plan_types(conn, plan)
    connections = [one.connection_id for one in types]
    queue = execute(conn, SQL["make_queue"], plan=plan, actor=by.name, connections=connections).scalar_one()
    execute(
        conn,
        SQL["make_lines"],
        plan=plan,
        queue=queue,
        connections=connections,
        types=[one.entity_type for one in types],
        stages=[stage_of(stream_of(one.provider, one.entity_type).entity) for one in types],
    )
    journal.record(conn, "promote.queued", actor=by.name, **by.trace, plan=plan, queue=str(queue), **spent)
    return str(queue)


def stream_of(provider: str, entity_type: str) -> Stream:
    """The declaration of an entity type of a provider."""
    return source(provider).stream(entity_type)


def status(db: Database, org_id: int, queue_id: str | UUID, *, connection_id: int | None = None) -> QueueStatus:
    """How far the queue is. With `connection_id` only a queue whose plan has no other connection's records is known.

    Raises:
        NotFound: no such queue.
    """
    with db.org(org_id) as conn:
        found = queue_status(conn, queue_id)
        if connection_id is not None:
            of = execute(conn, SQL["plan_connections"], plan_id=found.plan_id).one()
            if not of.least == of.greatest == connection_id:
                raise not_found(queue_id, "queue")
        return found


def statuses(db: Database, org_id: int, queue_ids: Sequence[str | UUID]) -> Sequence[QueueStatus]:
    """The progress of these queues, in one statement; unknown ids are left out."""
    with db.org(org_id) as conn:
        return [_queue_status(row) for row in execute(conn, SQL["queues"], queues=[as_uuid(one) for one in queue_ids])]


def queues(
    db: Database, org_id: int, *, state: QueueState | None = None, page: int = 1, page_size: int = 50
) -> tuple[Sequence[QueueStatus], int]:
    """A page of the organization's queues, newest first, and how many there are."""
    with db.org(org_id) as conn:
        rows = execute(conn, SQL["list_queues"], state=state, limit=page_size, offset=(page - 1) * page_size).all()
        count = int(execute(conn, SQL["count_queues"], state=state).scalar_one())
    return [_queue_status(row) for row in rows], count


def lines(
    db: Database,
    org_id: int,
    queue_id: str | UUID,
    *,
    state: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> Sequence[Line]:
    """Lines after number `after`, in order, with reasons and warnings."""
    with db.org(org_id) as conn:
        found = execute(conn, SQL["lines"], queue=as_uuid(queue_id), state=state, after=after, limit=limit)
        return [Line(**row._mapping) for row in found]


def retry(db: Database, org_id: int, queue_id: str | UUID, *, actor: str) -> QueueStatus:
    """Open the failed lines again. Run `work` (or apply the plan) to process them.

    Raises:
        Conflict: the queue was undone.
    """
    with db.org(org_id) as conn:
        return unforce_and_retry(conn, queue_id, actor=actor)[1]


def unforce_and_retry(conn: Connection, queue_id: str | UUID, *, actor: str) -> tuple[int, QueueStatus]:
    """`retry`, in the caller's transaction; also returns how many lines were opened."""
    _not_undone(conn, queue_id)
    execute(conn, SQL["unforce"], queue=queue_id)
    count = execute(conn, SQL["retry"], queue=queue_id).rowcount
    journal.record(conn, "promote.retried", actor=actor, queue=str(queue_id), lines=count)
    return count, queue_status(conn, queue_id)


def cancel(db: Database, org_id: int, queue_id: str | UUID, *, actor: str) -> QueueStatus:
    """Close what is not done. A batch being written finishes or is left out whole."""
    with db.org(org_id) as conn:
        _not_undone(conn, queue_id)
        count = execute(conn, SQL["cancel"], queue=queue_id, reason=f"Cancelled by {actor}.").rowcount
        journal.record(conn, "promote.cancelled", actor=actor, queue=str(queue_id), lines=count)
        return queue_status(conn, queue_id)


def force_done(db: Database, org_id: int, queue_id: str | UUID, *, actor: str) -> QueueStatus:
    """Close the queue as done, whatever its lines say; open ones are cancelled, failed ones keep their reason."""
    with db.org(org_id) as conn:
        _not_undone(conn, queue_id)
        count = execute(conn, SQL["cancel"], queue=queue_id, reason=f"Closed as done by {actor}.").rowcount
        execute(conn, SQL["force"], queue=queue_id)
        journal.record(conn, "promote.forced", actor=actor, queue=str(queue_id), lines=count)
        return queue_status(conn, queue_id)


def _not_undone(conn: Connection, queue_id: str | UUID) -> None:
    if queue_status(conn, queue_id).undone_at is not None:
        raise Conflict("The promotion was undone; make a new plan.")


def queue_status(conn: Connection, queue_id: str | UUID) -> QueueStatus:
    """`status`, in the caller's transaction. A text may be the beginning of its id, if no other queue's begins so."""
    found = identify(queue_id, "queue", lambda a, z: execute(conn, SQL["queues_from_to"], a=a, z=z).scalars().all())
    row = execute(conn, SQL["queue"], queue=found).one_or_none()
    if row is None:
        raise not_found(queue_id, "queue")
    return _queue_status(row)


def _queue_status(row: Any) -> QueueStatus:
    closed = row.done + row.failed + row.cancelled
    rate = (row.done + row.failed) / row.seconds if row.seconds else 0.0
    remaining = row.waiting + row.processing
    return QueueStatus(
        queue_id=row.queue_id,
        plan_id=row.plan_id,
        state=row.state,
        total=row.total,
        done=row.done,
        failed=row.failed,
        cancelled=row.cancelled,
        open=remaining,
        action_required=row.action_required,
        percent=round(100 * closed / row.total, 1) if row.total else 100.0,
        items_per_minute=round(rate * 60, 1),
        eta_seconds=0.0 if not remaining else round(remaining / rate, 1) if rate else None,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        undone_at=row.undone_at,
    )


def stale(db: Database, org_id: int, plan_id: str | UUID) -> Staleness:
    """What changed since a plan was made, of what it has still to promote, for people to read.

    Who applies it looks at every record (see `make_queue`); this looks at those that may have moved.
    """
    with db.org(org_id) as conn:
        return seen_stale(conn, as_uuid(plan_id, "plan"))


def as_uuid(value: str | UUID, what: What = "queue") -> str:
    """`value` as an id.

    Raises:
        NotFound: it cannot be one.
    """
    return str(whole_id(value, what))
