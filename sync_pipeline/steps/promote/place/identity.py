"""Find the core row of a record: by its mapping, else by SKU or e-mail, else a new row.

docs/mapping.md has the rules. Every function works on a batch: one query per question, then decisions in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Ref
from sync_pipeline.entities.core import CoreTable, referring
from sync_pipeline.entities.customer import TABLE as CUSTOMERS
from sync_pipeline.steps.promote.core.statements import ROWS, for_table
from sync_pipeline.steps.promote.map.batch import WorkItem

SQL = load("sync_pipeline.steps.promote.place", "identity.sql")


@dataclass(frozen=True, slots=True)
class PromotionSettings:
    """The organization's settings that decide how records become rows."""

    org_id: int
    currency: str | None
    sku_policy: str
    priority: Sequence[str]
    providers: Mapping[int, str]
    names: Mapping[int, str]
    currencies: Mapping[int, str] = field(default_factory=dict)  # of a connection's prices, if another


@dataclass(frozen=True, slots=True)
class IdentityConflict:
    """A conflict and how it was decided, for promote.conflict."""

    kind: str
    item: WorkItem
    value: str
    other: str | None
    row: int | None
    policy: str | None
    decision: str


@dataclass(frozen=True, slots=True)
class Move:
    """Records of these connections go from one row to another, with what belongs to them."""

    origin: int
    target: int
    connections: Sequence[int]


@dataclass(slots=True)
class Resolution:
    """What resolving a batch changed besides ids.

    `recompute`: rows whose set of records changed, so their values must be merged again.
    """

    conflicts: list[IdentityConflict] = field(default_factory=list)
    recompute: set[int] = field(default_factory=set)
    moves: list[Move] = field(default_factory=list)


def promotion_settings(conn: Connection, org_id: int) -> PromotionSettings:
    """The organization's settings."""
    row = execute(conn, SQL["settings"]).one()
    connections = execute(conn, SQL["providers"]).all()
    return PromotionSettings(
        org_id,
        row.currency,
        row.sku_policy,
        row.provider_priority,
        {one.connection_id: one.provider for one in connections},
        {one.connection_id: one.name for one in connections},
        {one.connection_id: one.currency for one in connections if one.currency},
    )


def numeric(external_id: str) -> tuple[int, int, str]:
    """Sorts ids by number where they are numbers, before words."""
    return (0, int(external_id), "") if external_id.isdecimal() else (1, 0, external_id)


def look_up(conn: Connection, keys: Sequence[tuple[int, str, str]]) -> dict[tuple[int, str, str], Any]:
    """Mapping rows of records, by (connection, entity type, external id)."""
    if not keys:
        return {}
    found = execute(
        conn,
        SQL["mapped"],
        connections=[k[0] for k in keys],
        types=[k[1] for k in keys],
        ids=[k[2] for k in keys],
    ).all()
    return {keys[row.n - 1]: row for row in found}


def look_up_refs(conn: Connection, refs: Iterable[tuple[int, Ref]], table: str) -> dict[tuple[int, str, str], int]:
    """Rows of a core table that records refer to, by (connection, entity type, external id)."""
    keys = list({(connection, ref.entity_type, ref.external_id) for connection, ref in refs})
    return {key: int(row.internal_id) for key, row in look_up(conn, keys).items() if row.core_table == table}


def new_ids(conn: Connection, table: str, count: int) -> list[int]:
    """`count` fresh ids of a core table."""
    if not count:
        return []
    return [int(one) for one in execute(conn, SQL["new_ids"], table=table, count=count).scalar_one().split(",")]


