"""Who bought: an order that names no customer of the store belongs to whoever its e-mail leads to.

That is the customer whose promoted version has the e-mail, else one who had it before, else a guest: a customer made of
the order itself. The mapping of such an order keeps the e-mail as its claim, so that it follows when the e-mail leads
to somebody else. docs/mapping.md has the rules; figures use the same ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Ref
from sync_pipeline.entities.customer import TABLE as CUSTOMERS
from sync_pipeline.entities.customer import Customer
from sync_pipeline.entities.order import Order
from sync_pipeline.sources.base import parent_fields, types_of
from sync_pipeline.steps.capture.mapped import Captured, to_entities
from sync_pipeline.steps.capture.record_key import RecordKey, key_columns
from sync_pipeline.steps.capture.related import looking
from sync_pipeline.steps.promote.core import ROWS
from sync_pipeline.steps.promote.core.encode import encode
from sync_pipeline.steps.promote.core.stage import stage
from sync_pipeline.steps.promote.map.batch import Claimed, WorkItem
from sync_pipeline.steps.promote.place.identity import new_ids

SQL = load("sync_pipeline.steps.promote.place", "buyers.sql")
_CHUNK = 2000  # e-mails settled at a time


def claim_buyers(conn: Connection, items: Sequence[WorkItem], place: int) -> list[WorkItem]:
    """The orders of a batch that belong to their e-mail's customer; each has the folded e-mail as its claim.

    `place`: of the customer among an item's targets. A customer that the store lists and nobody has promoted yet is
    waited for, unless the order named them and found its buyer before they were listed.
    """
    for item in items:
        item.claim = None
    some = [
        item
        for item in items
        if isinstance(item.entity, Order) and item.entity.guest is not None and item.targets[place] is None
    ]
    asked = [(item, ref) for item in some if (ref := _customer(item)) is not None]
    waits: set[int] = set()
    if asked:
        gone = execute(
            conn,
            SQL["not_waited_for"],
            connections=[item.line.connection_id for item, _ in asked],
            types=[ref.entity_type for _, ref in asked],
            ids=[ref.external_id for _, ref in asked],
            orders=[item.id if item.former is not None else 0 for item, _ in asked],
        )
        waits = {item.line.line_no for item, _ in asked} - {asked[row.n - 1][0].line.line_no for row in gone}
    mine = [item for item in some if item.line.line_no not in waits]
    if not mine:
        return []
    for row in execute(conn, SQL["fold"], values=[_guest(item).email for item in mine]):
        mine[row.n - 1].claim = row.folded
    keys = key_columns([item.line.key for item in mine])
    execute(conn, SQL["claim_orders"], **keys, claims=[item.claim for item in mine])
    return mine


def claim_again(conn: Connection, keys: Sequence[RecordKey]) -> set[str]:
    """Those of these promoted orders that belong to their e-mail's customer claim it; returns the e-mails."""
    items = []
    for n, order in _orders(conn, keys):
        connection, entity_type, external_id = keys[n]
        line = Claimed(n, connection, entity_type, external_id, "update", b"")
        items.append(WorkItem(line, "", entity=order, targets=[None]))
    return {item.claim for item in claim_buyers(conn, items, 0) if item.claim is not None}


def former_emails(conn: Connection, keys: Sequence[RecordKey], *, now: bool = False) -> set[str]:
    """The addresses that these records had before; `now`: and the one that they have."""
    return set(execute(conn, SQL["former_emails"], **key_columns(keys), now=now).scalars())


def unclaim(conn: Connection, queue: str | None, orders: Collection[int]) -> set[str]:
    """The customers of these orders came; returns the e-mails that led to their buyers until now."""
    if not orders:
        return set()
    return set(execute(conn, SQL["unclaim_orders"], rows=list(orders), queue=queue).scalars())


def earlier_buyers(conn: Connection, orders: Sequence[RecordKey], *, now: bool = False) -> set[int]:
    """Customers whom earlier captured versions of these orders named, by id or by e-mail; `now`: or the last ones."""
    if not orders:
        return set()
    found = execute(
        conn,
        SQL["earlier_buyers"],
        **key_columns(orders),
        fields=parent_fields("order"),
        buyers=types_of("customer"),
        now=now,
    )
    return {*found.scalars(), *related_customers(conn, former_emails(conn, orders, now=now))}


def counted_without_promotion(conn: Connection, sales: Sequence[RecordKey]) -> set[int]:
    """Customers whose figures count these orders and refunds, where no promotion of them is to come.

    Figures count what is captured, promoted or not, and promotions renew them.
    """
    if not sales:
        return set()
    types = {"orders": types_of("order"), "refunds": types_of("refund")}
    orders = [tuple(one) for one in execute(conn, SQL["nothing_to_promote"], **key_columns(sales), **types)]
    return earlier_buyers(conn, orders, now=True)


