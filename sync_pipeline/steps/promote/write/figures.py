"""Figures of customers from their captured orders: lifetime value, segment, status, dates.

Computed from what is captured, promoted or not, and without one call to a store. Each provider's own mapping says
what an order's status and totals mean.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection

from sync_pipeline.db.queries import execute, load, stream
from sync_pipeline.entities.base import Entity
from sync_pipeline.entities.order import NOT_SOLD, Order, OrderStatus
from sync_pipeline.entities.order_item import Refund
from sync_pipeline.exact_json import to_json
from sync_pipeline.sources.base import types_of
from sync_pipeline.steps.capture.mapped import Captured, to_entities
from sync_pipeline.steps.capture.related import Lookup, looking
from sync_pipeline.steps.promote.map.batch import priced
from sync_pipeline.steps.promote.place.identity import PromotionSettings
from sync_pipeline.steps.promote.write.same_sale import Sale, without_copies

SQL = load("sync_pipeline.steps.promote.write")
_CHUNK = 1000  # customers, and orders, at a time; bounds memory


@dataclass(slots=True)
class CustomerFigures:
    """What a customer's orders add up to, by currency."""

    sales: list[Sale] = field(default_factory=list)
    totals: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    orders: Counter[str] = field(default_factory=Counter)
    completed: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add_up(self, separate_sales: frozenset[int]) -> None:
        """Add the customer's sales up, each once whichever stores know it."""
        for sale in without_copies(self.sales, separate_sales):
            self.add(sale.order, sale.refunds)

    def add(self, order: Order, refunds: Mapping[str, Decimal]) -> None:
        """Add an order and the refunds that are records. One that was never a sale changes only the date of the last
        interaction.
        """
        moment = order.ordered_at
        if moment is not None:
            self.last = moment if self.last is None else max(self.last, moment)
        if order.status in NOT_SOLD:
            return
        currency = order.currency or ""
        self.totals[currency] += order.total - sum({**order.refunds, **refunds}.values(), Decimal(0))
        self.orders[currency] += 1
        self.completed += order.status is OrderStatus.COMPLETED
        if moment is not None:
            self.first = moment if self.first is None else min(self.first, moment)

    def currency(self, of_org: str | None) -> str | None:
        """The organization's; without one, the currency of most orders."""
        if of_org is not None or not self.orders:
            return of_org
        return min(self.orders, key=lambda one: (-self.orders[one], one)) or None


def segment(value: Decimal, completed: int) -> str:
    """The customer's segment, by lifetime value and completed orders."""
    if value > 50_000:
        return "enterprise"
    if value > 20_000 or completed > 50:
        return "mid_market"
    if value > 5_000 or completed > 10:
        return "smb"
    return "startup" if completed > 2 else "individual"


def derive(conn: Connection, org: PromotionSettings, customers: Collection[int], *, queue: str | None) -> None:
    """Compute and write the figures of these core customers."""
    ordered = sorted(customers)
    for start in range(0, len(ordered), _CHUNK):
        _derive(conn, org, ordered[start : start + _CHUNK], queue)


def _derive(conn: Connection, org: PromotionSettings, customers: Sequence[int], queue: str | None) -> None:
    rows = execute(conn, SQL["customers"], rows=list(customers)).all()
    figures = {row.id: CustomerFigures() for row in rows}
    records = [(row.id, connection, ext) for row in rows for connection, _, ext in row.records]
    emails = [(row.id, email) for row in rows for email in row.emails]
    types = types_of("order")
    if records:
        found = stream(
            conn,
            SQL["orders_of_records"],
            connections=[one[1] for one in records],
            ids=[one[2] for one in records],
            types=types,
        )
        _add(conn, org, ((figures[records[row.n - 1][0]], row) for row in found))
    if emails:
        found = stream(
            conn, SQL["orders_of_emails"], emails=[one[1] for one in emails], types=types, buyers=types_of("customer")
        )
        _add(conn, org, ((figures[emails[row.n - 1][0]], row) for row in found))
    _write(conn, org, rows, figures, queue)


def _add(conn: Connection, org: PromotionSettings, rows: Iterable[tuple[CustomerFigures, Any]]) -> None:
    # The customer of these orders is known, so the records they name are not looked up.
    look = looking(conn, without=types_of("customer"))
    rows = iter(rows)
    while some := list(islice(rows, _CHUNK)):
        refunds = _refunds(conn, [row for _, row in some])
        for (figures, row), order in zip(some, _mapped((row for _, row in some), look), strict=True):
            # One that cannot be mapped fails on its own line, with the reason, when it is promoted.
            if isinstance(order, Order):
                order = priced(order, org.currencies.get(row.connection_id) or org.currency)
                refunded = refunds[row.connection_id, row.external_id]
                figures.sales.append(Sale(row.connection_id, _without_details(order), refunded))


def _without_details(order: Order) -> Order:
    """The order without what figures do not read: there may be very many of one customer."""
    return msgspec.structs.replace(
        order, items=(), guest=None, billing_address=None, shipping_address=None, metadata={}, warnings=()
    )


def _refunds(conn: Connection, orders: Sequence[Any]) -> Mapping[tuple[int, str], dict[str, Decimal]]:
    """The captured refunds of orders: the amount by id, zero where it was deleted."""
    found: dict[tuple[int, str], dict[str, Decimal]] = defaultdict(dict)
    rows = execute(
        conn,
        SQL["refunds_of_orders"],
        connections=[row.connection_id for row in orders],
        ids=[row.external_id for row in orders],
        types=types_of("refund"),
    ).all()
    for row, refund in zip(rows, _mapped(rows, looking(conn)), strict=True):
        if isinstance(refund, Refund):
            order = orders[row.n - 1]
            amount = Decimal(0) if row.deleted else refund.amount
            found[order.connection_id, order.external_id][row.external_id] = amount
    return found


def _mapped(rows: Iterable[Any], look: Lookup) -> Iterator[Entity | Exception]:
    return to_entities((Captured(row.connection_id, row.provider, row.entity_type, row.payload) for row in rows), look)


def _write(
    conn: Connection,
    org: PromotionSettings,
    rows: Sequence[Any],
    figures: dict[int, CustomerFigures],
    queue: str | None,
) -> None:
    columns: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        one = figures[row.id]
        one.add_up(org.separate_sales)
        currency = one.currency(org.currency)
        value = one.totals.get(currency or "", Decimal(0))
        others = {name: total for name, total in one.totals.items() if name != (currency or "")}
        facts: dict[str, Any] = {"completed_orders": one.completed} if one.completed else {}
        if others:
            facts["other_currencies"] = others
        columns["rows"].append(row.id)
        columns["values"].append(value)
        columns["currencies"].append(currency)
        columns["orders"].append(one.orders.total())
        columns["segments"].append(segment(value, one.completed))
        columns["statuses"].append("active" if one.completed else "prospect")
        dates = [moment for moment in (row.registered_at, one.first) if moment is not None]
        columns["acquired"].append(min(dates, default=None))
        columns["last_seen"].append(one.last or row.registered_at)
        columns["facts"].append(to_json(facts))
    if rows:
        execute(conn, SQL["write"], queue=queue, **columns)
