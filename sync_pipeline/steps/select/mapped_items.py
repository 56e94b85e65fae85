"""Items of a plan as core will have them: mapped as promotion maps them, and read only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection as Transaction

from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Entity
from sync_pipeline.entities.core import child_fields, table_of
from sync_pipeline.steps.capture.mapped import Captured, mapping_of, reason, to_entities
from sync_pipeline.steps.capture.record_key import RecordKey, key_columns, record_key
from sync_pipeline.steps.capture.related import looking

SQL = load(__package__, "reading.sql")
LARGEST = 200_000  # bytes of a payload that is mapped, or of changes that are compared, to be shown


def brings(
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
    for row, entity in zip(there, _entities(conn, there, [one.payload for one in found]), strict=True):
        if isinstance(entity, Exception):
            brought[record_key(row)] = None, reason(entity)
            continue
        table = table_of(type(entity))
        values = zip(table.columns, table.values(entity), strict=True)
        brought[record_key(row)] = {name: one for name, one in values if one not in (None, "", [], (), {})}, None
    return brought


def core_changes(conn: Transaction, plan_id: Any, rows: Sequence[Any]) -> Mapping[RecordKey, list[dict[str, Any]]]:
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
    before = _entities(conn, there, [one.before for one in found])
    after = _entities(conn, there, [one.after for one in found])
    changes = {}
    for row, was, now in zip(there, before, after, strict=True):
        if not isinstance(was, Exception) and not isinstance(now, Exception):
            kept = mapping_of(row.provider, row.entity_type).as_promoted
            changes[record_key(row)] = _differing(_fields(was, kept), _fields(now, kept))
    return changes


def _entities(conn: Transaction, rows: Sequence[Any], payloads: Sequence[str]) -> list[Entity | Exception]:
    records = [
        Captured(row.connection_id, row.provider, row.entity_type, payload, row.parent_id)
        for row, payload in zip(rows, payloads, strict=True)
    ]
    return list(to_entities(records, looking(conn)))


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
