"""Product templates. What is bought is a variant; a template shows what its variants share."""

from collections.abc import Mapping
from typing import Any

from sync_pipeline.entities.base import names, reads
from sync_pipeline.entities.product import Product
from sync_pipeline.sources.odoo.mappers.follow import CURRENCY, UNIT, currency_of, taxes, taxes_of, unit_of
from sync_pipeline.sources.odoo.mappers.values import kept, number, ref, text

_KEPT = ("type", "is_storable", "tracking", "invoice_policy", "weight", "volume", "hs_code", "company_id")


def status(payload: Mapping[str, Any]) -> str:
    """archived, hidden (not for sale) or active."""
    if payload.get("active") is False:
        return "archived"
    return "hidden" if payload.get("sale_ok") is False else "active"


def kind(payload: Mapping[str, Any]) -> str:
    """What kind of product it is, in the words that all providers share."""
    if payload.get("type") == "combo":
        return "grouped"
    if payload.get("has_configurable_attributes") is True:
        return "variable"
    return "service" if payload.get("type") == "service" else "simple"


@reads(
    *names(
        "id name active sale_ok default_code barcode list_price currency_id categ_id uom_id taxes_id "
        "has_configurable_attributes description_sale description_ecommerce"
    ),
    *_KEPT,
    follows=(CURRENCY, UNIT, taxes("taxes_id")),
)
def to_product(payload: Mapping[str, Any]) -> Product:
    """One `product.template`. Odoo fills its SKU and barcode only where it has a single variant, whose they are.

    Its stock is its variants'. The sales price is the one there is: pricelists are reference data.

    Raises:
        SyncError: its currency is not captured.
        Unmappable: the price is not a number.
    """
    price = number(payload, "list_price")
    category = ref("category", payload.get("categ_id"))
    return Product(
        name=text(payload, "name") or "",
        sku=text(payload, "default_code"),
        type=kind(payload),
        status=status(payload),
        source_status=status(payload),
        active=payload.get("active") is not False,
        description=text(payload, "description_ecommerce"),
        short_description=text(payload, "description_sale"),
        price=price,
        regular_price=price,
        currency=currency_of(payload),
        barcode=text(payload, "barcode"),
        categories=[category] if category else [],
        metadata={
            "odoo_template_id": payload.get("id"),
            **kept(payload, _KEPT),
            **unit_of(payload, "uom_id"),
            **taxes_of(payload, "taxes_id"),
        },
    )
