"""References whose target is not promoted yet: pending links, filled when the target is promoted."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Ref
from sync_pipeline.entities.core import CoreTable, core_tables, referring
from sync_pipeline.entities.variant import TABLE as VARIANTS
from sync_pipeline.steps.promote.core import ROWS
from sync_pipeline.steps.promote.map.batch import WorkItem

SQL = load("sync_pipeline.steps.promote.write")


def say(ref: Ref) -> str:
    """The warning for a reference that must wait."""
    name = ref.entity_type.replace("_", " ")
    return f"{name.capitalize()} {ref.external_id} is not promoted; the link is filled when it is."


def wait(
    conn: Connection,
    queue: str,
    table: str,
    relation: str,
    items: Sequence[tuple[WorkItem, Ref]],
    quiet: Collection[WorkItem] = (),
) -> None:
    """Store pending links for these rows, with a warning for each item that is not in `quiet`."""
    if not items:
        return
    for item, ref in items:
        if item not in quiet:
            item.warnings.append(say(ref))
    execute(
        conn,
        SQL["wait"],
        queue=queue,
        table=table,
        rows=[item.id for item, _ in items],
        relations=[relation] * len(items),
        connections=[item.line.connection_id for item, _ in items],
        types=[ref.entity_type for _, ref in items],
        ids=[ref.external_id for _, ref in items],
    )


def drop(conn: Connection, table: str, items: Sequence[WorkItem]) -> None:
    """Delete the pending links of rows that are written again."""
    old = [item for item in items if not item.is_new]
    if old:
        execute(
            conn,
            SQL["drop_links"],
            table=table,
            rows=[item.id for item in old],
            connections=[item.line.connection_id for item in old],
        )


def leave(conn: Connection, table: CoreTable, places: Sequence[tuple[int, int]]) -> None:
    """Records have left these rows (row, connection), which others keep: drop what they named and what they waited for,
    unless a live record of the same connection is there.
    """
    if not places:
        return
    rows, connections = zip(*sorted(places), strict=True)
    found = execute(conn, SQL["left_alone"], table=table.name, rows=list(rows), connections=list(connections)).all()
    if not found:
        return
    rows, connections = zip(*((one.id, one.connection_id) for one in found), strict=True)
    execute(conn, SQL["drop_links"], table=table.name, rows=list(rows), connections=list(connections))
    if table.pairs:
        kept: dict[str, list[int]] = {"rows": [], "categories": []}
        execute(conn, SQL["drop_product_categories"], products=list(rows), connections=list(connections), **kept)


def fill(conn: Connection, queue: str, table: CoreTable) -> list[int]:
    """Fill the links that waited for the records in stage_mapping, now rows of `table`; returns the orders that
    gained one.
    """
    execute(conn, SQL["stage_links"])
    execute(conn, SQL["clear_links"])
    columns = referring(table.name)
    pairs = [(one, pairs) for one in core_tables().values() for _, pairs in one.pairs if pairs.table == table.name]
    relations = {column for _, column in columns} | {pairs.short for _, pairs in pairs}
    if not relations or not execute(conn, SQL["arrived"], relations=list(relations)).rowcount:
        return []
    found = {(row.from_table, row.relation) for row in execute(conn, SQL["links_by_relation"])}
    for one, column in columns:
        if (one.name, column) in found:
            execute(conn, for_table(ROWS["fill_link"], one, column), queue=queue)
    if (VARIANTS.name, "product_id") in found:
        execute(conn, SQL["fill_stock_links"], queue=queue)
    for one, two in pairs:
        if (one.name, two.short) in found:
            execute(conn, SQL["fill_product_categories"], queue=queue)
    orders = [int(row) for row in execute(conn, SQL["orders_of_links"]).scalars()]
    execute(conn, SQL["filled"])
    return orders


def cut_circles(conn: Connection, queue: str, table: CoreTable, group: Sequence[WorkItem]) -> None:
    """Where rows of `table` are each other's parents, leave one of them without."""
    for relation in table.relations:
        if relation.table != table.name:
            continue
        statement = for_table(ROWS["cut_circles"], table, relation.column)
        inside = set(execute(conn, statement, queue=queue).scalars())
        for item in group:
            if item.id in inside:
                item.warnings.append(
                    "Its parents lead back to it. One record of this circle is left without its parent."
                )
