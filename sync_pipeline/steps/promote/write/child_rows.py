"""Rows that belong to other rows: a product's categories, stock, and the items of orders."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Ref
from sync_pipeline.entities.core import CoreTable, core_tables
from sync_pipeline.entities.order import Order
from sync_pipeline.entities.order_item import TABLE as ITEMS
from sync_pipeline.entities.order_item import OrderItem, OrderLines, Refund
from sync_pipeline.entities.product import Product
from sync_pipeline.entities.stock import TABLE as INVENTORY
from sync_pipeline.entities.stock import InventoryItem
from sync_pipeline.entities.variant import Variant
from sync_pipeline.exact_json import to_json
from sync_pipeline.sources.base import types_of
from sync_pipeline.steps.promote.core import ROWS
from sync_pipeline.steps.promote.core.encode import encode
from sync_pipeline.steps.promote.core.stage import array, line, stage
from sync_pipeline.steps.promote.map.batch import WorkItem, stock_fields
from sync_pipeline.steps.promote.place.identity import look_up_refs
from sync_pipeline.steps.promote.write import links

SQL = load("sync_pipeline.steps.promote.write")
_METADATA = ITEMS.columns.index("metadata")


def _keys(items: Sequence[WorkItem]) -> dict[str, list[Any]]:
    return {
        "connections": [item.line.connection_id for item in items],
        "types": [item.line.entity_type for item in items],
        "ids": [item.line.external_id for item in items],
    }


def write_categories(conn: Connection, queue: str | None, items: Sequence[WorkItem]) -> None:
    """Write the categories of products; those not promoted yet become pending links."""
    named = [
        (item, item.line.connection_id, ref)
        for item in items
        if not item.core_wins and isinstance(item.entity, Product)
        for ref in dict.fromkeys(item.entity.categories)
    ]
    old = [item for item in items if not item.is_new and not item.core_wins]
    found = look_up_refs(conn, {(connection, ref) for _, connection, ref in named}, "core.categories")
    pairs: dict[tuple[int, int], int] = {}
    waiting: dict[tuple[int, int, Ref], None] = {}
    for item, connection, ref in named:
        category = found.get((connection, ref.entity_type, ref.external_id))
        if category is None:
            waiting[item.id, connection, ref] = None
            item.warnings.append(links.say(ref))
        else:
            pairs.setdefault((item.id, category), connection)
    rows = {"rows": array(one for one, _ in pairs), "categories": array(one for _, one in pairs)}
    if old:
        execute(
            conn,
            SQL["drop_product_categories"],
            products=[item.id for item in old],
            connections=[item.line.connection_id for item in old],
            **rows,
        )
    if pairs:
        execute(conn, SQL["insert_product_categories"], queue=queue, connections=array(pairs.values()), **rows)
    if waiting:
        execute(
            conn,
            links.SQL["wait"],
            queue=queue,
            table="core.products",
            rows=[product for product, _, _ in waiting],
            relations=["product_categories"] * len(waiting),
            connections=[connection for _, connection, _ in waiting],
            types=[ref.entity_type for _, _, ref in waiting],
            ids=[ref.external_id for _, _, ref in waiting],
        )


def write_stock(conn: Connection, queue: str, items: Sequence[WorkItem]) -> None:
    """Write the stock in an article's own record: one row per record, without a location."""
    rows: list[str] = []
    gone = []
    for item in items:
        entity = item.entity
        assert isinstance(entity, Product | Variant)
        if item.stock is not None:
            article = (item.id, None) if isinstance(entity, Product) else (item.targets[0], item.id)
            rows.append(f"{line(article)}\t{item.stock}")
        elif item.was_mapped:
            gone.append(item)
    if rows:
        _write_stock(conn, queue, rows, again=any(item.was_mapped for item in items))
    if gone:
        delete_parts(conn, queue, INVENTORY, gone)


