"""Write a batch into core, set-based, in the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.queries import execute
from sync_pipeline.entities.base import Ref
from sync_pipeline.entities.core import CoreTable, core_tables
from sync_pipeline.entities.customer import TABLE as CUSTOMERS
from sync_pipeline.entities.order import Order
from sync_pipeline.entities.order_item import TABLE as ITEMS
from sync_pipeline.entities.stock import TABLE as INVENTORY
from sync_pipeline.steps.capture.mapped import mapper_of
from sync_pipeline.steps.promote.core import ROWS
from sync_pipeline.steps.promote.core.encode import encode, with_currency
from sync_pipeline.steps.promote.core.stage import array, line, stage
from sync_pipeline.steps.promote.map.batch import WorkItem
from sync_pipeline.steps.promote.place import buyers, identity
from sync_pipeline.steps.promote.place.identity import PromotionSettings, Resolution
from sync_pipeline.steps.promote.place.settle import settle_batch, settle_claims
from sync_pipeline.steps.promote.write import child_rows, links
from sync_pipeline.steps.promote.write.figures_due import postpone
from sync_pipeline.steps.promote.write.merge import WRITE, follow, set_aside

Place = tuple[int, int]  # a row, and the connection of a record that it was of


def write(conn: Connection, org: PromotionSettings, queue: str, items: Sequence[WorkItem]) -> None:
    """Promote a batch. Items that must wait for a person get an error; every other one is in core afterwards, and the
    figures of the customers behind them are due at the end of the queue.

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
    # First what goes: it has no claim against what comes.
    customers = _delete(conn, org, queue, deletes) if deletes else set()
    for name, group in groups.items():
        if name == INVENTORY.name:
            child_rows.write_inventory_items(conn, queue, group)
            _map(conn, queue, INVENTORY, group)
        elif name == ITEMS.name:
            orders = child_rows.write_order_lines(conn, queue, group)
            _map(conn, queue, ITEMS, group)
            customers |= child_rows.customers_behind(conn, "core.sales_orders", orders)
        else:
            customers |= _write_rows(conn, org, queue, core_tables()[name], group)
    moved = [item for item in items if item.left is not None and item.error is None]
    if moved:
        customers |= _leave(conn, org, queue, moved)
    postpone(conn, queue, customers)


def _write_rows(
    conn: Connection, org: PromotionSettings, queue: str, table: CoreTable, group: Sequence[WorkItem]
) -> set[int]:
    """Write rows of one table and what belongs to them; returns the customers whose figures may have changed."""
    outcome = _resolve(conn, org, queue, table, group)
    group = [item for item in group if item.error is None]
    if not group:
        return set()
    affected = child_rows.customers_behind(conn, table.name, (item.id for item in group if not item.is_new))
    _map(conn, queue, table, group)
    waiting = _link(conn, table, group)
    bought: Sequence[WorkItem] = ()
    if CUSTOMERS.name in table.others:
        bought, changed = _buyers(conn, queue, table, group)
        affected |= changed
    _insert_and_update(conn, org, queue, table, group, outcome)
    links.drop(conn, table.name, group)
    for column, some in waiting.items():
        links.wait(conn, queue, table.name, column, some, quiet=bought)
    if table.pairs:
        child_rows.write_categories(conn, queue, group)
    if INVENTORY.name in table.others:
        child_rows.write_stock(conn, queue, group)
    if ITEMS.name in table.others:
        child_rows.write_order_items(conn, queue, group)
    linked = links.fill(conn, queue, table)
    links.cut_circles(conn, queue, table, group)
    apart = {item.id for item in group if isinstance(item.entity, Order) and item.entity.lines_apart}
    child_rows.sum_orders(conn, queue, apart)
    if ITEMS.name in table.others:
        told = {
            item.id for item in group if not item.is_new or (isinstance(item.entity, Order) and item.entity.refunds)
        }
        child_rows.sum_refunds(conn, queue, told | {*linked})
    affected |= child_rows.customers_behind(conn, table.name, (item.id for item in group))
    if table is CUSTOMERS:
        emails = buyers.former_emails(conn, [item.line.key for item in group])
        emails |= {email for item in group for email in (item.claim, item.former) if email}
        left = buyers.unclaim(conn, queue, linked)  # guests made of an order that goes are made of the next one
        affected |= outcome.recompute | buyers.settle_buyers(conn, queue, left, renew=True)
        affected |= buyers.settle_buyers(conn, queue, emails - left) | buyers.related_customers(conn, emails | left)
    return affected | child_rows.customers_behind(conn, "core.sales_orders", linked)


