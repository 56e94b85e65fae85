"""A plan: the stored list of what will happen to which record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import Connection as Transaction

from sync_pipeline import journal
from sync_pipeline.db import statistics
from sync_pipeline.db.engine import Database
from sync_pipeline.db.identify import identify, not_found
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import Conflict
from sync_pipeline.sources.base import Stream
from sync_pipeline.sources.fingerprint import fingerprint
from sync_pipeline.steps.connect import Connection, Organization, connections
from sync_pipeline.steps.connect.party import Actor, Party, party
from sync_pipeline.steps.preview import catch_up
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.select.service import NO_PLAN, SQL

NOTHING_TO_RENEW = "Nothing to renew: the current mappers have mapped everything in core."
PlanState = Literal["proposed", "approved", "applied", "refused", "undone"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan: its counts, and the hash that an approval is bound to. The hash covers every item.

    It is approved while it has an approval that can be spent; when that expires it is proposed again.
    """

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
    approved_until: Annotated[datetime | None, Field(description="Until then its approval can be spent.")] = None
    agent: Annotated[bool, Field(description="An agent made it, or it holds what one proposed.")] = False
    client: Annotated[str | None, Field(description="What the agent's program calls itself.")] = None
    why: Annotated[str | None, Field(description="What it is for, in its maker's words.")] = None

    @property
    def items(self) -> int:
        """How many records it has."""
        return self.creates + self.updates + self.deletes


