"""Products."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from sync_pipeline.entities.base import Entity, Ref
from sync_pipeline.entities.core import CoreTable, Elsewhere, Pairs
from sync_pipeline.entities.stock import Stock


class Product(Entity, frozen=True, kw_only=True):
    """A product as customers see it. Prices are in `currency`; None: the organization's."""

    name: str
    sku: str | None = None
    slug: str | None = None
    type: str | None = None  # simple, variable, grouped …
    status: str | None = None  # active, draft, hidden, scheduled, trashed
    source_status: str | None = None
    active: bool = True
    description: str | None = None
    short_description: str | None = None
    price: Decimal | None = None
    regular_price: Decimal | None = None
    sale_price: Decimal | None = None
    currency: str | None = None
    barcode: str | None = None
    attributes: Sequence[Any] = ()
    images: Sequence[Any] = ()
    tags: Sequence[str] = ()
    categories: Annotated[
        Sequence[Ref], Pairs("core.product_categories", "product_id", "category_id", "core.categories")
    ] = ()
    # None: stock comes from records of its own (Odoo's quants) or from the variants.
    stock: Annotated[Stock | None, Elsewhere("core.inventory_items")] = None


TABLE = CoreTable(
    "core.products",
    Product,
    holds="one row a product over all stores (the same SKU is the same product)",
    kinds=("product",),
    match="sku",
)
