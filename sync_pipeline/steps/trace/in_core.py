"""One record and core: which row it is, what the row has now, what it would have, and what happened to the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection as Transaction

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Entity, Unmappable
from sync_pipeline.entities.core import CoreTable, core_tables, table_of
from sync_pipeline.entities.core_rows import core_rows
from sync_pipeline.exact_json import to_json
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.capture.mapped import Captured, reason, to_entities
from sync_pipeline.steps.capture.record_key import RecordKey
from sync_pipeline.steps.capture.related import looking
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.promote.foresee import foresee

SQL = load(__package__, "in_core.sql")
_HOUSEKEEPING = ("org_id", "id", "created_at", "updated_at", "deleted_at", "queue_id", "metadata")


@dataclass(frozen=True, slots=True)
class CoreField:
    """A column of a core row: its value now, what it has after the record is promoted, and what the record itself says.

    Where other records are the same row, or people made it, the last two may differ.
    """

    name: str
    now: Any
    after: Any
    says: Any

    @property
    def changes(self) -> bool:
        """Would a plan of the record change it?"""
        return bool(self.now != self.after)

    @property
    def kept(self) -> bool:
        """Does core have, and keep, another value than the record?"""
        return not self.changes and self.says not in (None, "", [], {}) and bool(self.says != self.now)


@dataclass(frozen=True, slots=True)
class RecordInCore:
    """A record's core row. `fields` are empty if the record cannot be mapped, for the `problem`.

    `mapping`: {core_table, internal_id, first_promoted_at, last_promoted_at, promoted_deleted, core_wins,
    sku_set_aside, plan_id}; `others`: {connection, provider, entity_type, external_id, deleted} of the other records
    that are the same row; `order`: those that are the row once this record is promoted as it is captured, this one too
    (`mine`): for each field the first that has a value counts. `moves`: it leaves its row then, or joins another.
    `not_compared`: it was captured after the last comparison, which says nothing of it.
    """

    table: str | None
    mapping: Mapping[str, Any] | None
    row: Mapping[str, Any] | None
    fields: Sequence[CoreField]
    others: Sequence[Mapping[str, Any]]
    order: Sequence[Mapping[str, Any]] = ()
    moves: bool = False
    problem: str | None = None
    not_compared: bool = False


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """Something that happened to a record, and the plan by which it did."""

    at: datetime
    event: str
    actor: str | None
    detail: str | None
    plan: UUID | None = None


def in_core(db: Database, connection: Connection, stream: Stream, external_id: str) -> RecordInCore:
    """The record's core row as it is, and as it is once the record is promoted: of one that is in sync, the same."""
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
        problem = reason(mapped) if isinstance(mapped, Exception) and not _reference(mapped) else None
        table = _table(mapping, entity)
        if table is None:
            left = captured.not_compared
            return RecordInCore(None, mapping, None, [], others, problem=problem, not_compared=left)
        key = (connection.connection_id, stream.entity_type, external_id)
        if table.row is not None:
            row, fields = _parts(conn, table, here, entity, stays=captured.in_sync or captured.gone)
            return RecordInCore(
                table.name, mapping, row, fields, others, problem=problem, not_compared=bool(captured.not_compared)
            )
        stands = mapping["internal_id"] if mapping is not None and mapping["core_table"] == table.name else None
        then = foresee(conn, connection.org_id, table, key, None if captured.gone else entity, stands)
        says = dict(zip(table.columns, table.values(entity), strict=True)) if entity is not None else {}
        stays = captured.in_sync or captured.gone or entity is None
        both = execute(
            conn,
            for_table(SQL["row_in_core"], table),
            id=stands if stays else then.row,
            says=to_json(says),
            values=to_json(then.values or {}),
        ).one()
        keeps = captured.in_sync or then.values is None
        fields = [
            _field(name, both.now, both.now if keeps and both.now else both.after, both.says)
            for name in says
            if name not in _HOUSEKEEPING
        ]
        order = _named(conn, then.behind, key) if entity is not None else []
    moves = not stays and then.row != stands
    return RecordInCore(
        table.name, mapping, both.now, fields, others, order, moves, problem, bool(captured.not_compared)
    )


def _parts(
    conn: Transaction, table: CoreTable, here: Mapping[str, Any], entity: Entity | None, *, stays: bool
) -> tuple[Mapping[str, Any] | None, list[CoreField]]:
    """The first row that is a part of the record, and its columns; the rows in one field, where there are several."""
    says = [] if entity is None else core_rows(entity)
    both = execute(conn, for_table(SQL["core_parts"], table), **here, says=to_json(says)).one()
    now = [{name: one.get(name) for name in table.columns if name not in _HOUSEKEEPING} for one in both.now]
    said = [{name: one.get(name) for name in table.columns if name not in _HOUSEKEEPING} for one in both.says]
    after = now if stays or entity is None else said
    if max(len(now), len(after)) > 1:
        fields = [CoreField(table.short, _told(now), _told(after), _told(said))]
    else:
        sides = [one[0] if one else {} for one in (now, after, said)]
        fields = [CoreField(name, *(side.get(name) for side in sides)) for name in (after or now or [{}])[0]]
    return both.now[0] if both.now else None, fields


def _told(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: one for name, one in row.items() if one not in (None, "", [], {})} for row in rows]


def _named(conn: Transaction, behind: Sequence[RecordKey], mine: RecordKey) -> list[Mapping[str, Any]]:
    names = {row.connection_id: row for row in execute(conn, SQL["connection_names"])}
    return [
        {
            "connection": names[number].name,
            "provider": names[number].provider,
            "entity_type": kind,
            "external_id": one,
            "mine": (number, kind, one) == mine,
        }
        for number, kind, one in behind
    ]


def _reference(error: Exception) -> bool:
    """Is the only problem that this entity has no place in core?"""
    return isinstance(error, Unmappable) and error.field_name == "entity"


def _table(mapping: Mapping[str, Any] | None, entity: Entity | None) -> CoreTable | None:
    if entity is not None:
        return table_of(type(entity))
    return core_tables().get(mapping["core_table"]) if mapping is not None else None


def _field(name: str, now: Mapping[str, Any] | None, after: Mapping[str, Any], says: Mapping[str, Any]) -> CoreField:
    before, later, said = (now or {}).get(name), after.get(name), says.get(name)
    if name == "currency":  # a record that names none has its store's, which promotion knows
        later, said = later or before, said or before
    return CoreField(name, before, later, said)


def record_events(db: Database, connection: Connection, stream: Stream, external_id: str) -> Sequence[RecordEvent]:
    """What happened to a record, newest first."""
    here = {**keys(connection, stream), "external_id": external_id}
    with db.org(connection.org_id) as conn:
        return [RecordEvent(**row._mapping) for row in execute(conn, SQL["record_events"], **here)]
