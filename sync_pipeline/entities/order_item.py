"""Items of orders, and the records that have some: refunds, order lines."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from sync_pipeline.entities.base import Entity, Ref
from sync_pipeline.entities.core import CoreTable, Elsewhere, To


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
    external_item_id: str  # unique within the order (or refund) it belongs to
    name: str | None = None
    sku: str | None = None
    product: Annotated[Ref | None, To("core.products")] = None
    variant: Annotated[Ref | None, To("core.product_variants")] = None
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    total: Decimal
    tax_total: Decimal | None = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


class OrderLines(Entity, frozen=True, kw_only=True):
    """Items of an order that are a record of their own."""

    order: Annotated[Ref | None, To("core.sales_orders")]
    items: Annotated[Sequence[OrderItem], Elsewhere("core.sales_orders")]  # the order sums them up


class Refund(OrderLines, frozen=True, kw_only=True):
    """Money given back: items of type refund with negative totals."""

    amount: Annotated[Decimal, Elsewhere()]
    refunded_at: Annotated[datetime | None, Elsewhere()] = None


TABLE = CoreTable(
    "core.sales_order_items",
    OrderLines,
    holds="lines, shipping, fees, discounts, taxes and refunds of the orders",
    kinds=("order_lines", "refund"),
    row=OrderItem,
)
