"""Merge all records that map to one core row: for each field the first value that is not empty wins.

The order is the organization's provider priority, then the lowest connection, then the lowest external id. So the row
is the same whichever record was promoted first. An address is one value, because parts of two addresses would be
nobody's; `metadata` is merged key by key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Entity
from sync_pipeline.entities.core import CoreTable, Relation, table_of
from sync_pipeline.steps.capture.mapped import Captured, to_entities
from sync_pipeline.steps.capture.related import looking
from sync_pipeline.steps.promote.core import ROWS
from sync_pipeline.steps.promote.core.encode import encode, with_currency
from sync_pipeline.steps.promote.core.stage import stage
from sync_pipeline.steps.promote.map.batch import Claimed, WorkItem, priced
from sync_pipeline.steps.promote.place import identity
from sync_pipeline.steps.promote.place.claims import numeric
from sync_pipeline.steps.promote.place.identity import Move, PromotionSettings, Resolution, look_up_refs
from sync_pipeline.steps.promote.write.child_rows import write_categories

WRITE = load("sync_pipeline.steps.promote.write")
_CHUNK = 1000  # rows merged at a time; bounds memory


def set_aside(table: CoreTable, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row without its SKU, which `metadata` keeps."""
    values = dict(zip(table.columns, row, strict=True))
    values["metadata"] = {**values["metadata"], "sku_set_aside": values["sku"]}
    values["sku"] = None
    return tuple(values.values())


def merge(table: CoreTable, rows: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    """Merge rows of one table, best first. False and 0 are values; "" and empty objects and lists are not."""
    return tuple(
        _by_key(values) if column == "metadata" else _first(values)
        for column, values in zip(table.columns, zip(*rows, strict=True), strict=True)
    )


def _first(values: Sequence[Any]) -> Any:
    return next((value for value in values if value not in (None, "", [], (), {})), values[0])


def _by_key(values: Sequence[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for value in reversed(values):
        merged.update({key: part for key, part in value.items() if part not in (None, "")})
    return merged


def follow(
    conn: Connection, org: PromotionSettings, table: CoreTable, outcome: Resolution, *, queue: str | None
) -> None:
    """Carry out what giving records their rows changed: move what belongs to them, merge rows, retire empty ones."""
    if outcome.moves:
        identity.move(conn, queue, table, outcome.moves, outcome.by_hand)
    if outcome.recompute:
        recompute(conn, org, table, outcome.recompute, queue=queue, fresh=outcome.fresh)
    left = [one for one in outcome.moves if one.origin in outcome.by_hand]
    if left and table.pairs:
        _write_pairs(conn, org, table, left, queue)
    for one in outcome.moves:
        if one.origin not in outcome.by_hand:
            identity.retire(conn, queue, table, one.origin, one.target)


def recompute(
    conn: Connection,
    org: PromotionSettings,
    table: CoreTable,
    rows: Collection[int],
    *,
    queue: str | None,
    fresh: Collection[int] = (),
    write: str = "update_rows",
) -> None:
    """Write these rows again from the promoted versions of all records that map to them.

    Rows that no live record maps to, or that keep their own values, stay as they are. `queue` None leaves the
    row to who wrote it last. `write`: `correct_rows` does not touch rows that are right already.
    """
    ordered = sorted(rows)
    for start in range(0, len(ordered), _CHUNK):
        some = ordered[start : start + _CHUNK]
        stage(conn, table, list(_merged(conn, org, table, some, fresh)))
        if fresh:
            execute(conn, for_table(ROWS["insert_rows"], table), queue=queue)
        execute(conn, for_table(ROWS[write], table), queue=queue)


def _write_pairs(
    conn: Connection, org: PromotionSettings, table: CoreTable, moves: Sequence[Move], queue: str | None
) -> None:
    """What records name in pairs, where they left a row that keeps its own."""
    behind: dict[int, list[Any]] = defaultdict(list)
    keys = {(one.connection, one.entity_type, one.external_id) for one in moves}
    for version in execute(conn, WRITE["versions"], table=table.name, rows=[one.target for one in moves]):
        if (version.connection_id, version.entity_type, version.external_id) in keys and not version.core_wins:
            behind[version.internal_id].append(version)
    items = []
    for row, some in _entities(conn, org, table, behind).items():
        for version, entity in some:
            line = Claimed(0, version.connection_id, version.entity_type, version.external_id, "update", b"")
            items.append(WorkItem(line, version.provider, entity=entity, id=row))
    write_categories(conn, queue, items)


def _merged(
    conn: Connection, org: PromotionSettings, table: CoreTable, rows: Sequence[int], fresh: Collection[int]
) -> Iterator[tuple[Any, ...]]:
    behind: dict[int, list[Any]] = defaultdict(list)
    for version in execute(conn, WRITE["versions"], table=table.name, rows=list(rows)):
        behind[version.internal_id].append(version)
    priority = {name: place for place, name in enumerate(org.priority)}
    for row, versions in list(behind.items()):
        if any(one.core_wins for one in versions):
            del behind[row]
            continue
        versions.sort(
            key=lambda one: (
                priority.get(one.provider, len(priority)),
                one.connection_id,
                numeric(one.external_id),
            )
        )
    entities = _entities(conn, org, table, behind)
    targets = _targets(conn, table, [one for some in entities.values() for one in some])
    for row, some in entities.items():
        values = []
        for version, entity in some:
            value = table.values(entity)
            values.append(set_aside(table, value) if version.sku_set_aside and entity.sku else value)  # type: ignore[attr-defined]
        merged = encode(table, with_currency(table, merge(table, values), org.currency))
        yield (row in fresh, row, *merged, *(_first_target(found, some) for found in targets))


def _targets(
    conn: Connection, table: CoreTable, records: Sequence[tuple[Any, Entity]]
) -> list[Callable[[Any, Entity], int | None]]:
    """For each relation of the table: the row that a record's entity refers to."""

    def looked_up(relation: Relation) -> Callable[[Any, Entity], int | None]:
        wanted = [(one.connection_id, ref) for one, entity in records if (ref := relation.of(entity)) is not None]
        refs = look_up_refs(conn, wanted, relation.table)

        def target(version: Any, entity: Entity) -> int | None:
            ref = relation.of(entity)
            return None if ref is None else refs.get((version.connection_id, ref.entity_type, ref.external_id))

        return target

    return [looked_up(relation) for relation in table.relations]


def _first_target(found: Callable[[Any, Entity], int | None], records: Sequence[tuple[Any, Entity]]) -> int | None:
    targets = (found(version, entity) for version, entity in records)
    return next((one for one in targets if one is not None), None)


def _entities(
    conn: Connection, org: PromotionSettings, table: CoreTable, behind: dict[int, list[Any]]
) -> dict[int, list[tuple[Any, Entity]]]:
    """The versions behind rows as entities of the table, in their order; rows without any are left out."""
    flat = [(row, one) for row, versions in behind.items() for one in versions if one.payload is not None]
    mapped = to_entities(
        (Captured(one.connection_id, one.provider, one.entity_type, one.payload, one.parent_id) for _, one in flat),
        looking(conn),
    )
    entities: dict[int, list[tuple[Any, Entity]]] = defaultdict(list)
    for (row, version), entity in zip(flat, mapped, strict=True):
        if isinstance(entity, Exception):
            raise entity
        if table_of(type(entity)) is table:
            entities[row].append((version, priced(entity, org.currencies.get(version.connection_id))))
    return entities
