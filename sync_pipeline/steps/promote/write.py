"""A batch into core, set-based, in the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection

from sync_pipeline.db.queries import execute
from sync_pipeline.entities.base import Ref
from sync_pipeline.entities.order import Order
from sync_pipeline.steps.promote import child_rows, identity, links
from sync_pipeline.steps.promote.batch import WorkItem, mapper_of, refs_of
from sync_pipeline.steps.promote.derive import derive
from sync_pipeline.steps.promote.identity import PromotionSettings, Resolution
from sync_pipeline.steps.promote.merge import ROWS, WRITE, recompute, set_aside
from sync_pipeline.steps.promote.stage import array, line, stage
from sync_pipeline.steps.promote.tables import (
    ADDRESSES,
    BY_NAME,
    CUSTOMERS,
    INVENTORY,
    ITEMS,
    ORDERS,
    PRODUCTS,
    VARIANTS,
    Table,
    encode,
    with_currency,
)


def begin(conn: Connection, org_id: int, queue: str | None) -> None:
    """Take the organization's turn to write core; the transaction's changes are logged for `queue`."""
    execute(conn, WRITE["for_queue"], queue=queue or "", org=org_id)


def write(conn: Connection, org: PromotionSettings, queue: str, items: Sequence[WorkItem]) -> None:
    """Promote a batch. Items that must wait for a person get an error; every other one is in core afterwards.

    Raises:
        sqlalchemy.exc.DBAPIError: a record breaks a rule of the database; the caller finds out which.
    """
    groups: dict[str, list[WorkItem]] = defaultdict(list)
    deletes = []
    for item in items:
        if item.line.action == "delete":
            deletes.append(item)
        elif item.table is not None:
            groups[item.table.name].append(item)
    customers: set[int] = set()
    for name, group in groups.items():
        if name == INVENTORY.name:
            child_rows.write_inventory_items(conn, queue, group)
            _map(conn, queue, INVENTORY, group)
        elif name == ITEMS.name:
            orders = child_rows.write_order_lines(conn, queue, group)
            _map(conn, queue, ITEMS, group)
            customers |= child_rows.customers_of(conn, orders)
        else:
            customers |= _write_rows(conn, org, queue, BY_NAME[name], group)
    moved = [item for item in items if item.left is not None and item.error is None]
    if moved:
        customers |= _leave(conn, org, queue, moved)
    if deletes:
        customers |= _delete(conn, org, queue, deletes)
    derive(conn, org, customers, queue=queue)


def _write_rows(
    conn: Connection, org: PromotionSettings, queue: str, table: Table, group: Sequence[WorkItem]
) -> set[int]:
    """Rows of one table with all that belongs to them; returns the customers whose figures may have changed."""
    outcome = identity.resolve(conn, org, queue, table, group)
    group = [item for item in group if item.error is None]
    if not group:
        return set()
    affected: set[int] = set()
    if table is ORDERS:
        affected |= child_rows.customers_of(conn, (item.id for item in group if not item.is_new))
        _guests(conn, queue, group)
    if table is ADDRESSES:
        affected |= child_rows.owners_of(conn, (item.id for item in group if not item.is_new))
    _map(conn, queue, table, group)
    waiting = _link(conn, group)
    _insert_and_update(conn, org, queue, table, group, outcome)
    links.drop(conn, table.name, group)
    if table.relation is not None:
        links.wait(conn, queue, table.name, table.relation, waiting)
    if table is PRODUCTS:
        child_rows.write_categories(conn, queue, group)
    if table.match == "sku":
        child_rows.write_stock(conn, queue, group)
    if table is ORDERS:
        child_rows.write_order_items(conn, queue, group)
    linked = links.fill(conn, queue, table.name)
    if table is ORDERS:
        apart = {item.id for item in group if isinstance(item.entity, Order) and item.entity.lines_apart}
        child_rows.sum_orders(conn, queue, apart)
        affected |= child_rows.customers_of(conn, (item.id for item in group))
    if table is ADDRESSES:
        affected |= {item.relation for item in group if item.relation is not None}
    if table is CUSTOMERS:
        affected |= {item.id for item in group} | outcome.recompute
    return affected | child_rows.customers_of(conn, linked)


def _map(conn: Connection, queue: str, table: Table, group: Sequence[WorkItem]) -> None:
    execute(conn, WRITE["stage_mapping"])
    execute(conn, WRITE["clear_mapping"])
    execute(
        conn,
        WRITE["fill_mapping"],
        queue=queue,
        low=min(item.line.line_no for item in group),
        high=max(item.line.line_no for item in group),
        lines=array(item.line.line_no for item in group),
        rows=array(item.id for item in group),
        core_wins=array(item.core_wins for item in group),
        set_aside=array(item.sku_set_aside for item in group),
        mappers=array(mapper_of(item.provider, item.line.entity_type) for item in group),
    )
    again = any(item.was_mapped for item in group)
    execute(conn, WRITE["map"] + "\n" + WRITE["map_again"] if again else WRITE["map"], table=table.name, queue=queue)
    execute(conn, WRITE["in_sync"])


def _link(conn: Connection, group: Sequence[WorkItem]) -> list[tuple[WorkItem, Ref]]:
    """Resolve each item's relation; returns those that must wait for theirs."""
    wanted = [(item, ref) for item in group if (ref := refs_of(item)) is not None]
    if not wanted:
        return []
    table = wanted[0][0].table
    assert table is not None
    found = identity.look_up_refs(conn, ((item.line.connection_id, ref) for item, ref in wanted), table.target)
    waiting = []
    for item, ref in wanted:
        item.relation = found.get((item.line.connection_id, ref.entity_type, ref.external_id))
        if item.relation is None:
            waiting.append((item, ref))
    return waiting


