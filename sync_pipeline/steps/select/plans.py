"""A plan: the stored list of what will happen to which record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection as Transaction

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import Conflict, NotFound
from sync_pipeline.sources.base import Stream
from sync_pipeline.sources.fingerprint import fingerprint
from sync_pipeline.steps.connect import Connection, Organization, connections
from sync_pipeline.steps.preview import catch_up
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.select.service import NO_PLAN, SQL

PlanState = Literal["proposed", "approved", "applied", "refused", "undone"]


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

    @property
    def items(self) -> int:
        """How many records it has."""
        return self.creates + self.updates + self.deletes


def make_plan(  # noqa: PLR0913 - what narrows it
    db: Database,
    org: Organization,
    *,
    actor: str,
    origin: str = "command",
    entities: Sequence[tuple[int, str]] | None = None,
    records: Sequence[tuple[int, str, str]] | None = None,
    waiting: bool = True,
    reuse: bool = False,
) -> Plan | None:
    """Plan what is included in its captured version and not yet in core; None if there is nothing to plan.

    A person's plan includes drafts, but for those that another person's plan proposes, and waits for approval. The
    sensor's plan (`origin` “selection”) takes the selections that wait for it and is approved at once. `entities`
    (connection id and entity type) or `records` (and external id) narrow a plan. With `waiting` false the selections
    that wait for the sensor are left to it: one who may not approve cannot hold them up. With `reuse` a plan that waits
    and holds the very same items is taken instead of a new one.
    """
    by_sensor = origin == "selection"
    _catch_up(db, org)
    only = records if records is not None else entities
    try:
        with db.org(org.org_id) as conn:
            plan_id = execute(conn, SQL["open_plan"], origin=origin, actor=actor).scalar_one()
            items = execute(
                conn,
                SQL["fill_plan"],
                plan_id=plan_id,
                actor=actor,
                drafts=not by_sensor,
                waiting=waiting,
                connections=[one[0] for one in only] if only is not None else None,
                types=[one[1] for one in only] if only is not None else None,
                ids=[one[2] for one in records] if records is not None else None,
            ).rowcount
            if not items:
                execute(conn, SQL["nothing_to_plan"], plan_id=plan_id, nothing=NO_PLAN)
                execute(conn, SQL["drop_plan"], plan_id=plan_id)
                return None
            _seal(conn, plan_id, origin=origin, actor=actor, approved_by=actor if by_sensor else None)
            if reuse and (same := execute(conn, SQL["same_plan"], plan_id=plan_id).scalar_one_or_none()):
                raise _SamePlan(same)
    except _SamePlan as known:
        plan_id = known.plan_id
    return plan(db, org, plan_id)


def plan_own_drafts(
    db: Database, org: Organization, *, actor: str, origin: str, batches: Sequence[int] | None, why: str
) -> Plan | None:
    """Plan what this person proposes and nothing else, of these selections or of all; None if there is nothing to plan.
    A plan that waits and holds the very same is taken instead of a new one. `why` is written down.
    """
    with db.org(org.org_id) as conn:
        rows = execute(
            conn, SQL["own_drafts"], actor=actor, batches=list(batches) if batches is not None else None
        ).all()
    if not rows:
        return None
    records = [(row.connection_id, row.entity_type, row.external_id) for row in rows]
    made = make_plan(db, org, actor=actor, origin=origin, records=records, waiting=False, reuse=True)
    if made is not None:
        with db.org(org.org_id) as conn:
            journal.record(conn, "plan.proposed", actor=actor, plan=str(made.plan_id), why=why)
    return made


def open_plan_count(db: Database, org: Organization, *, actor: str) -> int:
    """How many plans of this person wait for approval."""
    with db.org(org.org_id) as conn:
        return int(execute(conn, SQL["open_plan_count"], actor=actor).scalar_one())


class _SamePlan(Exception):
    """Takes back the plan that was just made: another one says the same."""

    def __init__(self, plan_id: UUID) -> None:
        super().__init__()
        self.plan_id = plan_id


def replace_plan(db: Database, org: Organization, plan_id: UUID | str, *, actor: str) -> Plan:
    """Make a new plan of what a plan holds and what is still as it was included; the old one is never applied.

    What its drafts propose stays proposed, now by the new plan. A plan that was applied in part keeps its state.

    Raises:
        NotFound: no such plan.
        Conflict: nothing of it is left to plan; nothing was changed.
    """
    old = plan(db, org, plan_id)
    _catch_up(db, org)
    with db.org(org.org_id) as conn:
        execute(conn, SQL["settle_plan"], plan_id=old.plan_id, state="refused", actor=actor)
        keys = execute(conn, SQL["keys_of_plan"], plan_id=old.plan_id).all()
        new = execute(conn, SQL["open_plan"], origin="explorer", actor=actor).scalar_one()
        items = execute(
            conn,
            SQL["fill_plan"],
            plan_id=new,
            actor=actor,
            drafts=True,
            waiting=True,
            connections=[one.connection_id for one in keys],
            types=[one.entity_type for one in keys],
            ids=[one.external_id for one in keys],
        ).rowcount
        if not items:
            raise Conflict("Nothing of this plan is left to plan: its records changed, or they are in core already.")
        _seal(conn, new, origin="explorer", actor=actor)
        journal.record(conn, "plan.replaced", actor=actor, plan=str(old.plan_id), by=str(new))
    return plan(db, org, new)


def make_remap_plan(
    db: Database, org: Organization, chosen: Iterable[tuple[Connection, Stream]] | None = None, *, actor: str
) -> Plan | None:
    """Plan again what an older mapper has mapped, whatever is selected; None if there is nothing to renew.

    `chosen` narrows it to some entities. Only records in core whose captured version is the promoted one: a record that
    changed is planned by `make_plan`, and is mapped by the current mapper then. Ignored records are left out.
    """
    if chosen is None:
        chosen = ((one, stream) for one in connections(db, org) for stream in one.source.streams.values())

    def fill(conn: Transaction, plan_id: UUID) -> int:
        items = 0
        for one, stream in chosen:
            if stream.to_entity is not None:
                mapper = fingerprint(stream.to_entity)
                where = keys(one, stream)
                items += execute(conn, SQL["fill_remap_plan"], plan_id=plan_id, mapper=mapper, **where).rowcount
        return items

    return make_filled_plan(db, org, fill, origin="remap", actor=actor)


def make_filled_plan(
    db: Database, org: Organization, fill: Callable[[Transaction, UUID], int], *, origin: str, actor: str
) -> Plan | None:
    """A plan whose items `fill` inserts, whatever is selected; None if it inserts none. It waits for approval."""
    _catch_up(db, org)
    with db.org(org.org_id) as conn:
        plan_id = execute(conn, SQL["open_plan"], origin=origin, actor=actor).scalar_one()
        if not fill(conn, plan_id):
            execute(conn, SQL["drop_plan"], plan_id=plan_id)
            return None
        _seal(conn, plan_id, origin=origin, actor=actor)
    return plan(db, org, plan_id)


def _catch_up(db: Database, org: Organization) -> None:
    """A plan is bound to what the previews have seen of followed records: let them see it."""
    for one in connections(db, org):
        catch_up(db, one)


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
    wanted = as_plan_id(plan_id)
    with db.org(org.org_id) as conn:
        row = execute(conn, SQL["find_plan"], plan_id=wanted).one_or_none()
    if row is None:
        raise NotFound(f"{org.slug} has no plan {wanted}. Make one with `sync-pipeline plan {org.slug}`.")
    return plan_of_row(row)


def plans(
    db: Database, org: Organization, *, state: str | None = None, page: int = 1, page_size: int = 50
) -> tuple[Sequence[Plan], int]:
    """A page of the organization's plans, newest first, and how many there are."""
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["list_plans"], state=state, limit=page_size, offset=(page - 1) * page_size).all()
        count = int(execute(conn, SQL["count_plans"], state=state).scalar_one())
    return [plan_of_row(row) for row in rows], count


