"""What a plan does to core, record by record: mapped as promotion maps them, and read only; shared rows are tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection as Transaction

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Entity
from sync_pipeline.entities.core import CoreTable, child_fields, table_of
from sync_pipeline.entities.core_rows import core_rows
from sync_pipeline.exact_json import to_json
from sync_pipeline.steps.capture.mapped import Captured, mapping_of, reason, to_entities
from sync_pipeline.steps.capture.record_key import RecordKey, key_columns, record_key
from sync_pipeline.steps.capture.related import looking
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.promote.core.encode import with_currency
from sync_pipeline.steps.promote.map.batch import Claimed, WorkItem, priced
from sync_pipeline.steps.promote.map.earlier import earlier_versions, recall_products
from sync_pipeline.steps.promote.order_sums import DIFFERENCE, order_sums, with_sums
from sync_pipeline.steps.promote.place.identity import PromotionSettings, promotion_settings
from sync_pipeline.steps.promote.shared_rows import SharedRow, shared_rows
from sync_pipeline.steps.select import Effect, Sharing

SQL = load("sync_pipeline.steps.promote", "effects.sql")
LARGEST = 200_000  # bytes of a payload that is mapped to be shown


def effects(db: Database, org: Organization, plan_id: UUID, rows: Sequence[Any]) -> Mapping[RecordKey, Effect]:
    """What core becomes of these items of a plan; what says nothing has no entry."""
    shared = shared_rows(db, org.org_id, plan_id, [record_key(row) for row in rows])
    own = [row for row in rows if record_key(row) not in shared]
    with db.org(org.org_id) as conn:
        settings = promotion_settings(conn, org.org_id)
        brought = _brings(conn, settings, plan_id, [row for row in own if row.action == "create"])
        changes = _core_changes(conn, settings, plan_id, own)
    found = {key: Effect(fields=fields, problem=problem) for key, (fields, problem) in brought.items()}
    found |= {key: Effect(core=some) for key, some in changes.items()}
    for row in rows:
        if (one := shared.get(record_key(row))) is not None:
            found[record_key(row)] = _tried(row.action, one)
    sums = order_sums(db, org.org_id, plan_id, [record_key(row) for row in rows])
    for row in rows:
        if (some := sums.get(record_key(row))) is not None:
            found[record_key(row)] = with_sums(found.get(record_key(row), Effect()), row.action, some)
    return found


def _tried(action: str, one: SharedRow) -> Effect:
    changes = one.changes or ()
    if one.alone and action == "create":
        fields = {c["field"]: c["after"] for c in changes if "." not in c["field"]}
        metadata = {c["field"].partition(".")[2]: c["after"] for c in changes if "." in c["field"]}
        return Effect(fields={**fields, **({"metadata": metadata} if metadata else {})}, problem=one.problem)
    sharing = Sharing(one.row, [dict(other) for other in one.others], one.changes is not None, one.more)
    return Effect(core=changes, problem=one.problem, sharing=None if one.alone else sharing)


def _brings(
    conn: Transaction, org: PromotionSettings, plan_id: Any, rows: Sequence[Any]
) -> Mapping[RecordKey, tuple[Mapping[str, Any] | None, str | None]]:
    """What records bring to core that is not there: the columns that are not empty, or why they cannot be mapped."""
    if not rows:
        return {}
    found = execute(
        conn, SQL["planned_payloads"], plan_id=plan_id, **key_columns(map(record_key, rows)), largest=LARGEST
    ).all()
    there = [rows[one.n - 1] for one in found]
    brought: dict[RecordKey, tuple[Mapping[str, Any] | None, str | None]] = {}
    entities = _entities(conn, there, [(one.payload, one.content_hash) for one in found])
    for row, entity in zip(there, entities, strict=True):
        if isinstance(entity, Exception):
            brought[record_key(row)] = None, reason(entity)
            continue
        rows_of = [
            {name: one for name, one in values.items() if one not in (None, "", [], (), {})}
            for values in _written(org, row, entity)
        ]
        several = {table_of(type(entity)).short: rows_of}
        brought[record_key(row)] = rows_of[0] if len(rows_of) == 1 else several, None
    return brought


def _written(org: PromotionSettings, row: Any, entity: Entity) -> list[dict[str, Any]]:
    """The rows of an entity as promotion writes them: prices that name no currency are in their connection's."""
    table = table_of(type(entity))
    entity = priced(entity, org.currencies.get(row.connection_id))
    return [
        dict(zip(table.columns, with_currency(table, tuple(values.values()), org.currency), strict=True))
        for values in core_rows(entity)
    ]