def _resolve(
    conn: Connection, org: PromotionSettings, queue: str, table: CoreTable, items: Sequence[WorkItem]
) -> Resolution:
    """Give every unmapped item its core id. Items that must wait for a person get an error instead."""
    outcome = Resolution()
    if table.match is not None:
        settle_batch(conn, org, queue, table, items, outcome)
    open_items = [item for item in items if not item.id and item.error is None]
    for item, fresh in zip(open_items, identity.new_ids(conn, table.name, len(open_items)), strict=True):
        item.id, item.is_new = fresh, True
    identity.record(conn, queue, table, outcome.conflicts)
    return outcome


def _map(conn: Connection, queue: str, table: CoreTable, group: Sequence[WorkItem]) -> None:
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
        claims=[item.claim for item in group],
        hashes=[item.entity_hash for item in group],
    )
    again = any(item.was_mapped for item in group)
    execute(conn, WRITE["map"] + "\n" + WRITE["map_again"] if again else WRITE["map"], table=table.name, queue=queue)
    execute(conn, WRITE["in_sync"])


def _link(conn: Connection, table: CoreTable, group: Sequence[WorkItem]) -> dict[str, list[tuple[WorkItem, Ref]]]:
    """Resolve the references of each item; returns, by column, the items whose target is not promoted yet."""
    waiting: dict[str, list[tuple[WorkItem, Ref]]] = {}
    for relation in table.relations:
        refs = [relation.of(item.entity) for item in group]
        named = ((item.line.connection_id, ref) for item, ref in zip(group, refs, strict=True) if ref is not None)
        found = identity.look_up_refs(conn, named, relation.table)
        for item, ref in zip(group, refs, strict=True):
            key = None if ref is None else (item.line.connection_id, ref.entity_type, ref.external_id)
            target = None if key is None else found.get(key)
            item.targets.append(target)
            if ref is not None and target is None:
                waiting.setdefault(relation.column, []).append((item, ref))
    return waiting


def _insert_and_update(
    conn: Connection,
    org: PromotionSettings,
    queue: str,
    table: CoreTable,
    group: Sequence[WorkItem],
    outcome: Resolution,
) -> None:
    old = [item.id for item in group if not item.is_new]
    if old:
        outcome.recompute.update(execute(conn, WRITE["shared_rows"], table=table.name, rows=old).scalars())
    some = [item for item in group if not item.core_wins and (item.is_new or item.id not in outcome.recompute)]
    if some:
        stage(conn, table, [_staged(org, table, item) for item in some])
        if any(item.is_new for item in some):
            execute(conn, for_table(ROWS["insert_rows"], table), queue=queue)
        if not all(item.is_new for item in some):
            execute(conn, for_table(ROWS["update_rows"], table), queue=queue)
    follow(conn, org, table, outcome, queue=queue)


def _staged(org: PromotionSettings, table: CoreTable, item: WorkItem) -> str:
    text = item.text
    if item.sku_set_aside:
        text = line(encode(table, with_currency(table, set_aside(table, table.values(item.entity)), org.currency)))
    text = f"{'t' if item.is_new else 'f'}\t{item.id}\t{text}"
    return f"{text}\t{line(item.targets)}" if item.targets else text


def _buyers(
    conn: Connection, queue: str, table: CoreTable, group: Sequence[WorkItem]
) -> tuple[Sequence[WorkItem], set[int]]:
    """Give orders without a customer the one of their e-mail; returns them, and whose figures may have changed."""
    place = next(n for n, relation in enumerate(table.relations) if relation.table == CUSTOMERS.name)
    mine = buyers.claim_buyers(conn, group, place)
    emails = {email for item in group for email in (item.claim, item.former) if email}
    changed = buyers.settle_buyers(conn, queue, emails, mine, place=place) if emails else set()
    left = {item.former for item in group if item.former and item.former != item.claim}
    if left:  # guests made of an order that goes are made of the next one
        changed |= buyers.settle_buyers(conn, queue, left, renew=True)
    orders = [item.line.key for item in group if isinstance(item.entity, Order)]
    return mine, changed | buyers.earlier_buyers(conn, orders)


