"""Products. Prices are strings, "" when unset; a variable product's own price is its cheapest variation's."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sync_pipeline.entities.base import MapperWarning, Ref, names, reads
from sync_pipeline.entities.product import Product
from sync_pipeline.entities.stock import Stock
from sync_pipeline.sources.woocommerce.mappers.values import (
    flag,
    html,
    kept,
    money,
    picture,
    raw,
    records,
    ref,
    text,
    texts,
    word,
)

STATUS = {
    "publish": "active",
    "draft": "draft",
    "auto-draft": "draft",
    "pending": "draft",
    "private": "hidden",
    "future": "scheduled",
    "trash": "trashed",
}
STOCK_STATUS = {"instock": "in_stock", "outofstock": "out_of_stock", "onbackorder": "on_backorder"}
PRICES = ("price", "regular_price", "sale_price")
STOCK = ("manage_stock", "stock_quantity", "stock_status", "backorders")
_KEPT = ("permalink", "tax_class", "weight", "catalog_visibility", "featured", "virtual", "downloadable")


def status_of(payload: Mapping[str, Any], warnings: list[str]) -> tuple[str, str]:
    """The state in core's words, and in the store's. One that a plugin added is hidden: only `publish` is for sale."""
    known = word(payload, "status", STATUS)
    source_status = text(payload, "status")
    if known is None and source_status is not None:
        said = f"Unknown status “{source_status}”: it counts as hidden."
        warnings.append(MapperWarning(said, "unknown_status", "status"))
        return "hidden", source_status
    return STATUS[known or "publish"], source_status or "publish"


def to_stock(payload: Mapping[str, Any], warnings: list[str]) -> Stock:
    """Stock of the payload. `manage_stock` is "parent" on a variation that uses its product's stock."""
    managed = flag(payload, "manage_stock", warnings)
    quantity: Decimal | None = money(payload, "stock_quantity") if managed else None
    known = word(payload, "stock_status", STOCK_STATUS)
    if known is None and (status := text(payload, "stock_status")) is not None:
        said = f"Unknown stock status “{status}”. It stays empty."
        warnings.append(MapperWarning(said, "unknown_status", "stock_status"))
    return Stock(
        quantity=quantity,
        manage_stock=managed,
        stock_status=STOCK_STATUS[known] if known else None,
        backorders=text(payload, "backorders"),
    )


@reads(
    *names(
        "id name sku slug type status description short_description global_unique_id attributes images tags categories"
    ),
    *PRICES,
    *STOCK,
    *_KEPT,
)
def to_product(payload: Mapping[str, Any]) -> Product:
    """One product of `wc/v3/products`.

    Raises:
        Unmappable: a price, the stock quantity, a text or a list is something else.
    """
    warnings: list[str] = []
    status, source_status = status_of(payload, warnings)
    kind = text(payload, "type")
    # A parent that does not manage stock has none; its variations have.
    counted = kind not in ("variable", "grouped") or flag(payload, "manage_stock", [])
    return Product(
        name=text(payload, "name") or "",
        sku=text(payload, "sku"),
        slug=text(payload, "slug"),
        type=kind,
        status=status,
        source_status=source_status,
        active=status == "active",
        description=html(payload, "description"),
        short_description=html(payload, "short_description"),
        price=money(payload, "price"),
        regular_price=money(payload, "regular_price"),
        sale_price=money(payload, "sale_price"),
        barcode=text(payload, "global_unique_id"),
        attributes=[
            {
                "name": text(one, "name", "attributes."),
                "options": texts(one, "options"),
                "variation": flag(one, "variation", warnings),
            }
            for one in records(payload, "attributes")
        ],
        images=[picture(one) for one in records(payload, "images")],
        tags=[text(one, "name", "tags.") or "" for one in records(payload, "tags")],
        categories=categories(payload),
        stock=to_stock(payload, warnings) if counted else None,
        metadata={"woo_product_id": raw(payload, "id"), **kept(payload, _KEPT)},
        warnings=tuple(warnings),
    )


def categories(payload: Mapping[str, Any]) -> list[Ref]:
    """The categories, each once."""
    named = (ref("category", raw(one, "id")) for one in records(payload, "categories"))
    return list(dict.fromkeys(one for one in named if one is not None))
