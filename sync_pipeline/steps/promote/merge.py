"""One core row from all the records behind it: for each field the first value that is not empty wins.

First is the organization's provider priority, then the lowest connection, then the lowest external id. So the row is
the same whichever record was promoted first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from sync_pipeline.db.queries import load, run
from sync_pipeline.entities.base import Entity, Ref
from sync_pipeline.steps.promote.batch import priced, to_entity
from sync_pipeline.steps.promote.identity import Organization, look_up_refs, numeric
from sync_pipeline.steps.promote.stage import stage
from sync_pipeline.steps.promote.tables import Table, encode, with_currency

ROWS = load("sync_pipeline.steps.promote", "rows.sql")
WRITE = load("sync_pipeline.steps.promote", "write.sql")
_CHUNK = 1000  # rows merged at a time; bounds memory


def set_aside(table: Table, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row without its SKU, which `metadata` keeps."""
    values = dict(zip(table.columns, row, strict=True))
    values["metadata"] = {**values["metadata"], "sku_set_aside": values["sku"]}
    values["sku"] = None
    return tuple(values.values())


def merge(rows: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    """Rows of one table, best first, as one. Objects are merged by key; False and 0 are values, "" is none."""
    return tuple(_first(values) for values in zip(*rows, strict=True))


def _first(values: Sequence[Any]) -> Any:
    filled = [value for value in values if value is not None and value != "" and value != [] and value != ()]
    if filled and all(isinstance(value, dict) for value in filled):
        merged: dict[str, Any] = {}
        for value in reversed(filled):
            merged.update({key: part for key, part in value.items() if part not in (None, "")})
        return merged
    return filled[0] if filled else values[0]


def recompute(conn: Connection, org: Organization, table: Table, rows: Collection[int], *, queue: str | None) -> None:
    """Write these rows anew from the promoted versions of all records behind them.

    Rows that no live record stands behind, or that keep their own values, stay as they are. `queue` None leaves the
    row to who wrote it last.
    """
    ordered = sorted(rows)
    for start in range(0, len(ordered), _CHUNK):
        staged = list(_merged(conn, org, table, ordered[start : start + _CHUNK]))
        short = table.name.partition(".")[2]
        stage(conn, ROWS, short, staged)
        if queue is not None:
            run(conn, ROWS[f"update_{short}"], queue=queue)
        else:
            run(conn, ROWS[f"rewrite_{short}"])


def _merged(conn: Connection, org: Organization, table: Table, rows: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    behind: dict[int, list[Any]] = defaultdict(list)
    for version in run(conn, WRITE["versions"], table=table.name, rows=list(rows)):
        behind[version.internal_id].append(version)
    priority = {name: place for place, name in enumerate(org.priority)}
    entities: dict[int, list[tuple[int, Entity]]] = {}
    for row, versions in behind.items():
        if any(one.core_wins for one in versions):
            continue
        versions.sort(
            key=lambda one: (
                priority.get(one.provider, len(priority)),
                one.connection_id,
                numeric(one.external_id),
            )
        )
        entities[row] = [(one.connection_id, _entity(one, org)) for one in versions if one.payload is not None]
        behind[row] = [one for one in versions if one.payload is not None]
    refs: dict[tuple[int, str, str], int] = {}
    if table.link is not None:
        wanted = [(c, ref) for some in entities.values() for c, e in some if (ref := table.link(e)) is not None]
        refs = look_up_refs(conn, wanted)
    for row, some in entities.items():
        if not some:
            continue
        values = []
        for (_, entity), version in zip(some, behind[row], strict=True):
            value = table.row(entity)
            values.append(set_aside(table, value) if version.sku_set_aside and entity.sku else value)  # type: ignore[attr-defined]
        merged = encode(table, with_currency(table, merge(values), org.currency))
        if table.link is None:
            yield (False, row, *merged)
            continue
        targets = (_target(refs, c, table.link(e)) for c, e in some)
        yield (False, row, *merged, next((one for one in targets if one is not None), None))


def _target(refs: dict[tuple[int, str, str], int], connection: int, ref: Ref | None) -> int | None:
    return None if ref is None else refs.get((connection, ref.entity_type, ref.external_id))


def _entity(version: Any, org: Organization) -> Entity:
    entity = to_entity(version.provider, version.entity_type, version.payload)
    return priced(entity, org.currencies.get(version.connection_id))
