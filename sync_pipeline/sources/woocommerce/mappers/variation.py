"""Variations of variable products."""

from collections.abc import Mapping
from typing import Any

from sync_pipeline.entities.base import reads
from sync_pipeline.entities.variant import Variant
from sync_pipeline.sources.woocommerce.mappers.product import PRICES, STATUS, STOCK, kept, to_stock
from sync_pipeline.sources.woocommerce.mappers.values import money, plain, records, ref, text

_KEPT = ("permalink", "tax_class", "weight", "virtual", "downloadable")


@reads(
    "id",
    "parent_id",
    "name",
    "sku",
    "status",
    "description",
    "global_unique_id",
    "attributes",
    "image",
    *PRICES,
    *STOCK,
    *_KEPT,
)
def to_variant(payload: Mapping[str, Any]) -> Variant:
    """One variation, from a product's list or from wc-analytics: the two agree in every field used here.

    Raises:
        Unmappable: a price or the stock quantity is not a number.
    """
    status = str(payload.get("status") or "publish")
    image = payload.get("image")
    return Variant(
        product=ref("product", payload.get("parent_id")),
        name=text(payload, "name"),
        sku=text(payload, "sku"),
        status=STATUS.get(status, status),
        source_status=status,
        active=status == "publish",
        description=plain(payload, "description"),
        price=money(payload, "price"),
        regular_price=money(payload, "regular_price"),
        sale_price=money(payload, "sale_price"),
        barcode=plain(payload, "global_unique_id"),
        attributes=[
            {"name": text(one, "name"), "option": text(one, "option")} for one in records(payload, "attributes")
        ],
        image={"src": image.get("src"), "alt": image.get("alt")} if isinstance(image, Mapping) else None,
        stock=to_stock(payload),
        metadata={"woo_variation_id": payload.get("id"), **kept(payload, _KEPT)},
    )