def make_plan(  # noqa: PLR0913 - what narrows it
    db: Database,
    org: Organization,
    *,
    actor: Actor,
    origin: str = "command",
    entities: Sequence[tuple[int, str]] | None = None,
    records: Sequence[tuple[int, str, str]] | None = None,
    batches: Sequence[int] | None = None,
    why: str | None = None,
    waiting: bool = True,
    reuse: bool = False,
) -> Plan | None:
    """Plan what is included in its captured version and not yet in core; None if there is nothing to plan.

    A person's plan includes people's drafts, but for those that another person's plan proposes, and waits for approval.
    An agent's plan holds what the same token proposed and nothing else. What only agents proposed is in no other plan,
    but for a person's of `records` or `batches` that it names: `left_out` counts it.
    The sensor's plan (`origin` “selection”) takes the selections that wait for it and is approved at once. `entities`
    (connection id and entity type), `records` (and external id) or `batches` narrow a plan. With `waiting` false the
    selections that wait for the sensor are left to it: one who may not approve cannot hold them up. With `reuse` a plan
    that waits and holds the very same items is taken instead of a new one. What an open queue is to promote, only the
    sensor plans again.
    """
    by_sensor = origin == "selection"
    _catch_up(db, org)
    by = party(actor)
    only = records if records is not None else entities
    try:
        with db.org(org.org_id) as conn:
            plan_id = _open(conn, by, origin=origin, why=why)
            items = execute(
                conn,
                SQL["fill_plan"],
                plan_id=plan_id,
                actor=by.name,
                token_id=by.token_id,
                proposals=proposals_of(by, named=records is not None or batches is not None),
                proposed=None,
                batches=list(batches) if batches is not None else None,
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
            _seal(conn, plan_id, by, origin=origin, approved_by=by.name if by_sensor else None)
            if reuse and (same := execute(conn, SQL["same_plan"], plan_id=plan_id).scalar_one_or_none()):
                raise _SamePlan(same)
            statistics.filled(conn, "selection.sync_plan_item", items)
    except _SamePlan as known:
        plan_id = known.plan_id
    return plan(db, org, plan_id)


def proposals_of(by: Party, *, named: bool = False) -> Literal["own", "all", "none"]:
    """Which proposals of agents a plan of theirs holds. `named`: they say which records or selections it is of."""
    return "own" if by.is_agent else "all" if by.is_person and named else "none"


def _open(conn: Transaction, by: Party, *, origin: str, why: str | None = None) -> UUID:
    plan_id: UUID = execute(conn, SQL["open_plan"], origin=origin, why=why, actor=by.name, **by.columns).scalar_one()
    return plan_id


def open_plan_count(db: Database, org: Organization, *, actor: Actor) -> int:
    """How many plans of this party wait for approval."""
    by = party(actor)
    with db.org(org.org_id) as conn:
        return int(execute(conn, SQL["open_plan_count"], actor=by.name, token_id=by.token_id).scalar_one())


class _SamePlan(Exception):
    """Takes back the plan that was just made: another one says the same."""

    def __init__(self, plan_id: UUID) -> None:
        super().__init__()
        self.plan_id = plan_id


def replace_plan(db: Database, org: Organization, plan_id: UUID | str, *, actor: Actor) -> Plan:
    """Make a new plan of what a plan holds and what is still as it was included; the old one is never applied.

    What its drafts propose stays proposed, now by the new plan; what agents proposed since is left out. A plan that was
    applied in part keeps its state. What it was for are its maker's words, which the new one has if they make it.

    Raises:
        NotFound: no such plan.
        Conflict: nothing of it is left to plan, or it was replaced, refused or undone already; nothing was changed.
    """
    old, by = plan(db, org, plan_id), party(actor)
    _catch_up(db, org)
    with db.org(org.org_id) as conn:
        _lock_to_replace(conn, old.plan_id)
        execute(conn, SQL["refuse_plan"], plan_id=old.plan_id)
        keys = execute(conn, SQL["keys_of_plan"], plan_id=old.plan_id).all()
        new = _open(conn, by, origin="explorer", why=old.why if old.created_by == by.name else None)
        items = execute(
            conn,
            SQL["fill_plan"],
            plan_id=new,
            actor=by.name,
            token_id=by.token_id,
            proposals="all",
            proposed=list({one.batch_id for one in keys if one.batch_id is not None}),
            batches=None,
            drafts=True,
            waiting=True,
            connections=[one.connection_id for one in keys],
            types=[one.entity_type for one in keys],
            ids=[one.external_id for one in keys],
        ).rowcount
        if not items:
            raise Conflict("Nothing of this plan is left to plan: its records changed, or they are in core already.")
        _seal(conn, new, by, origin="explorer")
        journal.record(conn, "plan.replaced", actor=by.name, plan=str(old.plan_id), by=str(new))
    return plan(db, org, new)


def _lock_to_replace(conn: Transaction, plan_id: UUID) -> None:
    """Two that replace a plan take turns, and the second is told what became of it."""
    now = execute(conn, SQL["plan_to_replace"], plan_id=plan_id).one()
    by = execute(conn, SQL["replaced_by"], plan_id=plan_id, since=now.created_at).scalar_one_or_none()
    if by is not None:
        raise Conflict(f"This plan was replaced already: plan {by} has what had not changed.")
    if now.state in ("refused", "undone"):
        raise Conflict(f"This plan was {now.state} already. Make a new plan of what is included.")


def make_remap_plan(
    db: Database, org: Organization, chosen: Iterable[tuple[Connection, Stream]] | None = None, *, actor: Actor
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
    db: Database, org: Organization, fill: Callable[[Transaction, UUID], int], *, origin: str, actor: Actor
) -> Plan | None:
    """A plan whose items `fill` inserts, whatever is selected; None if it inserts none. It waits for approval."""
    _catch_up(db, org)
    with db.org(org.org_id) as conn:
        plan_id = _open(conn, party(actor), origin=origin)
        if not (items := fill(conn, plan_id)):
            execute(conn, SQL["drop_plan"], plan_id=plan_id)
            return None
        _seal(conn, plan_id, party(actor), origin=origin)
        statistics.filled(conn, "selection.sync_plan_item", items)
    return plan(db, org, plan_id)


def _catch_up(db: Database, org: Organization) -> None:
    """A plan is bound to what the previews have seen of followed records: let them see it."""
    for one in connections(db, org):
        catch_up(db, one)


def _seal(conn: Transaction, plan_id: UUID, by: Party, *, origin: str, approved_by: str | None = None) -> None:
    sealed = execute(conn, SQL["seal_plan"], plan_id=plan_id, approved_by=approved_by).one()
    journal.record(
        conn,
        "plan.made",
        actor=by.name,
        **by.trace,
        plan=str(plan_id),
        origin=origin,
        creates=sealed.creates,
        updates=sealed.updates,
        deletes=sealed.deletes,
    )


def plan(db: Database, org: Organization, plan_id: UUID | str) -> Plan:
    """A stored plan. A text may be the beginning of its id, if no other plan's begins so.

    Raises:
        NotFound: no such plan in this organization.
        ConfigurationError: several begin so.
    """
    with db.org(org.org_id) as conn:
        wanted = identify(plan_id, "plan", lambda a, z: execute(conn, SQL["plans_from_to"], a=a, z=z).scalars().all())
        row = execute(conn, SQL["find_plan"], plan_id=wanted).one_or_none()
    if row is None:
        raise not_found(plan_id, "plan")
    return plan_of_row(row)


def plans(
    db: Database, org: Organization, *, state: str | None = None, page: int = 1, page_size: int = 50
) -> tuple[Sequence[Plan], int]:
    """A page of the organization's plans, newest first, and how many there are."""
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["list_plans"], state=state, limit=page_size, offset=(page - 1) * page_size).all()
        count = int(execute(conn, SQL["count_plans"], state=state).scalar_one())
    return [plan_of_row(row) for row in rows], count


def refuse(db: Database, org: Organization, plan_id: UUID | str, *, actor: Actor, why: str | None = None) -> Plan:
    """Refuse the plan: it is never applied, and what it included is undecided again.

    Raises:
        NotFound: no such plan.
        Conflict: it was already applied.
    """
    found, by = plan(db, org, plan_id), party(actor)
    with db.org(org.org_id) as conn:
        now = execute(conn, SQL["refuse_plan"], plan_id=found.plan_id).one()
        if now.refused:
            withdraw(conn, found.plan_id, "refused", actor=by.name, why=why)
            journal.record(conn, "plan.refused", actor=by.name, **by.trace, plan=str(found.plan_id), why=why)
        elif now.state != "refused":
            so = {"approved": "is being applied", "applied": "is applied", "undone": "was undone"}
            raise Conflict(f"The plan was not refused: it {so[now.state]} already.")
    return plan(db, org, found.plan_id)


def withdraw(conn: Transaction, plan_id: UUID | str, cause: str, *, actor: str, why: str | None = None) -> int:
    """Records of a plan that was `refused` or `undone` are undecided again; returns how many."""
    return execute(conn, SQL["withdraw"], plan_id=plan_id, cause=cause, actor=actor, why=why).rowcount


def plan_of_row(row: Any) -> Plan:
    """A plan from its columns, in the order of its fields."""
    return Plan(*row)
