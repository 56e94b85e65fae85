"""What is sold: categories, products, their variants and their stock."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from sync_pipeline.entities.base import Entity, Ref


class Category(Entity, frozen=True, kw_only=True):
    """A node of the category tree."""

    name: str
    slug: str | None = None
    description: str | None = None
    parent: Ref | None = None
    image: dict[str, Any] | None = None
    position: int | None = None
    active: bool = True


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """Stock of one article at one place of one connection.

    `quantity` is None where the store does not count it: unmanaged stock is not zero stock.
    """

    quantity: Decimal | None = None
    manage_stock: bool = False
    stock_status: str | None = None  # in_stock, out_of_stock, on_backorder
    backorders: str | None = None  # no, notify, yes
    location: str = ""  # empty: the store has one place


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
    categories: Sequence[Ref] = ()
    # None: stock comes from records of its own (Odoo's quants) or from the variants.
    stock: Stock | None = None


class Variant(Entity, frozen=True, kw_only=True):
    """One buyable form of a product, with its own SKU and price."""

    product: Ref | None
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
    stock: Stock | None = None


class InventoryItem(Entity, frozen=True, kw_only=True):
    """Stock that is a record of its own, of a product or of one variant."""

    product: Ref | None
    variant: Ref | None = None
    stock: Stock