def _delete(conn: Connection, org: PromotionSettings, queue: str, deletes: Sequence[WorkItem]) -> set[int]:
    """Mark rows deleted that no other live record maps to; merge the others from those that do."""
    by_key = {item.line.key: item for item in deletes}
    places: dict[str, set[Place]] = defaultdict(set)
    items: dict[str, list[WorkItem]] = defaultdict(list)
    keeps: set[tuple[str, int]] = set()
    claims: dict[str, set[str]] = defaultdict(set)
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
        places[row.core_table].add((item.id, item.line.connection_id))
        items[row.core_table].append(item)
        if row.core_wins:
            keeps.add((row.core_table, item.id))
        if row.claim:
            claims[row.core_table].add(row.claim)
    for item in by_key.values():
        item.warnings.append("It was never promoted, so there is nothing to delete.")
    return _retire(conn, org, queue, places, items, keeps, claims)


def _leave(conn: Connection, org: PromotionSettings, queue: str, moved: Sequence[WorkItem]) -> set[int]:
    """Records that now belong to another table (a contact that became an address) leave their old row."""
    places: dict[str, set[Place]] = defaultdict(set)
    items: dict[str, list[WorkItem]] = defaultdict(list)
    for item in moved:
        assert item.left is not None
        name, row = item.left
        places[name].add((row, item.line.connection_id))
        items[name].append(item)
    claims: dict[str, set[str]] = defaultdict(set)
    for item in moved:
        if item.left is not None and item.former:
            claims[item.left[0]].add(item.former)
    return _retire(conn, org, queue, places, items, set(), claims)


def _retire(
    conn: Connection,
    org: PromotionSettings,
    queue: str,
    places: Mapping[str, set[Place]],
    items: Mapping[str, Sequence[WorkItem]],
    keeps: Collection[tuple[str, int]],
    claims: Mapping[str, set[str]],
) -> set[int]:
    """Mark the rows of these records as deleted, or merge them from the other records that map to them.

    `claims`: what the records claimed, by table.
    """
    customers: set[int] = set()
    for name, left in places.items():
        ids = {row for row, _ in left}
        if name == ITEMS.name:
            orders = child_rows.delete_order_lines(conn, queue, items[name])
            customers |= child_rows.customers_behind(conn, "core.sales_orders", orders)
            continue
        table = core_tables()[name]
        for parts in (INVENTORY, ITEMS):  # a deleted order keeps its sums
            if parts.name in (name, *table.others):
                child_rows.delete_parts(conn, queue, parts, items[name])
        if name == INVENTORY.name:
            continue
        live = set(execute(conn, WRITE["still_mapped"], table=name, rows=list(ids)).scalars())
        dead = [one for one in ids if one not in live and (name, one) not in keeps]
        execute(conn, for_table(ROWS["delete_rows"], table), rows=dead, queue=queue)
        # Before somebody else of the same store moves in: what a record named goes with it where the row stays.
        links.leave(conn, table, [place for place in left if place[0] in live])
        outcome = Resolution()
        if table.match is not None:  # who else claimed what they had may have it now
            outcome = settle_claims(conn, org, queue, table, claims.get(name, ()), live & ids)
            identity.record(conn, queue, table, outcome.conflicts)
        outcome.recompute |= live & ids
        follow(conn, org, table, outcome, queue=queue)
        customers |= child_rows.customers_behind(conn, name, ids | outcome.recompute)
        emails = set(claims.get(name, ()))
        if table is CUSTOMERS:
            emails |= buyers.former_emails(conn, [item.line.key for item in items[name]])
        if table is CUSTOMERS or CUSTOMERS.name in table.others:
            customers |= buyers.settle_buyers(conn, queue, emails, renew=table is not CUSTOMERS)
            customers |= buyers.related_customers(conn, emails)
    return customers