def _insert_and_update(
    conn: Connection, org: PromotionSettings, queue: str, table: Table, group: Sequence[WorkItem], outcome: Resolution
) -> None:
    old = [item.id for item in group if not item.is_new]
    if old:
        outcome.recompute.update(execute(conn, WRITE["shared"], table=table.name, rows=old).scalars())
    some = [item for item in group if not item.core_wins and (item.is_new or item.id not in outcome.recompute)]
    short = table.name.partition(".")[2]
    if some:
        stage(conn, ROWS, short, [_staged(org, table, item) for item in some])
        if any(item.is_new for item in some):
            execute(conn, ROWS[f"insert_{short}"], queue=queue)
        if not all(item.is_new for item in some):
            execute(conn, ROWS[f"update_{short}"], queue=queue)
    for move in outcome.moves:
        identity.move(conn, queue, table, move)
        outcome.recompute.add(move.origin)
    if outcome.recompute:
        recompute(conn, org, table, outcome.recompute, queue=queue)


def _staged(org: PromotionSettings, table: Table, item: WorkItem) -> str:
    text = item.text
    if item.sku_set_aside:
        text = line(encode(table, with_currency(table, set_aside(table, table.row(item.entity)), org.currency)))
    text = f"{'t' if item.is_new else 'f'}\t{item.id}\t{text}"
    return f"{text}\t{line((item.relation,))}" if table.relation else text


def _guests(conn: Connection, queue: str, group: Sequence[WorkItem]) -> None:
    """Who bought without an account is a customer by e-mail: found, or made."""
    guests = [
        WorkItem(item.line, item.provider, entity=item.entity.guest, table=CUSTOMERS)
        for item in group
        if isinstance(item.entity, Order) and item.entity.customer is None and item.entity.guest is not None
    ]
    if not guests:
        return
    identity.resolve_guests(conn, guests)
    fresh = [guest for guest in guests if guest.is_new]
    if fresh:
        stage(
            conn,
            ROWS,
            "customers",
            ((True, guest.id, *encode(CUSTOMERS, CUSTOMERS.row(guest.entity))) for guest in fresh),
        )
        execute(conn, ROWS["insert_customers"], queue=queue)
    by_line = {guest.line.line_no: guest.id for guest in guests}
    for item in group:
        item.relation = by_line.get(item.line.line_no) or None


def _delete(conn: Connection, org: PromotionSettings, queue: str, deletes: Sequence[WorkItem]) -> set[int]:
    """Mark rows deleted that no other live record stands behind; the others are merged from those that do."""
    by_key = {item.line.key: item for item in deletes}
    rows: dict[str, set[int]] = defaultdict(set)
    items: dict[str, list[WorkItem]] = defaultdict(list)
    keeps: set[tuple[str, int]] = set()
    keys = {
        "connections": [item.line.connection_id for item in deletes],
        "types": [item.line.entity_type for item in deletes],
        "ids": [item.line.external_id for item in deletes],
        "hashes": [item.line.content_hash for item in deletes],
    }
    execute(conn, WRITE["deleted_in_sync"], **keys)
    found = execute(conn, WRITE["delete_mapping"], queue=queue, **keys).all()
    for row in found:
        item = by_key.pop((row.connection_id, row.entity_type, row.external_id))
        item.id = int(row.internal_id)
        rows[row.core_table].add(item.id)
        items[row.core_table].append(item)
        if row.core_wins:
            keeps.add((row.core_table, item.id))
    for item in by_key.values():
        item.warnings.append("It was never promoted, so there is nothing to delete.")
    return _retire(conn, org, queue, rows, items, keeps)


def _leave(conn: Connection, org: PromotionSettings, queue: str, moved: Sequence[WorkItem]) -> set[int]:
    """Records that became something else (a contact an address, say) leave the row they were."""
    rows: dict[str, set[int]] = defaultdict(set)
    items: dict[str, list[WorkItem]] = defaultdict(list)
    for item in moved:
        assert item.left is not None
        name, row = item.left
        rows[name].add(row)
        items[name].append(item)
    return _retire(conn, org, queue, rows, items, set())


def _retire(
    conn: Connection,
    org: PromotionSettings,
    queue: str,
    rows: Mapping[str, set[int]],
    items: Mapping[str, Sequence[WorkItem]],
    keeps: Collection[tuple[str, int]],
) -> set[int]:
    """Mark rows that these records stood behind as deleted, or merge them from the records that stay."""
    customers: set[int] = set()
    for name, ids in rows.items():
        if name == ITEMS.name:
            orders = child_rows.delete_order_lines(conn, queue, items[name])
            customers |= child_rows.customers_of(conn, orders)
            continue
        if name in (PRODUCTS.name, VARIANTS.name, INVENTORY.name):
            child_rows.delete_stock(conn, queue, items[name])
        if name == INVENTORY.name:
            continue
        live = set(execute(conn, WRITE["still_mapped"], table=name, rows=list(ids)).scalars())
        dead = [one for one in ids if one not in live and (name, one) not in keeps]
        execute(conn, ROWS[f"delete_{name.partition('.')[2]}"], rows=dead, queue=queue)
        recompute(conn, org, BY_NAME[name], live & ids, queue=queue)
        if name == ORDERS.name:
            customers |= child_rows.customers_of(conn, ids)
        if name == CUSTOMERS.name:
            customers |= ids
    return customers