def _core_changes(
    conn: Transaction, org: PromotionSettings, plan_id: Any, rows: Sequence[Any]
) -> Mapping[RecordKey, list[dict[str, Any]]]:
    """What updates change in core, {field, before, after} of each: columns, and rows that belong to the record's row.

    Columns from what core has to what it gets, the rest from what the promoted version became to what the planned one
    becomes, both with what they follow as it is now. A record that cannot be mapped, or is very large, has no entry.
    """
    updates = [row for row in rows if row.action == "update"]
    if not updates:
        return {}
    found = execute(
        conn, SQL["both_payloads"], plan_id=plan_id, **key_columns(map(record_key, updates)), largest=LARGEST
    ).all()
    there = [updates[one.n - 1] for one in found]
    before = _entities(conn, there, [(one.before, one.promoted_hash) for one in found])
    after = _entities(conn, there, [(one.after, one.content_hash) for one in found])
    written = _columns(conn, org, there, found, after)
    changes = {}
    for n, (row, one, was, now) in enumerate(zip(there, found, before, after, strict=True)):
        if isinstance(was, Exception) or isinstance(now, Exception):
            continue
        own: set[str] = set()
        if n in written:
            own = {*table_of(type(now)).columns}
        elif not one.keeps:
            own = set(mapping_of(row.provider, row.entity_type).as_promoted)
        if one.keeps:
            own |= {*table_of(type(now)).columns, *_kept_too(type(now))}
        rest = _differing(_fields(was, own), _fields(now, own))
        changes[record_key(row)] = sorted([*written.get(n, ()), *rest], key=lambda change: str(change["field"]))
    return changes


def _columns(
    conn: Transaction,
    org: PromotionSettings,
    rows: Sequence[Any],
    found: Sequence[Any],
    entities: Sequence[Entity | Exception],
) -> dict[int, list[dict[str, Any]]]:
    """By their place, the columns that change in the rows of these records; those of parts are told with their rows."""
    tables: dict[CoreTable, list[tuple[int, str]]] = defaultdict(list)
    for n, (row, one, entity) in enumerate(zip(rows, found, entities, strict=True)):
        if isinstance(entity, Exception) or one.internal_id is None or one.keeps:
            continue
        table = table_of(type(entity))
        if table.row is None and table.name == one.core_table:
            tables[table].append((n, to_json(_written(org, row, entity)[0])))
    changes = {}
    for table, some in tables.items():
        ids = [found[n].internal_id for n, _ in some]
        says = f"[{','.join(text for _, text in some)}]"
        for both in execute(conn, for_table(SQL["rows_written_again"], table), rows=ids, says=says):
            n = some[both.n - 1][0]
            computed = set(table.metadata_figures)
            if getattr(entities[n], "lines_apart", False):
                computed.add(DIFFERENCE.partition(".")[2])
            sides = [
                {name: _without(side[name], computed) if name == "metadata" else side[name] for name in columns}
                for columns in [(*table.columns, "deleted")]
                for side in (both.now, both.after)
            ]
            changes[n] = _differing(*sides)
    return changes


def _without(metadata: Any, computed: Collection[str]) -> Any:
    """`metadata` but for what promotion computes from other records."""
    return {name: one for name, one in (metadata or {}).items() if name not in computed}


def _entities(
    conn: Transaction, rows: Sequence[Any], versions: Sequence[tuple[str, bytes]]
) -> list[Entity | Exception]:
    """The records in these versions (payload and hash), as promotion has them: lines keep what they named before."""
    records = [
        Captured(row.connection_id, row.provider, row.entity_type, payload, row.parent_id)
        for row, (payload, _) in zip(rows, versions, strict=True)
    ]
    look = looking(conn)
    items = []
    for row, (_, content_hash), entity in zip(rows, versions, to_entities(records, look), strict=True):
        line = Claimed(0, row.connection_id, row.entity_type, row.external_id, row.action, content_hash)
        items.append((WorkItem(line, row.provider), entity))
        if not isinstance(entity, Exception):
            items[-1][0].entity = entity
    recall_products([item for item, _ in items], earlier_versions(conn), look)
    return [entity if item.entity is None else item.entity for item, entity in items]


def _fields(entity: Entity, kept: Collection[str]) -> dict[str, Any]:
    """An entity's values by column; those that become rows of another table by that table."""
    return {
        column: msgspec.to_builtins(getattr(entity, name), builtin_types=(Decimal,))
        for name, column in _names(type(entity)).items()
        if name not in kept
    }


@cache
def _kept_too(entity: type[Entity]) -> Sequence[str]:
    """The fields besides columns that a row which keeps its values keeps: what it refers to, and its pairs."""
    table = table_of(entity)
    return [*(one.column.removesuffix("_id") for one in table.relations), *(name for name, _ in table.pairs)]


@cache
def _names(entity: type[Entity]) -> Mapping[str, str]:
    """The fields of an entity → what they are called in core."""
    own = {name: name for name in table_of(entity).columns if name in entity.__struct_fields__}
    return {**own, **child_fields(entity)}


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    sides = {"before": before, "after": after}
    return [
        {"field": name, **{side: values[name] for side, values in sides.items() if name in values}}
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
