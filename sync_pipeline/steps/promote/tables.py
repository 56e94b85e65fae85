"""Which entity goes to which core table, in what order, and how it is written as a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sync_pipeline.entities.base import Entity, Ref
from sync_pipeline.entities.catalogue import Category, InventoryItem, Product, Variant
from sync_pipeline.entities.customer import Address, Customer
from sync_pipeline.entities.order import Order, OrderLines
from sync_pipeline.entities.reference import Reference
from sync_pipeline.sources.base import Stream

# Dependencies first: a stage begins when the one before has no open line.
_STAGES: Mapping[str | None, int] = {
    "category": 1,
    "customer": 2,
    "product": 3,
    "variant": 4,
    "inventory_item": 5,
    "order": 6,
    "order_lines": 7,
    "refund": 7,
}
_REFERENCE = 8

_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


def to_json(value: Any) -> str:
    """`value` as JSON text; decimals keep their digits."""
    return _encoder.encode(value).decode()


# What a column, or a table of pairs, refers to.
TARGETS: Mapping[str, str] = {
    "parent_id": "core.categories",
    "product_categories": "core.categories",
    "customer_id": "core.customers",
    "product_id": "core.products",
    "variant_id": "core.product_variants",
    "order_id": "core.sales_orders",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A core table that records map to, one row each (or several records one row).

    `columns` are written from `row(entity)`, same order; JSON ones as Python values. `relation` is the one column
    that refers to another core row, from `link(entity)`. `match`: what else than the mapping makes a row the same.
    """

    name: str
    columns: tuple[str, ...]
    row: Callable[[Any], tuple[Any, ...]]
    json: frozenset[str] = frozenset({"metadata"})
    relation: str | None = None
    link: Callable[[Any], Ref | None] | None = None
    match: str | None = None  # sku, email
    json_places: tuple[int, ...] = field(init=False)
    target: str = field(init=False)  # the table that `relation` refers to
    currency: int | None = field(init=False)  # the place of the currency its prices are in

    def __post_init__(self) -> None:
        places = tuple(place for place, column in enumerate(self.columns) if column in self.json)
        object.__setattr__(self, "json_places", places)
        object.__setattr__(self, "target", TARGETS.get(self.relation or "", ""))
        priced = "price" in self.columns and "currency" in self.columns
        object.__setattr__(self, "currency", self.columns.index("currency") if priced else None)


