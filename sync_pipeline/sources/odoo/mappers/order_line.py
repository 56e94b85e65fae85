"""Lines of sale orders: articles, deliveries, rewards; sections and notes are texts, not amounts."""

from collections.abc import Mapping
from typing import Any

from sync_pipeline.entities.base import Follow, reads
from sync_pipeline.entities.order_item import ItemType, OrderItem, OrderLines
from sync_pipeline.entities.reference import Reference
from sync_pipeline.sources.odoo.mappers.follow import taxes, taxes_of, unit_of
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.mappers.values import amount, ident, kept, linked, number, ref, text

_UNITS = ("product_uom_id", "product_uom")  # from Odoo 18.2 on, and before
_TAXES = ("tax_ids", "tax_id")
_KEPT = ("sequence", "qty_delivered", "qty_invoiced", "is_downpayment", "coupon_id", "reward_id", "combo_item_id")
_text = to_reference("order_line")


def item_type(payload: Mapping[str, Any]) -> ItemType:
    """Delivery lines are shipping; rewards and what else takes off without an article's discount are discounts."""
    if payload.get("is_delivery") is True:
        return ItemType.SHIPPING
    if payload.get("is_reward_line") is True or ident(payload.get("reward_id")) is not None:
        return ItemType.DISCOUNT
    return ItemType.LINE


@reads(
    follows=(
        Follow("product_id", "variation", ("default_code", "product_tmpl_id")),
        *(Follow(field, "unit", ("name",)) for field in _UNITS),
        *(taxes(field) for field in _TAXES),
    ),
)
def to_order_lines(payload: Mapping[str, Any]) -> OrderLines | Reference:
    """One `sale.order.line`, without tax, after its own discount: that is what Odoo adds up.

    Raises:
        Unmappable: an amount or a quantity is not a number.
    """
    if payload.get("display_type") not in (None, False):
        return _text(payload)
    article = linked(payload, "product_id")
    quantity = number(payload, "product_uom_qty")
    value = amount(payload, "price_subtotal")
    discount = number(payload, "discount")
    kind = item_type(payload)
    price = number(payload, "price_unit")
    return OrderLines(
        order=ref("order", payload.get("order_id")),
        items=[
            OrderItem(
                item_type=kind,
                external_item_id="line",
                name=text(payload, "name"),
                sku=text(article, "default_code"),
                product=ref("product", article.get("product_tmpl_id")) if kind is ItemType.LINE else None,
                variant=ref("variation", payload.get("product_id")) if kind is ItemType.LINE else None,
                quantity=quantity,
                unit_price=price,
                total=value,
                tax_total=number(payload, "price_tax"),
                metadata={
                    "odoo_line_id": payload.get("id"),
                    **({"discount_percent": discount} if discount else {}),
                    **kept(payload, _KEPT),
                    **{key: unit for field in _UNITS for key, unit in unit_of(payload, field).items()},
                    **{key: some for field in _TAXES for key, some in taxes_of(payload, field).items()},
                },
            )
        ],
    )
