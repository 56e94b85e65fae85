"""What a plan does to each record, as people read it; and what a new one would hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import Connection as Transaction

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream, source
from sync_pipeline.steps.capture.record_key import RecordKey, key_columns, record_key
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.connect.party import Actor, party
from sync_pipeline.steps.select.plans import plan, proposals_of

SQL = load(__package__, "reading.sql")
Action = Literal["create", "update", "delete"]
_LONGEST = 600  # characters of a value, of which a page shows the beginning
_FIELDS = 40  # of an item so many are read
_LARGEST = 200_000  # bytes of changes that are compared, to be shown


@dataclass(frozen=True, slots=True)
class Sharing:
    """A core row that is not one record's alone: the plan's outcome was tried, and taken back."""

    row: Annotated[str | None, Field(description="The row, products[id=5]; null: the plan makes it.")]
    others: Annotated[
        list[dict[str, Any]],
        Field(description="The first other records that it is of afterwards: {connection, entity, external_id}."),
    ]
    tried: Annotated[
        bool,
        Field(description="False: `core` is not known, for core was being written, or hundreds are of these rows."),
    ] = True
    more: Annotated[int, Field(description="Others that are not named.")] = 0


@dataclass(frozen=True, slots=True)
class PlanItem:
    """What a plan does to one record. `changes` are {field, before, after} of an update; a side that does not have the
    field has no key."""

    connection: str
    entity: str
    external_id: str
    action: Action
    name: str | None
    code: Annotated[str | None, Field(description="SKU, order number … as the store has it.")]
    version: Annotated[str, Field(description="The version that is promoted.")]
    changes: Annotated[
        list[dict[str, Any]],
        Field(
            description="{field, before, after} of an update; a side without the field has no key. `through` names "
            "the followed record where the value is copied from one that changed. Lists, objects and long texts have "
            "`paths`: what differs in them, as {path, before, after}; `more` counts those beyond 50.",
            examples=[[{"field": "price", "before": "10.00", "after": "12.00"}]],
        ),
    ]
    warnings: Annotated[list[dict[str, Any]], Field(examples=[[{"code": "duplicate_sku", "message": "…"}]])]
    core: Annotated[
        list[dict[str, Any]],
        Field(
            description="What an update changes in core, child rows too: {field, before, after} from what the promoted "
            "version became to what the planned one becomes. `field` is a column, or the table of rows that belong to "
            "the row: sales_order_items, product_categories; with `sharing` of that row, `products[id=5].price`.",
        ),
    ] = field(default_factory=list)
    sharing: Annotated[
        Sharing | None,
        Field(description="Where its core row is that of other records too: `core` is then what becomes of that row."),
    ] = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What an item does to core: what changes there, or the columns that a create brings; why it cannot be mapped."""

    core: Sequence[Mapping[str, Any]] = ()
    fields: Mapping[str, Any] | None = None
    problem: str | None = None
    sharing: Sharing | None = None


NO_EFFECT = Effect()
Effects = Callable[[Database, Organization, UUID, Sequence[Any]], Mapping[RecordKey, Effect]]
"""What these items of a plan do to core; promotion knows (promote/effects.py)."""


@dataclass(frozen=True, slots=True)
class PlanKind:
    """What a plan does to the records of one entity, in numbers."""

    connection_id: int
    connection: str
    provider: str
    stream: Stream
    creates: int
    updates: int
    deletes: int
    planned: int = 0  # of what a new plan would hold: so many are in a plan that waits already

    @property
    def items(self) -> int:
        """How many records."""
        return self.creates + self.updates + self.deletes


@dataclass(frozen=True, slots=True)
class PlanLine:
    """An item with its place in the plan.

    `changed`: how many fields an update changes, of which long ones are cut and the first 40 are in `item.changes`.
    `fields`: what a create brings, as core's columns; None where its payload is very large. `problem`: why the record
    cannot be mapped.
    """

    number: int
    item: PlanItem
    stream: Stream
    changed: int
    fields: Mapping[str, Any] | None = None
    problem: str | None = None

    @property
    def headline(self) -> Sequence[str]:
        """The fields that change, without the dates that move with every change, if others do."""
        names = [str(one["field"]) for one in self.item.changes]
        dates = {self.stream.modified, (self.stream.modified or "").removesuffix("_gmt")}
        return [name for name in names if name not in dates] or names


@dataclass(frozen=True, slots=True)
class PlanPage:
    """Some lines of a plan, and how many match what was looked for."""

    lines: Sequence[PlanLine]
    total: int


def plan_items(
    db: Database, org: Organization, plan_id: UUID | str, *, effects: Effects, page: int = 1, page_size: int = 50
) -> tuple[Sequence[PlanItem], int]:
    """A page of what a plan will do, record by record, and how many there are; what it does to core, `effects` tells.

    Raises:
        NotFound: no such plan.
    """
    found = plan(db, org, plan_id)
    part = {"limit": page_size, "offset": (page - 1) * page_size}
    with db.org(org.org_id) as conn:
        keys = execute(conn, SQL["items_in_order"], plan_id=found.plan_id, **part).all()
        here = {"plan_id": found.plan_id, **key_columns(map(record_key, keys))}
        rows = execute(conn, SQL["plan_items"], **here, longest=None, fields=None, largest=0).all()
    told = effects(db, org, found.plan_id, rows)
    return [_item(row, told.get(record_key(row), NO_EFFECT)) for row in rows], found.items


