"""What a plan does to core, record by record: mapped as promotion maps them, and read only; shared rows are tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection as Transaction

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Entity
from sync_pipeline.entities.core import child_fields, table_of
from sync_pipeline.entities.core_rows import core_rows
from sync_pipeline.steps.capture.mapped import Captured, mapping_of, reason, to_entities
from sync_pipeline.steps.capture.record_key import RecordKey, key_columns, record_key
from sync_pipeline.steps.capture.related import looking
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.promote.map.batch import Claimed, WorkItem
from sync_pipeline.steps.promote.map.earlier import earlier_versions, recall_products
from sync_pipeline.steps.promote.shared_rows import SharedRow, shared_rows
from sync_pipeline.steps.select import Effect, Sharing

SQL = load("sync_pipeline.steps.promote", "effects.sql")
LARGEST = 200_000  # bytes of a payload that is mapped to be shown


def effects(db: Database, org: Organization, plan_id: UUID, rows: Sequence[Any]) -> Mapping[RecordKey, Effect]:
    """What core becomes of these items of a plan; what says nothing has no entry."""
    shared = shared_rows(db, org.org_id, plan_id, [record_key(row) for row in rows])
    own = [row for row in rows if record_key(row) not in shared]
    with db.org(org.org_id) as conn:
        brought = _brings(conn, plan_id, [row for row in own if row.action == "create"])
        changes = _core_changes(conn, plan_id, own)
    found = {key: Effect(fields=fields, problem=problem) for key, (fields, problem) in brought.items()}
    found |= {key: Effect(core=some) for key, some in changes.items()}
    for row in rows:
        if (one := shared.get(record_key(row))) is not None:
            found[record_key(row)] = _tried(row.action, one)
    return found


def _tried(action: str, one: SharedRow) -> Effect:
    changes = one.changes or ()
    if one.alone and action == "create":
        return Effect(fields={c["field"]: c["after"] for c in changes if "." not in c["field"]}, problem=one.problem)
    sharing = Sharing(one.row, [dict(other) for other in one.others], one.changes is not None, one.more)
    return Effect(core=changes, problem=one.problem, sharing=None if one.alone else sharing)


def _brings(
    conn: Transaction, plan_id: Any, rows: Sequence[Any]
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
            for values in core_rows(entity)
        ]
        several = {table_of(type(entity)).short: rows_of}
        brought[record_key(row)] = rows_of[0] if len(rows_of) == 1 else several, None
    return brought


def _core_changes(conn: Transaction, plan_id: Any, rows: Sequence[Any]) -> Mapping[RecordKey, list[dict[str, Any]]]:
    """What updates change in core, {field, before, after} of each: columns, and rows that belong to the record's row.

    From what the promoted version became to what the planned one becomes, both with what they follow as it is now. A
    record that cannot be mapped, or is very large, has no entry.
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
    changes = {}
    for row, was, now in zip(there, before, after, strict=True):
        if not isinstance(was, Exception) and not isinstance(now, Exception):
            kept = mapping_of(row.provider, row.entity_type).as_promoted
            changes[record_key(row)] = _differing(_fields(was, kept), _fields(now, kept))
    return changes


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


def _fields(entity: Entity, kept: Sequence[str]) -> dict[str, Any]:
    """An entity's values by column; those that become rows of another table by that table."""
    return {
        column: msgspec.to_builtins(getattr(entity, name), builtin_types=(Decimal,))
        for name, column in _names(type(entity)).items()
        if name not in kept
    }


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
