"""A plan: the stored list of what will happen to which record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import Connection as Transaction

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import Conflict, NotFound
from sync_pipeline.sources.base import Stream
from sync_pipeline.sources.fingerprint import fingerprint
from sync_pipeline.steps.connect import Connection, Organization, connections
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.select.service import SQL

PlanState = Literal["proposed", "approved", "applied", "refused", "undone"]
_NOTHING = UUID(int=0)  # marks selections that left nothing to plan


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan: its counts, and the hash that an approval is bound to. The hash covers every item."""

    plan_id: UUID
    hash: str
    creates: int
    updates: int
    deletes: int
    state: PlanState
    origin: str
    created_by: str
    created_at: datetime | None
    approved_by: str | None
    approved_at: datetime | None
    applied_at: datetime | None
    queue: UUID | None


@dataclass(frozen=True, slots=True)
class PlanItem:
    """What a plan does to one record."""

    connection: str
    entity_type: str
    external_id: str
    action: Literal["create", "update", "delete"]
    version: Annotated[str, Field(description="SHA-256 of the content that is promoted.")]


def make_plan(
    db: Database,
    org: Organization,
    *,
    actor: str,
    origin: str = "command",
    batches_up_to: int | None = None,
    batches: Sequence[int] | None = None,
    entities: Sequence[tuple[int, str]] | None = None,
) -> Plan | None:
    """Plan everything that is included in its captured version and not yet in core; None if there is nothing to plan.

    A person's plan includes drafts and waits for approval. The sensor's plan (`origin` “selection”) leaves drafts out,
    takes selections up to `batches_up_to`, and is approved at once. `batches` (selections) and `entities` (connection
    id and entity type) narrow a plan.
    """
    everything = origin != "selection"
    only = {
        "batches": list(batches) if batches is not None else None,
        "connections": [connection_id for connection_id, _ in entities] if entities is not None else None,
        "types": [entity_type for _, entity_type in entities] if entities is not None else None,
    }
    with db.org(org.org_id) as conn:
        up_to = batches_up_to if batches_up_to is not None else execute(conn, SQL["newest_batch"]).scalar_one()
        plan_id = execute(conn, SQL["open_plan"], origin=origin, actor=actor).scalar_one()
        items = execute(conn, SQL["fill_plan"], plan_id=plan_id, all=everything, up_to=up_to, **only).rowcount
        if not items:
            execute(conn, SQL["drop_plan"], plan_id=plan_id)
            execute(conn, SQL["planned_batches"], plan_id=_NOTHING, all=everything, up_to=up_to, **only)
            return None
        _seal(conn, plan_id, origin=origin, actor=actor, approved_by=None if everything else actor)
        if everything:
            execute(conn, SQL["commit_drafts"], plan_id=plan_id)
        execute(conn, SQL["planned_batches"], plan_id=plan_id, all=everything, up_to=up_to, **only)
    return plan(db, org, plan_id)


def make_remap_plan(
    db: Database, org: Organization, chosen: Iterable[tuple[Connection, Stream]] | None = None, *, actor: str
) -> Plan | None:
    """Plan again what an older mapper has mapped, whatever is selected; None if there is nothing to renew.

    `chosen` narrows it to some entities. Only records in core whose captured version is the promoted one: a record that
    changed is planned by `make_plan`, and is mapped by the current mapper then. Ignored records are left out.
    """
    if chosen is None:
        chosen = ((one, stream) for one in connections(db, org) for stream in one.source.streams.values())
    with db.org(org.org_id) as conn:
        plan_id = execute(conn, SQL["open_plan"], origin="remap", actor=actor).scalar_one()
        items = 0
        for one, stream in chosen:
            if stream.to_entity is not None:
                mapper = fingerprint(stream.to_entity)
                items += execute(
                    conn, SQL["fill_remap_plan"], plan_id=plan_id, mapper=mapper, **keys(one, stream)
                ).rowcount
        if not items:
            execute(conn, SQL["drop_plan"], plan_id=plan_id)
            return None
        _seal(conn, plan_id, origin="remap", actor=actor)
    return plan(db, org, plan_id)


