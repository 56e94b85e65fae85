"""Find the core row of a record: by its mapping, else by SKU or e-mail, else a new row.

docs/mapping.md has the rules. Every function works on a batch: one query per question, then decisions in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Ref
from sync_pipeline.entities.core import CoreTable, referring
from sync_pipeline.steps.promote.core import ROWS

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
    separate_sales: frozenset[int] = frozenset()  # connections whose orders are never a copy of another store's
    decides: bool = True  # conflicts; a comparison takes them as they were decided


@dataclass(frozen=True, slots=True)
class IdentityConflict:
    """A conflict and how it was decided, for promote.conflict."""

    kind: str
    record: tuple[int, str, str]
    value: str
    other: str | None
    row: int | None
    policy: str | None
    decision: str


@dataclass(frozen=True, slots=True)
class Move:
    """A record goes from one row to another, with what belongs to it.

    `alone`: no other record of its connection was on the row, so all that the connection has there goes with it.
    """

    origin: int
    target: int
    connection: int
    entity_type: str
    external_id: str
    alone: bool


@dataclass(slots=True)
class Resolution:
    """What giving records their rows changed besides ids.

    `recompute`: rows to merge again from the records behind them; `fresh`: those of them that do not exist yet;
    `by_hand`: rows that people made, which keep their values.
    """

    conflicts: list[IdentityConflict] = field(default_factory=list)
    recompute: set[int] = field(default_factory=set)
    fresh: set[int] = field(default_factory=set)
    moves: list[Move] = field(default_factory=list)
    by_hand: set[int] = field(default_factory=set)


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
        frozenset(one.connection_id for one in connections if not one.same_sales),
    )


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


def record(conn: Connection, queue: str | None, table: CoreTable, conflicts: Sequence[IdentityConflict]) -> None:
    """Store conflicts."""
    if not conflicts or queue is None:
        return
    execute(
        conn,
        SQL["record_conflicts"],
        table=table.name,
        queue=queue,
        kinds=[one.kind for one in conflicts],
        connections=[one.record[0] for one in conflicts],
        types=[one.record[1] for one in conflicts],
        ids=[one.record[2] for one in conflicts],
        values=[one.value for one in conflicts],
        others=[one.other for one in conflicts],
        rows=[one.row for one in conflicts],
        policies=[one.policy for one in conflicts],
        decisions=[one.decision for one in conflicts],
    )


def move(
    conn: Connection, queue: str | None, table: CoreTable, moves: Sequence[Move], by_hand: Collection[int]
) -> None:
    """Move records, and what belongs to them, to other rows; all at once, because two may trade theirs.

    Rows that people made (`by_hand`) neither get a record's categories nor lose their own.
    """
    where: dict[str, Any] = {
        "queue": queue,
        "origins": [one.origin for one in moves],
        "targets": [one.target for one in moves],
        "connections": [one.connection for one in moves],
        "types": [one.entity_type for one in moves],
        "ids": [one.external_id for one in moves],
        "alone": [one.alone for one in moves],
    }
    execute(conn, SQL["move_mappings"], **where)
    execute(conn, SQL["move_pending_links"], table=table.name, **where)
    for one, column in referring(table.name):
        statement = ROWS["move_referring_rows"] if one.row is None else ROWS["move_parts"]
        execute(conn, for_table(statement, one, column), **where)
    if table.pairs:
        _move_pairs(
            conn, queue, table, {**where, "alone": [one.alone and one.origin not in by_hand for one in moves]}, by_hand
        )


def _move_pairs(
    conn: Connection, queue: str | None, table: CoreTable, where: dict[str, Any], by_hand: Collection[int]
) -> None:
    taken = execute(conn, SQL["take_product_categories"], **where).all()
    pairs = [one for one in taken if one.target not in by_hand]
    if pairs:
        execute(
            conn,
            SQL["give_product_categories"],
            queue=queue,
            targets=[one.target for one in pairs],
            categories=[one.category_id for one in pairs],
            connections=[one.connection_id for one in pairs],
        )
    if by_hand:
        relations = [pairs.short for _, pairs in table.pairs]
        execute(conn, SQL["drop_pending_pairs"], table=table.name, rows=list(by_hand), relations=relations)


def retire(conn: Connection, queue: str | None, table: CoreTable, origin: int, target: int) -> None:
    """Mark a row as deleted that no live record is mapped to any more."""
    execute(conn, for_table(ROWS["retire_rows"], table), queue=queue, origin=origin, target=target)