def _write_stock(conn: Connection, queue: str, rows: Sequence[Sequence[Any] | str], *, again: bool) -> None:
    _stage_parts(conn, INVENTORY, rows, ROWS["copy_parts"])
    write = "\n".join((ROWS["write_parts"], ROWS["replace_parts"])) if again else ROWS["write_parts"]
    execute(conn, for_table(write, INVENTORY), queue=queue)


def _stage_parts(conn: Connection, table: CoreTable, rows: Iterable[Sequence[Any] | str], copy_to: str) -> None:
    stage(conn, table, rows, create=ROWS["stage_parts"], copy_to=copy_to)


def delete_parts(conn: Connection, queue: str, table: CoreTable, items: Sequence[WorkItem]) -> Sequence[Any]:
    """Mark the rows of a table that are parts of these records as deleted; returns them."""
    return execute(conn, for_table(ROWS["delete_parts"], table), queue=queue, **_keys(items)).all()


def write_inventory_items(conn: Connection, queue: str, items: Sequence[WorkItem]) -> None:
    """Write stock records. Sets each item's row id."""
    refs = [
        look_up_refs(
            conn,
            (
                (item.line.connection_id, ref)
                for item in items
                if item.entity is not None and (ref := relation.of(item.entity)) is not None
            ),
            relation.table,
        )
        for relation in INVENTORY.relations
    ]
    rows: list[tuple[Any, ...]] = []
    waiting: dict[str, list[tuple[WorkItem, Any]]] = {relation.column: [] for relation in INVENTORY.relations}
    for item in items:
        entity = item.entity
        assert isinstance(entity, InventoryItem)
        targets: list[int | None] = []
        for relation, found in zip(INVENTORY.relations, refs, strict=True):
            ref = relation.of(entity)
            target = found.get((item.line.connection_id, ref.entity_type, ref.external_id)) if ref else None
            targets.append(target)
            if ref is not None and target is None:
                waiting[relation.column].append((item, ref))
        rows.append((*targets, *stock_fields(item.line, entity.stock, to_json(entity.metadata))))
    _write_stock(conn, queue, rows, again=True)
    for row in execute(conn, SQL["inventory_ids"], **_keys(items)):
        items[row.n - 1].id = int(row.id)
    links.drop(conn, INVENTORY.name, items)
    for column, some in waiting.items():
        links.wait(conn, queue, INVENTORY.name, column, some)


def write_order_items(conn: Connection, queue: str, items: Sequence[WorkItem]) -> None:
    """Write the items of orders whose payload holds them."""
    some = [item for item in items if isinstance(item.entity, Order)]
    rows = (
        _item_row(item, item.id, one, None)
        for item in some
        for one in item.entity.items  # type: ignore[union-attr]
    )
    _write_items(conn, queue, some, rows)


def write_order_lines(conn: Connection, queue: str, items: Sequence[WorkItem]) -> set[int]:
    """Items that are records of their own: refunds, order lines. Gives each its first item's id; returns the orders
    that were refunded: lines say nothing of what a customer is worth.
    """
    refs = look_up_refs(
        conn,
        (
            (item.line.connection_id, item.entity.order)
            for item in items
            if isinstance(item.entity, OrderLines) and item.entity.order is not None
        ),
        "core.sales_orders",
    )

    def rows() -> Iterator[tuple[Any, ...]]:
        for item in items:
            entity = item.entity
            assert isinstance(entity, OrderLines)
            ref = entity.order
            order = None if ref is None else refs.get((item.line.connection_id, ref.entity_type, ref.external_id))
            for one in entity.items:
                yield _item_row(item, order, one, entity)

    refunded: set[int] = set()
    parts_of: set[int] = set()
    if old := [item for item in items if item.was_mapped]:  # the orders that some of them may leave
        for row in execute(conn, SQL["orders_of_items"], **_keys(old)):
            (refunded if row.refund else parts_of).add(int(row.order_id))
    _write_items(conn, queue, items, rows())
    for row in execute(conn, SQL["first_items"], **_keys(items)):
        item = items[row.n - 1]
        item.id = int(row.id)
        if row.order_id is not None:
            (refunded if isinstance(item.entity, Refund) else parts_of).add(int(row.order_id))
    sum_orders(conn, queue, parts_of)
    sum_refunds(conn, queue, refunded)
    return refunded


