"""Which record: one of an entity of a connection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

RecordKey = tuple[int, str, str]  # connection, entity type, external id


def record_key(row: Any) -> RecordKey:
    """Which record a row is about."""
    return row.connection_id, row.entity_type, row.external_id


def key_columns(keys: Iterable[RecordKey]) -> dict[str, list[Any]]:
    """The keys as parameters of a statement, a list a column: `connections`, `types`, `ids`."""
    keys = list(keys)
    return {
        "connections": [key[0] for key in keys],
        "types": [key[1] for key in keys],
        "ids": [key[2] for key in keys],
    }