CATEGORIES = Table(
    "core.categories",
    ("name", "slug", "description", "image", "position", "metadata", "active"),
    lambda e: (e.name, e.slug, e.description, e.image, e.position, e.metadata, e.active),
    json=frozenset({"image", "metadata"}),
    relation="parent_id",
    link=lambda e: e.parent,
)
CUSTOMERS = Table(
    "core.customers",
    (
        "name",
        "email",
        "phone",
        "company",
        "address",
        "shipping_address",
        "tags",
        "registered_at",
        "metadata",
        "active",
    ),
    lambda e: (
        e.name,
        e.email,
        e.phone,
        e.company,
        e.address,
        e.shipping_address,
        e.tags,
        e.registered_at,
        e.metadata,
        e.active,
    ),
    json=frozenset({"address", "shipping_address", "tags", "metadata"}),
    match="email",
)
ADDRESSES = Table(
    "core.customer_addresses",
    ("kind", "name", "email", "phone", "address", "metadata", "active"),
    lambda e: (e.kind, e.name, e.email, e.phone, e.address, e.metadata, e.active),
    json=frozenset({"address", "metadata"}),
    relation="customer_id",
    link=lambda e: e.customer,
)
PRODUCTS = Table(
    "core.products",
    (
        "sku",
        "name",
        "slug",
        "type",
        "status",
        "source_status",
        "description",
        "short_description",
        "price",
        "regular_price",
        "sale_price",
        "currency",
        "barcode",
        "attributes",
        "images",
        "tags",
        "metadata",
        "active",
    ),
    lambda e: (
        e.sku,
        e.name,
        e.slug,
        e.type,
        e.status,
        e.source_status,
        e.description,
        e.short_description,
        e.price,
        e.regular_price,
        e.sale_price,
        e.currency,
        e.barcode,
        e.attributes,
        e.images,
        e.tags,
        e.metadata,
        e.active,
    ),
    json=frozenset({"attributes", "images", "tags", "metadata"}),
    match="sku",
)
VARIANTS = Table(
    "core.product_variants",
    (
        "sku",
        "name",
        "status",
        "source_status",
        "description",
        "price",
        "regular_price",
        "sale_price",
        "currency",
        "barcode",
        "attributes",
        "image",
        "metadata",
        "active",
    ),
    lambda e: (
        e.sku,
        e.name,
        e.status,
        e.source_status,
        e.description,
        e.price,
        e.regular_price,
        e.sale_price,
        e.currency,
        e.barcode,
        e.attributes,
        e.image,
        e.metadata,
        e.active,
    ),
    json=frozenset({"attributes", "image", "metadata"}),
    relation="product_id",
    link=lambda e: e.product,
    match="sku",
)
ORDERS = Table(
    "core.sales_orders",
    (
        "number",
        "status",
        "source_status",
        "currency",
        "subtotal",
        "discount_total",
        "shipping_total",
        "fee_total",
        "tax_total",
        "total",
        "refunded_total",
        "customer_email",
        "billing_address",
        "shipping_address",
        "payment_method",
        "ordered_at",
        "paid_at",
        "completed_at",
        "metadata",
        "active",
    ),
    lambda e: (
        e.number,
        e.status.value,
        e.source_status,
        e.currency,
        e.subtotal,
        e.discount_total,
        e.shipping_total,
        e.fee_total,
        e.tax_total,
        e.total,
        e.refunded_total,
        e.customer_email,
        e.billing_address,
        e.shipping_address,
        e.payment_method,
        e.ordered_at,
        e.paid_at,
        e.completed_at,
        e.metadata,
        e.active,
    ),
    json=frozenset({"billing_address", "shipping_address", "metadata"}),
    relation="customer_id",
    link=lambda e: e.customer,
)
REFERENCE = Table(
    "core.reference_data",
    ("kind", "code", "name", "data", "metadata", "active"),
    lambda e: (e.kind, e.code, e.name, e.data, e.metadata, e.active),
    json=frozenset({"data", "metadata"}),
)
# Records that are parts of rows, not rows: stock of its own, refunds, order lines.
INVENTORY = Table("core.inventory_items", (), lambda _: ())
ITEMS = Table("core.sales_order_items", (), lambda _: ())

_TABLES: Sequence[tuple[type[Entity], Table]] = (
    (Product, PRODUCTS),
    (Variant, VARIANTS),
    (Order, ORDERS),
    (Customer, CUSTOMERS),
    (Address, ADDRESSES),
    (Category, CATEGORIES),
    (OrderLines, ITEMS),
    (InventoryItem, INVENTORY),
    (Reference, REFERENCE),
)
BY_NAME: Mapping[str, Table] = {table.name: table for _, table in _TABLES}
_by_kind: dict[type[Entity], Table] = {}


def table_of(entity: Entity) -> Table:
    """The core table an entity goes to."""
    kind = type(entity)
    table = _by_kind.get(kind)
    if table is None:
        table = _by_kind[kind] = next(table for base, table in _TABLES if issubclass(kind, base))
    return table


def stage_of(stream: Stream) -> int:
    """When a stream's records are promoted; everything without a table of its own comes last."""
    return _STAGES.get(stream.entity, _REFERENCE)


def encode(table: Table, row: Sequence[Any]) -> tuple[Any, ...]:
    """A row with its JSON columns as text, ready for COPY; an empty object or list stays one."""
    values = list(row)
    for place in table.json_places:
        if values[place] is not None:
            values[place] = to_json(values[place])
    return tuple(values)


def with_currency(table: Table, row: tuple[Any, ...], currency: str | None) -> tuple[Any, ...]:
    """Prices without a currency are in the organization's."""
    place = table.currency
    if currency is None or place is None or row[place] is not None:
        return row
    return (*row[:place], currency, *row[place + 1 :])
