"""What a comparison of now would say of records, apart from what is stored: it is computed and rolled back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect, preview

Key = tuple[int, str, str]
_DIFFERENCES = "SELECT connection_id, entity_type, external_id, warnings FROM preview.difference"


class _RollBack(Exception):
    """Nothing of this is kept."""


def warned(rows: Iterable[Any]) -> dict[Key, list[str]]:
    """Rows of connection, entity type, id and warnings: the warnings by record, whatever their order."""
    return {(row[0], row[1], row[2]): sorted(str(sorted(one.items())) for one in row[3]) for row in rows}


def stored_warnings(database: Database, org_id: int) -> dict[Key, list[str]]:
    with database.org(org_id) as conn:
        return warned(conn.exec_driver_sql(_DIFFERENCES))


def fresh_warnings(
    database: Database, stores: Mapping[int, connect.Connection], records: Iterable[Key]
) -> dict[Key, list[str]]:
    """The warnings of these records as if none had been compared before."""
    kinds: dict[tuple[int, str], list[str]] = {}
    for connection, entity_type, external_id in records:
        kinds.setdefault((connection, entity_type), []).append(external_id)
    found: dict[Key, list[str]] = {}
    for (connection, entity_type), ids in kinds.items():
        store = stores[connection]
        try:
            with database.org(store.org_id) as conn:
                conn.exec_driver_sql("DELETE FROM preview.difference")
                preview.compare_some(conn, store, store.source.stream(entity_type), ids)
                found |= warned(conn.exec_driver_sql(_DIFFERENCES))
                raise _RollBack
        except _RollBack:
            pass
    return found