def resolve_emails(conn: Connection, table: CoreTable, items: Sequence[WorkItem], outcome: Resolution) -> None:
    asked = [item for item in items if not item.id and item.email]
    groups: dict[str, list[WorkItem]] = defaultdict(list)
    rows: dict[str, int] = {}
    holders: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in holders_of(conn, table, [item.email for item in asked]):
        item = asked[row.n - 1]
        if not groups[row.key] or groups[row.key][-1] is not item:
            groups[row.key].append(item)
        if row.id is not None:
            rows[row.key] = row.id
            if row.external_id is not None and (row.connection_id, row.external_id) not in holders[row.key]:
                holders[row.key].append((row.connection_id, row.external_id))
    for key, group in groups.items():
        fresh = key not in rows
        if fresh:
            rows[key] = new_ids(conn, table.name, 1)[0]
        for place, item in enumerate(sorted(group, key=lambda one: numeric(one.line.external_id))):
            item.id, item.is_new = rows[key], fresh and place == 0
            same = [ext for connection, ext in holders[key] if connection == item.line.connection_id]
            if same:
                outcome.conflicts.append(
                    IdentityConflict("shared_email", item, item.email or "", same[0], item.id, None, "merged")
                )
                item.warnings.append(f"Customer {same[0]} has the same e-mail; both are one customer in core.")
            holders[key].append((item.line.connection_id, item.line.external_id))
        if len(group) > 1:
            outcome.recompute.add(rows[key])


def record(conn: Connection, queue: str, table: CoreTable, conflicts: Sequence[IdentityConflict]) -> None:
    """Store conflicts."""
    if not conflicts:
        return
    execute(
        conn,
        SQL["record_conflicts"],
        table=table.name,
        queue=queue,
        kinds=[one.kind for one in conflicts],
        connections=[one.item.line.connection_id for one in conflicts],
        types=[one.item.line.entity_type for one in conflicts],
        ids=[one.item.line.external_id for one in conflicts],
        values=[one.value for one in conflicts],
        others=[one.other for one in conflicts],
        rows=[one.row for one in conflicts],
        policies=[one.policy for one in conflicts],
        decisions=[one.decision for one in conflicts],
    )


def resolve_guests(conn: Connection, guests: Sequence[WorkItem]) -> None:
    """Give every guest the core customer of their e-mail, or a new id."""
    groups: dict[str, int] = {}
    last = 0
    for row in holders_of(conn, CUSTOMERS, [guest.email for guest in guests]):
        if row.n == last:
            continue
        last = row.n
        guest = guests[row.n - 1]
        if row.id is not None:
            groups[row.key] = int(row.id)
        if row.key not in groups:
            groups[row.key] = new_ids(conn, CUSTOMERS.name, 1)[0]
            guest.is_new = True
        guest.id = groups[row.key]


def holders_of(
    conn: Connection, table: CoreTable, values: Sequence[str | None], *, contested: bool = False
) -> Sequence[Any]:
    """The rows that have these values of the table's `match`: `n` (which value, from 1), its folded `key`, the row's id
    and the mappings to it. `contested`: only values that a row has or several records want.
    """
    if not values:
        return ()
    return execute(conn, for_table(ROWS["holders"], table), values=list(values), contested=contested).all()


def move(conn: Connection, queue: str, table: CoreTable, change: Move) -> None:
    """Move the records of some connections, and what belongs to them, to another row; retire a row left empty."""
    where = {
        "queue": queue,
        "origin": change.origin,
        "target": change.target,
        "connections": list(change.connections),
    }
    execute(conn, SQL["move_mappings"], table=table.name, **where)
    for one, column in referring(table.name):
        statement = ROWS["move_referring_rows"] if one.row is None else ROWS["move_parts"]
        execute(conn, for_table(statement, one, column), **where)
    if table.pairs:
        pairs = execute(conn, SQL["move_product_categories"], **where).all()
        if pairs:
            execute(
                conn,
                SQL["add_product_categories"],
                queue=queue,
                target=change.target,
                categories=[one.category_id for one in pairs],
                connections=[one.connection_id for one in pairs],
            )
    execute(conn, for_table(ROWS["retire_rows"], table), **where)
