"""Products. Prices are strings, "" when unset; a variable product's own price is its cheapest variation's."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sync_pipeline.entities.base import Ref, reads
from sync_pipeline.entities.product import Product
from sync_pipeline.entities.stock import Stock
from sync_pipeline.sources.woocommerce.mappers.values import money, plain, records, text

STATUS = {
    "publish": "active",
    "draft": "draft",
    "auto-draft": "draft",
    "pending": "draft",
    "private": "hidden",
    "future": "scheduled",
    "trash": "trashed",
}
_STOCK_STATUS = {"instock": "in_stock", "outofstock": "out_of_stock", "onbackorder": "on_backorder"}
PRICES = ("price", "regular_price", "sale_price")
STOCK = ("manage_stock", "stock_quantity", "stock_status", "backorders")
_KEPT = ("permalink", "tax_class", "weight", "catalog_visibility", "featured", "virtual", "downloadable")


def to_stock(payload: Mapping[str, Any]) -> Stock:
    """Stock of the payload. `manage_stock` is "parent" on a variation that uses its product's stock."""
    managed = payload.get("manage_stock") is True
    quantity: Decimal | None = money(payload, "stock_quantity") if managed else None
    status = payload.get("stock_status")
    return Stock(
        quantity=quantity,
        manage_stock=managed,
        stock_status=_STOCK_STATUS.get(status, status) if status else None,
        backorders=plain(payload, "backorders"),
    )


def kept(payload: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    """The non-empty fields, for `metadata`."""
    return {name: value for name in fields if (value := payload.get(name)) or value == {}}


@reads(
    "id",
    "name",
    "sku",
    "slug",
    "type",
    "status",
    "description",
    "short_description",
    "global_unique_id",
    "attributes",
    "images",
    "tags",
    "categories",
    *PRICES,
    *STOCK,
    *_KEPT,
)
def to_product(payload: Mapping[str, Any]) -> Product:
    """One product of `wc/v3/products`.

    Raises:
        Unmappable: a price or the stock quantity is not a number.
    """
    status = str(payload.get("status") or "publish")
    metadata = {"woo_product_id": payload.get("id"), **kept(payload, _KEPT)}
    parent = payload.get("type") in ("variable", "grouped")
    return Product(
        name=text(payload, "name") or "",
        sku=text(payload, "sku"),
        slug=plain(payload, "slug"),
        type=plain(payload, "type"),
        status=STATUS.get(status, status),
        source_status=status,
        active=status == "publish",
        description=plain(payload, "description"),
        short_description=plain(payload, "short_description"),
        price=money(payload, "price"),
        regular_price=money(payload, "regular_price"),
        sale_price=money(payload, "sale_price"),
        barcode=plain(payload, "global_unique_id"),
        attributes=[
            {"name": text(one, "name"), "options": one.get("options"), "variation": one.get("variation")}
            for one in records(payload, "attributes")
        ],
        images=[{"src": one.get("src"), "alt": one.get("alt")} for one in records(payload, "images")],
        tags=[text(one, "name") or "" for one in records(payload, "tags")],
        categories=[Ref("category", str(one["id"])) for one in records(payload, "categories") if one.get("id")],
        # A parent that does not manage stock has none; its variations have.
        stock=None if parent and payload.get("manage_stock") is not True else to_stock(payload),
        metadata=metadata,
    )
