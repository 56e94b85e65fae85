"""What was sold: orders, their items, and what was given back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from sync_pipeline.entities.base import Entity, Ref
from sync_pipeline.entities.customer import Customer


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


# These were never sales: they add nothing to what a customer is worth.
NOT_SOLD = frozenset({OrderStatus.DRAFT, OrderStatus.CANCELLED, OrderStatus.FAILED, OrderStatus.TRASHED})


class ItemType(StrEnum):
    """What an item of an order is."""

    LINE = "line"
    SHIPPING = "shipping"
    FEE = "fee"
    DISCOUNT = "discount"
    TAX = "tax"
    REFUND = "refund"


class OrderItem(msgspec.Struct, frozen=True, kw_only=True):
    """One amount of an order. The totals of all items but refunds add up to the order's total.

    `total` is without tax, which is an item of its own; `tax_total` repeats this item's share of it.
    """

    item_type: ItemType
    external_id: str  # unique within the order (or refund) it belongs to
    name: str | None = None
    sku: str | None = None
    product: Ref | None = None
    variant: Ref | None = None
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    total: Decimal
    tax_total: Decimal | None = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


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
    customer: Ref | None = None
    guest: Customer | None = None  # who bought, where no customer is named
    customer_email: str | None = None
    billing_address: dict[str, Any] | None = None
    shipping_address: dict[str, Any] | None = None
    payment_method: str | None = None
    ordered_at: datetime | None = None
    paid_at: datetime | None = None
    completed_at: datetime | None = None
    active: bool = True
    items: Sequence[OrderItem] = ()
    # True: the lines are records of their own (OrderLines); `items` has only what the order itself tells, and core sums
    # up the totals by item type.
    lines_apart: bool = False


class OrderLines(Entity, frozen=True, kw_only=True):
    """Items that are a record of their own and hang on an order."""

    order: Ref | None
    items: Sequence[OrderItem]


class Refund(OrderLines, frozen=True, kw_only=True):
    """Money given back: items of type refund with negative totals."""

    amount: Decimal
    refunded_at: datetime | None = None
