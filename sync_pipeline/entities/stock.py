"""Stock of articles."""

from decimal import Decimal
from typing import Annotated

import msgspec

from sync_pipeline.entities.base import Entity, Ref
from sync_pipeline.entities.core import CoreTable, Elsewhere, To


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """Stock of one article at one place of one connection.

    `quantity` is None where the store does not count it: unmanaged stock is not zero stock.
    """

    quantity: Decimal | None = None
    manage_stock: bool = False
    stock_status: str | None = None  # in_stock, out_of_stock, on_backorder
    backorders: str | None = None  # no, notify, yes
    location: str = ""  # empty: the store has one place


class InventoryItem(Entity, frozen=True, kw_only=True):
    """Stock that is a record of its own, of a product or of one variant."""

    product: Annotated[Ref | None, To("core.products")]
    variant: Annotated[Ref | None, To("core.product_variants")] = None
    stock: Annotated[Stock, Elsewhere()]


TABLE = CoreTable(
    "core.inventory_items",
    InventoryItem,
    holds="stock of an article at one place; an empty quantity means that the store does not count it",
    kinds=("inventory_item",),
    row=Stock,
)