def _seal(conn: Transaction, plan_id: UUID, *, origin: str, actor: str, approved_by: str | None = None) -> None:
    sealed = execute(conn, SQL["seal_plan"], plan_id=plan_id, approved_by=approved_by).one()
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


def plan(db: Database, org: Organization, plan_id: UUID | str) -> Plan:
    """A stored plan.

    Raises:
        NotFound: no such plan in this organization.
    """
    wanted = _as_id(plan_id)
    with db.org(org.org_id) as conn:
        row = execute(conn, SQL["find_plan"], plan_id=wanted).one_or_none()
    if row is None:
        raise NotFound(f"{org.slug} has no plan {wanted}. Make one with `sync-pipeline plan {org.slug}`.")
    return _read(row)


def plans(
    db: Database, org: Organization, *, state: str | None = None, page: int = 1, page_size: int = 50
) -> tuple[Sequence[Plan], int]:
    """A page of the organization's plans, newest first, and how many there are."""
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["list_plans"], state=state, limit=page_size, offset=(page - 1) * page_size).all()
        count = int(execute(conn, SQL["count_plans"], state=state).scalar_one())
    return [_read(row) for row in rows], count


def plan_items(
    db: Database, org: Organization, plan_id: UUID | str, *, page: int = 1, page_size: int = 50
) -> tuple[Sequence[PlanItem], int]:
    """A page of what a plan will do, record by record, and how many there are.

    Raises:
        NotFound: no such plan.
    """
    found = plan(db, org, plan_id)
    with db.org(org.org_id) as conn:
        rows = execute(
            conn, SQL["plan_items"], plan_id=found.plan_id, limit=page_size, offset=(page - 1) * page_size
        ).all()
    return [PlanItem(**row._mapping) for row in rows], found.creates + found.updates + found.deletes


def approve(db: Database, org: Organization, plan_id: UUID | str, *, plan_hash: str, actor: str) -> Plan:
    """Approve the plan, which must have this hash. Approving it again changes nothing.

    Raises:
        NotFound: no such plan.
        Conflict: the plan has another hash, or does not wait for approval.
    """
    return _settle(db, org, plan_id, "approved", actor=actor, plan_hash=plan_hash)


def refuse(db: Database, org: Organization, plan_id: UUID | str, *, actor: str, why: str | None = None) -> Plan:
    """Refuse the plan: it is never applied.

    Raises:
        NotFound: no such plan.
        Conflict: it was already applied.
    """
    return _settle(db, org, plan_id, "refused", actor=actor, why=why)


def _settle(
    db: Database,
    org: Organization,
    plan_id: UUID | str,
    state: str,
    *,
    actor: str,
    plan_hash: str | None = None,
    why: str | None = None,
) -> Plan:
    found = plan(db, org, plan_id)
    if plan_hash is not None and plan_hash != found.hash:
        raise Conflict("The plan has a different hash. Read the plan again before you approve it.")
    with db.org(org.org_id) as conn:
        now = execute(conn, SQL["settle_plan"], plan_id=found.plan_id, state=state, actor=actor).one()
        if now.settled:
            journal.record(conn, f"plan.{state}", actor=actor, plan=str(found.plan_id), why=why)
        elif now.state != state:
            raise Conflict(f"The plan is already {now.state}.")
    return plan(db, org, found.plan_id)


def _read(row: Any) -> Plan:
    return Plan(*row)


def _as_id(plan_id: UUID | str) -> UUID:
    try:
        return plan_id if isinstance(plan_id, UUID) else UUID(plan_id)
    except ValueError:
        raise NotFound(
            f"“{plan_id}” is not a plan id. `sync-pipeline plan` prints the id of the plan it makes."
        ) from None
