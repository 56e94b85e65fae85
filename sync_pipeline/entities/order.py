"""Orders."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from sync_pipeline.entities.base import Entity, Ref
from sync_pipeline.entities.core import CoreTable, Elsewhere, To
from sync_pipeline.entities.customer import Customer
from sync_pipeline.entities.order_item import OrderItem


class OrderStatus(StrEnum):
    """The one vocabulary for every provider's order states."""

    DRAFT = "draft"
    PENDING = "pending"
    ON_HOLD = "on_hold"
    PROCESSING = "processing"
    COMPLETED = "completed"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    FAILED = "failed"
    TRASHED = "trashed"


# These were never sales: they do not count for a customer's lifetime value.
NOT_SOLD = frozenset({OrderStatus.DRAFT, OrderStatus.CANCELLED, OrderStatus.FAILED, OrderStatus.TRASHED})


class Order(Entity, frozen=True, kw_only=True):
    """A sale. Amounts are in `currency`."""

    number: str
    status: OrderStatus
    source_status: str
    currency: str | None
    total: Decimal
    subtotal: Decimal | None = None
    discount_total: Decimal | None = None
    shipping_total: Decimal | None = None
    fee_total: Decimal | None = None
    tax_total: Decimal | None = None
    refunded_total: Decimal = Decimal(0)
    # What the header says of each refund, by id. A refund that is a record of its own is counted by that record.
    refunds: Annotated[dict[str, Decimal], Elsewhere()] = msgspec.field(default_factory=dict)
    customer: Annotated[Ref | None, To("core.customers")] = None
    # The buyer as the order itself says, for where it names no customer that the store has.
    guest: Annotated[Customer | None, Elsewhere("core.customers")] = None
    customer_email: str | None = None
    billing_address: dict[str, Any] | None = None
    shipping_address: dict[str, Any] | None = None
    payment_method: str | None = None
    ordered_at: datetime | None = None
    paid_at: datetime | None = None
    completed_at: datetime | None = None
    active: bool = True
    items: Annotated[Sequence[OrderItem], Elsewhere("core.sales_order_items")] = ()
    # What it says of an order of another store that it is a copy of: that order's number, perhaps with words before it.
    references: Annotated[Sequence[str], Elsewhere()] = ()
    # True: the lines are records of their own (OrderLines); `items` has only those in the order's payload, and core
    # sums up the totals by item type.
    lines_apart: Annotated[bool, Elsewhere()] = False


TABLE = CoreTable(
    "core.sales_orders",
    Order,
    holds="order headers: number, status, currency, totals, customer, addresses, UTC times",
    kinds=("order",),
    keys=("number",),
    personal=("customer_email", "billing_address", "shipping_address"),
)