def related_customers(conn: Connection, emails: Collection[str]) -> set[int]:
    """Customers who have one of these e-mails, or had it."""
    return set(execute(conn, SQL["related_customers"], emails=list(emails)).scalars()) if emails else set()


def settle_buyers(
    conn: Connection,
    queue: str | None,
    emails: Collection[str],
    items: Sequence[WorkItem] = (),
    *,
    place: int = 0,
    renew: bool = False,
) -> set[int]:
    """Let the orders that claim these e-mails belong to whom they lead to; make and end guests.

    `items`: orders that are about to be written; they get their customer as a target, and guests made of them are
    written again. `renew`: so are all others, because the order that they were made of may be gone.

    Returns the customers who won or lost orders, guests among them.
    """
    ordered = sorted(emails)
    by_key = {item.line.key: item for item in items}
    by_email: dict[str, int] = {}
    affected: set[int] = set()
    for start in range(0, len(ordered), _CHUNK):
        affected |= _settle(conn, queue, ordered[start : start + _CHUNK], by_key, by_email, renew=renew)
    for item in items:
        item.targets[place] = by_email.get(item.claim or "")
    return affected


def _settle(
    conn: Connection,
    queue: str | None,
    emails: Sequence[str],
    items: dict[RecordKey, WorkItem],
    by_email: dict[str, int],
    *,
    renew: bool,
) -> set[int]:
    rows = execute(conn, SQL["buyers"], emails=list(emails)).all()
    fresh = iter(new_ids(conn, CUSTOMERS.name, sum(row.owner is None and row.guest is None for row in rows)))
    ended: list[int] = []
    made: list[tuple[int, bool, Any]] = []  # row, whether it is new, the order it is made of
    customers: dict[str, int] = {}
    for row in rows:
        over = row.owner is not None or row.external_id is None
        if over and row.guest is not None and row.guest_made and not row.guest_deleted:
            ended.append(row.guest)
        if row.external_id is None:
            continue
        target = row.owner
        if target is None:
            target = row.guest if row.guest is not None else next(fresh)
            written = (row.connection_id, row.entity_type, row.external_id) in items
            if row.guest is None or (row.guest_made and (written or renew or row.guest_deleted)):
                made.append((target, row.guest is None, row))
        customers[emails[row.n - 1]] = target
    by_email |= customers
    affected = {*_write_guests(conn, queue, made, items), *ended}
    if customers:
        moved = execute(
            conn, SQL["follow_buyers"], queue=queue, emails=list(customers), customers=list(customers.values())
        )
        affected |= {int(one) for row in moved for one in row if one is not None}
    if ended:
        execute(conn, for_table(ROWS["delete_rows"], CUSTOMERS), queue=queue, rows=ended)
    return affected


def _write_guests(
    conn: Connection, queue: str | None, made: Sequence[tuple[int, bool, Any]], items: dict[RecordKey, WorkItem]
) -> set[int]:
    """Write the rows of guests, each from the lowest order that claims its e-mail; returns those that changed."""
    if not made:
        return set()
    entities: dict[int, Customer] = {}
    others = []
    for row, _, order in made:
        item = items.get((order.connection_id, order.entity_type, order.external_id))
        if item is not None:
            entities[row] = _guest(item)
        else:
            others.append((row, order))
    if others:
        for n, found in _orders(conn, [(one.connection_id, one.entity_type, one.external_id) for _, one in others]):
            if found.guest is not None:
                entities[others[n][0]] = found.guest
    stage(
        conn,
        CUSTOMERS,
        [(new, row, *encode(CUSTOMERS, CUSTOMERS.values(entities[row]))) for row, new, _ in made if row in entities],
    )
    execute(conn, for_table(ROWS["insert_rows"], CUSTOMERS), queue=queue)
    execute(conn, SQL["keep_figures"])
    renewed = execute(conn, for_table(SQL["renew_guests"], CUSTOMERS), queue=queue).scalars()
    return {*renewed, *(row for row, new, _ in made if new)}


def _orders(conn: Connection, keys: Sequence[RecordKey]) -> Iterator[tuple[int, Order]]:
    """The promoted versions of these orders, each with its place among the keys."""
    found = execute(conn, SQL["promoted_orders"], **key_columns(keys)).all()
    payloads = (Captured(one.connection_id, one.provider, one.entity_type, one.payload, one.parent_id) for one in found)
    for one, entity in zip(found, to_entities(payloads, looking(conn)), strict=True):
        if isinstance(entity, Order):
            yield one.n - 1, entity


def _customer(item: WorkItem) -> Ref | None:
    assert isinstance(item.entity, Order)
    return item.entity.customer


def _guest(item: WorkItem) -> Customer:
    assert isinstance(item.entity, Order)
    assert item.entity.guest is not None
    return item.entity.guest