def plan_kinds(db: Database, org: Organization, plan_id: UUID) -> Sequence[PlanKind]:
    """What a plan does to each entity, in the order in which its items are read."""
    with db.org(org.org_id) as conn:
        return _kinds(execute(conn, SQL["plan_kinds"], plan_id=plan_id).all())


def included(
    db: Database,
    org: Organization,
    *,
    actor: Actor,
    waiting: bool = True,
    only: tuple[int, str] | None = None,
    planned: bool = False,
) -> Sequence[PlanKind]:
    """What a new plan of this person would hold, as the last comparisons saw it (see `make_plan`).

    `only`: of this connection and entity type. `planned`: count, too, what is in a plan that waits already.
    """
    connection_id, entity_type = only or (None, None)
    by = party(actor)
    wanted = {"waiting": waiting, "connection_id": connection_id, "entity_type": entity_type}
    wanted |= {"actor": by.name, "token_id": by.token_id, "proposals": proposals_of(by), "planned": planned}
    with db.org(org.org_id) as conn:
        return _kinds(execute(conn, SQL["included"], **wanted).all())


def _kinds(rows: Sequence[Any]) -> list[PlanKind]:
    found = [
        PlanKind(
            row.connection_id,
            row.connection,
            row.provider,
            source(row.provider).stream(row.entity_type),
            row.creates,
            row.updates,
            row.deletes,
            getattr(row, "planned", 0),
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.connection, list(source(one.provider).streams).index(one.stream.name)))


def browse_items(  # noqa: PLR0913 - what a person looks for
    db: Database,
    org: Organization,
    plan_id: UUID,
    kinds: Sequence[PlanKind],
    *,
    effects: Effects,
    action: Action | None = None,
    search: str | None = None,
    after: int = 0,
    size: int = 25,
) -> PlanPage:
    """Lines of a plan beyond the line `after`, of these `kinds`: entity by entity, deletions first."""
    streams = {(one.connection_id, one.stream.entity_type): one.stream for one in kinds}
    with db.org(org.org_id) as conn:
        total, keys = (
            _found(conn, plan_id, kinds, action, search, after, size)
            if search
            else _in_order(conn, plan_id, kinds, action, after, size)
        )
        here = {"plan_id": plan_id, **key_columns(map(record_key, keys))}
        cut = {"longest": _LONGEST, "fields": _FIELDS, "largest": _LARGEST}
        rows = execute(conn, SQL["plan_items"], **here, **cut).all() if keys else []
    told = effects(db, org, plan_id, rows)
    lines = []
    for number, (_, row) in enumerate(zip(keys, rows, strict=True), after + 1):
        effect = told.get(record_key(row), NO_EFFECT)
        stream = streams[row.connection_id, row.entity_type]
        lines.append(PlanLine(number, _item(row, effect), stream, row.changed, effect.fields, effect.problem))
    return PlanPage(lines, total)


def _found(
    conn: Transaction,
    plan_id: UUID,
    kinds: Sequence[PlanKind],
    action: Action | None,
    search: str | None,
    after: int,
    size: int,
) -> tuple[int, Sequence[Any]]:
    """How many items a search finds, and a page of them: all are put in order."""
    wanted = {
        "connections": [one.connection_id for one in kinds],
        "types": [one.stream.entity_type for one in kinds],
        "providers": [one.provider for one in kinds],
        "places": list(range(len(kinds))),
    }
    part = {"action": action, "search": search, "after": after, "limit": size}
    keys = execute(conn, SQL["items_found"], plan_id=plan_id, **part, **wanted).all()
    return (keys[0].items if keys else 0), keys


def _in_order(
    conn: Transaction, plan_id: UUID, kinds: Sequence[PlanKind], action: Action | None, after: int, size: int
) -> tuple[int, Sequence[Any]]:
    """How many items there are, and a page of them: `kinds` say how many each entity has, so only those are put in
    order that the page needs.
    """
    counts = [
        (kind, does, number)
        for kind in kinds
        for does, number in (("delete", kind.deletes), ("update", kind.updates), ("create", kind.creates))
        if number and action in (None, does)
    ]
    keys: list[Any] = []
    before = 0
    for kind, does, number in counts:
        offset = max(0, after - before)
        if offset < number and len(keys) < size:
            here = {"connection_id": kind.connection_id, "entity_type": kind.stream.entity_type, "action": does}
            part = {"limit": size - len(keys), "offset": offset}
            keys += execute(conn, SQL["items_of_group"], plan_id=plan_id, **here, **part).all()
        before += number
    return before, keys


def _item(row: Any, effect: Effect) -> PlanItem:
    return PlanItem(
        connection=row.connection,
        entity=source(row.provider).stream(row.entity_type).name,
        external_id=row.external_id,
        action=row.action,
        name=row.name or row.email,
        code=row.code,
        version=row.version,
        changes=[
            {"field": field, **{side: sides[side] for side in ("before", "after", "through") if side in sides}}
            for field, sides in sorted((row.changes or {}).items())
        ],
        warnings=row.warnings or [],
        core=[dict(one) for one in effect.core],
        sharing=effect.sharing,
    )
