"""One record and core: which row it is, what the row has now, what it would have, and what happened to the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Entity, Unmappable
from sync_pipeline.entities.core import CoreTable, core_tables, table_of
from sync_pipeline.exact_json import to_json
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.capture.mapped import Captured, reason, to_entities
from sync_pipeline.steps.capture.related import looking
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import keys

SQL = load(__package__, "in_core.sql")
_HOUSEKEEPING = ("org_id", "id", "created_at", "updated_at", "deleted_at", "queue_id", "metadata")


@dataclass(frozen=True, slots=True)
class CoreField:
    """A column of a core row: its value now, and what the captured record says."""

    name: str
    now: Any
    after: Any
    changes: bool


@dataclass(frozen=True, slots=True)
class RecordInCore:
    """A record's core row. `fields` are empty if the record cannot be mapped, for the `problem`.

    `mapping`: {core_table, internal_id, first_promoted_at, last_promoted_at, promoted_deleted, core_wins,
    sku_set_aside, plan_id}; `others`: {connection, entity_type, external_id} of the other records that are the same
    row: the organization's order of providers decides whose values count.
    """

    table: str | None
    mapping: Mapping[str, Any] | None
    row: Mapping[str, Any] | None
    fields: Sequence[CoreField]
    others: Sequence[Mapping[str, str]]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """Something that happened to a record, and the plan by which it did."""

    at: datetime
    event: str
    actor: str | None
    detail: str | None
    plan: UUID | None = None


def in_core(db: Database, connection: Connection, stream: Stream, external_id: str) -> RecordInCore:
    """The record's core row as it is, and with the values that the captured record has."""
    here = {**keys(connection, stream), "external_id": external_id}
    with db.org(connection.org_id) as conn:
        found = execute(conn, SQL["record_mapping"], **here).one_or_none()
        mapping = dict(found._mapping) if found is not None else None
        others = mapping.pop("others") if mapping is not None else []
        captured = execute(conn, SQL["captured_payload"], **here).one()
        record = Captured(
            connection.connection_id, connection.provider, stream.entity_type, captured.payload, captured.parent_id
        )
        [mapped] = to_entities([record], looking(conn))
        entity = None if isinstance(mapped, Exception) else mapped
        table = _table(mapping, entity)
        values = dict(zip(table.columns, table.values(entity), strict=True)) if table and entity else {}
        row, fields = None, []
        if table is not None:
            both = execute(
                conn,
                for_table(SQL["row_in_core"], table),
                id=mapping["internal_id"] if mapping is not None else None,
                values=to_json(values),
            ).one()
            row = both.now
            fields = [_field(name, both.now, both.after) for name in values if name not in _HOUSEKEEPING]
    problem = reason(mapped) if isinstance(mapped, Exception) and not _reference(mapped) else None
    return RecordInCore(table.name if table else None, mapping, row, fields, others, problem)


def _reference(error: Exception) -> bool:
    """Is the only problem that this entity has no place in core?"""
    return isinstance(error, Unmappable) and error.field_name == "entity"


def _table(mapping: Mapping[str, Any] | None, entity: Entity | None) -> CoreTable | None:
    if mapping is not None and mapping["core_table"] in core_tables():
        return core_tables()[mapping["core_table"]]
    return table_of(type(entity)) if entity is not None else None


def _field(name: str, now: Mapping[str, Any] | None, after: Mapping[str, Any]) -> CoreField:
    before, later = (now or {}).get(name), after.get(name)
    if later is None and name == "currency":  # a record that names none has its store's, which promotion knows
        later = before
    return CoreField(name, before, later, before != later)


def record_events(db: Database, connection: Connection, stream: Stream, external_id: str) -> Sequence[RecordEvent]:
    """What happened to a record, newest first."""
    here = {**keys(connection, stream), "external_id": external_id}
    with db.org(connection.org_id) as conn:
        return [RecordEvent(**row._mapping) for row in execute(conn, SQL["record_events"], **here)]