def approve(db: Database, org: Organization, plan_id: UUID | str, *, plan_hash: str, actor: str) -> Plan:
    """Approve the plan, which must have this hash: its drafts are decided. Approving it again changes nothing.

    Raises:
        NotFound: no such plan.
        Conflict: the plan has another hash, or does not wait for approval.
    """
    return _settle(db, org, plan_id, "approved", actor=actor, plan_hash=plan_hash)


def refuse(db: Database, org: Organization, plan_id: UUID | str, *, actor: str, why: str | None = None) -> Plan:
    """Refuse the plan: it is never applied, and what it included is undecided again.

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
            if state == "approved":
                execute(conn, SQL["commit_drafts"], plan_id=found.plan_id)
            else:
                withdraw(conn, found.plan_id, "refused", actor=actor, why=why)
            journal.record(conn, f"plan.{state}", actor=actor, plan=str(found.plan_id), why=why)
        elif now.state != state:
            raise Conflict(f"The plan is already {now.state}.")
    return plan(db, org, found.plan_id)


def approved(conn: Transaction, plan_id: UUID | str, *, actor: str) -> None:
    """Approve a plan that waits, in the caller's transaction; one that is approved or applied stays as it is."""
    if execute(conn, SQL["settle_plan"], plan_id=plan_id, state="approved", actor=actor).one().settled:
        execute(conn, SQL["commit_drafts"], plan_id=plan_id)


def withdraw(conn: Transaction, plan_id: UUID | str, cause: str, *, actor: str, why: str | None = None) -> int:
    """Records of a plan that was `refused` or `undone` are undecided again; returns how many."""
    return execute(conn, SQL["withdraw"], plan_id=plan_id, cause=cause, actor=actor, why=why).rowcount


def plan_of_row(row: Any) -> Plan:
    """A plan from its columns, in the order of its fields."""
    return Plan(*row)


def as_plan_id(plan_id: UUID | str) -> UUID:
    try:
        return plan_id if isinstance(plan_id, UUID) else UUID(plan_id)
    except ValueError:
        raise NotFound(
            f"“{plan_id}” is not a plan id. `sync-pipeline plan` prints the id of the plan it makes."
        ) from None
