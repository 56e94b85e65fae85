"""Variants of products."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from sync_pipeline.entities.base import Entity, Ref
from sync_pipeline.entities.core import CoreTable, Elsewhere, To
from sync_pipeline.entities.stock import Stock


class Variant(Entity, frozen=True, kw_only=True):
    """One buyable form of a product, with its own SKU and price."""

    product: Annotated[Ref | None, To("core.products")]
    name: str | None = None
    sku: str | None = None
    status: str | None = None
    source_status: str | None = None
    active: bool = True
    description: str | None = None
    price: Decimal | None = None
    regular_price: Decimal | None = None
    sale_price: Decimal | None = None
    currency: str | None = None
    barcode: str | None = None
    attributes: Sequence[Any] = ()
    image: dict[str, Any] | None = None
    stock: Annotated[Stock | None, Elsewhere("core.inventory_items")] = None


TABLE = CoreTable(
    "core.product_variants",
    Variant,
    holds="variations and variants, each with its own SKU, price and attributes",
    kinds=("variant",),
    match="sku",
)