def sum_orders(conn: Connection, queue: str, orders: Collection[int]) -> None:
    """Sum up, by item type, the promoted items of orders whose lines are records of their own."""
    if orders:
        execute(conn, SQL["sum_orders"], queue=queue, rows=list(orders))


def sum_refunds(conn: Connection, queue: str | None, orders: Collection[int]) -> None:
    """What was refunded of these orders, from the refunds that are there and the orders' own lists together."""
    if orders:
        statement = with_refunded(SQL["sum_refunds"])
        execute(conn, statement, queue=queue, rows=list(orders), refunds=types_of("refund"))


def with_refunded(statement: str) -> str:
    """A statement over orders `t` whose {refunded} is what was refunded of one; it takes `refunds`, entity types."""
    return statement.replace("{refunded}", SQL["refunded_of_order"])


def _item_row(item: WorkItem, order: int | None, one: OrderItem, lines: OrderLines | None) -> tuple[Any, ...]:
    values = list(ITEMS.values(one))
    if lines is not None and lines.metadata:
        values[_METADATA] = {**lines.metadata, **one.metadata}
    refs = (lines.order if lines is not None else None, one.product, one.variant)
    names = [part for ref in refs for part in ((ref.entity_type, ref.external_id) if ref else (None, None))]
    record = (item.line.connection_id, item.line.entity_type, item.line.external_id)
    return (order, *record, *encode(ITEMS, values), *names)


def _write_items(conn: Connection, queue: str, items: Sequence[WorkItem], rows: Iterable[tuple[Any, ...]]) -> None:
    _stage_parts(conn, ITEMS, ((n, *row) for n, row in enumerate(rows)), SQL["copy_items"])
    execute(conn, SQL["link_items"])
    old = [item for item in items if item.was_mapped]
    if old:
        execute(conn, SQL["drop_item_links"], **_keys(old))
        execute(conn, SQL["drop_items"], **_keys(old))
    write = "\n".join((ROWS["write_parts"], ROWS["in_order"], ROWS["replace_parts"]))
    execute(conn, for_table(write, ITEMS, ", external_item_id"), queue=queue)
    execute(conn, SQL["wait_for_item_links"], queue=queue)
    by_key = {item.line.key: item for item in items}
    for row in execute(conn, SQL["unlinked_items"]):
        item = by_key[(row.connection_id, row.entity_type, row.external_id)]
        item.warnings.append("An order or product it names is not promoted; the link is filled when it is.")


def delete_order_lines(conn: Connection, queue: str, items: Sequence[WorkItem]) -> set[int]:
    """Mark the items of these records as deleted; returns their orders."""
    found = delete_parts(conn, queue, ITEMS, items)
    sum_orders(conn, queue, {int(one.order_id) for one in found if one.order_id and one.item_type != "refund"})
    sum_refunds(conn, queue, {int(one.order_id) for one in found if one.order_id and one.item_type == "refund"})
    return {int(one.order_id) for one in found if one.order_id is not None}


def customers_behind(conn: Connection, table: str, rows: Iterable[int]) -> set[int]:
    """The customers whose figures these rows of a core table may change: themselves, or the ones they refer to."""
    ids = list(rows)
    if table == "core.customers":
        return set(ids)
    of = core_tables()[table]
    if not ids or not any(relation.table == "core.customers" for relation in of.relations):
        return set()
    return {int(one) for one in execute(conn, for_table(ROWS["customers_of_rows"], of), rows=ids).scalars()}
