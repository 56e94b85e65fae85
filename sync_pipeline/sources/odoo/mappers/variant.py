"""Product variants: what is stocked and sold, with the SKU and the barcode."""

from collections.abc import Mapping
from typing import Any

from sync_pipeline.entities.base import Follow, names, reads
from sync_pipeline.entities.stock import Stock
from sync_pipeline.entities.variant import Variant
from sync_pipeline.sources.odoo.mappers.follow import CURRENCY, currency_of
from sync_pipeline.sources.odoo.mappers.product import status
from sync_pipeline.sources.odoo.mappers.values import (
    first,
    ident,
    kept,
    linked,
    named,
    number,
    records,
    ref,
    text,
)

_KEPT = ("weight", "volume", "combination_indices")
_VALUE = Follow(
    "product_template_attribute_value_ids",
    "template_attribute_value",
    ("name", "attribute_id", "product_attribute_value_id"),
    (
        Follow("attribute_id", "attribute", ("name",)),
        Follow("product_attribute_value_id", "attribute_value", ("name",)),
    ),
)


def is_counted(payload: Mapping[str, Any]) -> bool | None:
    """Is its stock counted? Before Odoo 18 that was a separate product type. None: unknown."""
    if "is_storable" in payload:
        return payload["is_storable"] is True
    return payload["type"] == "product" if "type" in payload else None


@reads(
    *names(
        "id product_tmpl_id name active sale_ok type is_storable default_code barcode lst_price "
        "standard_price currency_id product_template_attribute_value_ids"
    ),
    *_KEPT,
    follows=(CURRENCY, _VALUE, Follow("product_tmpl_id", "product", ("active",))),
)
def to_variant(payload: Mapping[str, Any]) -> Variant:
    """One `product.product`. Where its stock is not counted it has stock of unknown quantity, not of zero.

    Raises:
        SyncError: its currency is not captured.
        Unmappable: a price is not a number.
    """
    price = number(payload, "lst_price")
    cost = number(payload, "standard_price")
    attributes = [
        {
            "name": named(one, "attribute_id"),
            "option": first(named(one, "product_attribute_value_id"), text(one, "name")),
        }
        for one in records(payload, "product_template_attribute_value_ids")
    ]
    # What belongs to an archived product cannot be sold, whatever its own record says.
    archived = linked(payload, "product_tmpl_id").get("active") is False
    state = "archived" if archived else status(payload)
    template_id = ident(payload.get("product_tmpl_id"))
    return Variant(
        product=ref("product", payload.get("product_tmpl_id")),
        name=text(payload, "name"),
        sku=text(payload, "default_code"),
        status=state,
        source_status=state,
        active=state != "archived",
        price=price,
        regular_price=price,
        currency=currency_of(payload),
        barcode=text(payload, "barcode"),
        attributes=attributes,
        stock=Stock() if is_counted(payload) is False else None,
        metadata={
            "odoo_product_id": payload.get("id"),
            **({"odoo_template_id": int(template_id)} if template_id else {}),
            **kept(payload, _KEPT),
            **({"cost": cost} if cost else {}),
        },
    )
