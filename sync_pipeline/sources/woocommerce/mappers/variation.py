"""Variations of variable products."""

from collections.abc import Mapping
from typing import Any

from sync_pipeline.entities.base import names, reads
from sync_pipeline.entities.variant import Variant
from sync_pipeline.sources.woocommerce.mappers.product import PRICES, STOCK, status_of, to_stock
from sync_pipeline.sources.woocommerce.mappers.values import html, kept, money, picture, raw, records, ref, text

_KEPT = ("permalink", "tax_class", "weight", "virtual", "downloadable")


@reads(
    *names("id parent_id name sku status description global_unique_id attributes image"),
    *PRICES,
    *STOCK,
    *_KEPT,
)
def to_variant(payload: Mapping[str, Any]) -> Variant:
    """One variation, from a product's list or from wc-analytics: the two agree in every field used here.

    Raises:
        Unmappable: a price, the stock quantity, a text or a list is something else.
    """
    warnings: list[str] = []
    status, source_status = status_of(payload, warnings)
    return Variant(
        product=ref("product", raw(payload, "parent_id")),
        name=text(payload, "name"),
        sku=text(payload, "sku"),
        status=status,
        source_status=source_status,
        active=status == "active",
        description=html(payload, "description"),
        price=money(payload, "price"),
        regular_price=money(payload, "regular_price"),
        sale_price=money(payload, "sale_price"),
        barcode=text(payload, "global_unique_id"),
        attributes=[
            {"name": text(one, "name", "attributes."), "option": text(one, "option", "attributes.")}
            for one in records(payload, "attributes")
        ],
        image=picture(raw(payload, "image")),
        stock=to_stock(payload, warnings),
        metadata={"woo_variation_id": raw(payload, "id"), **kept(payload, _KEPT)},
        warnings=tuple(warnings),
    )
