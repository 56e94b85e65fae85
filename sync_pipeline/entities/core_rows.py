"""What of an entity has the columns of its core table: the entity itself, or the rows that are parts of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync_pipeline.entities.base import Entity
from sync_pipeline.entities.core import table_of


def core_rows(entity: Entity) -> Sequence[Mapping[str, Any]]:
    """The values of each row by column. Of an order's lines there are as many as it has, of any other entity one."""
    table = table_of(type(entity))
    rows = [entity] if table.row is None else parts_of(entity)
    return [dict(zip(table.columns, table.values(one), strict=True)) for one in rows]


def parts_of(entity: Entity) -> Sequence[Any]:
    """The structs that are rows of the entity's table, where rows are parts of records; else none."""
    row = table_of(type(entity)).row
    if row is None:
        return []
    fields = (getattr(entity, name) for name in entity.__struct_fields__)
    parts = (part for field in fields for part in (field if isinstance(field, list | tuple) else (field,)))
    return [part for part in parts if isinstance(part, row)]
