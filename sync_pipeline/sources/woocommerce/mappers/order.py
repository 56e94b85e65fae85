"""Orders: the header, and items that add up to its total.

A line stands at its subtotal, before discounts; each coupon is a negative item; what was taken off without a coupon
(an edited line) is one more. Taxes are an item a rate. So: lines + discounts + shipping + fees + taxes = total.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from sync_pipeline.entities.order import Order, OrderStatus
from sync_pipeline.entities.order_item import ItemType, OrderItem
from sync_pipeline.entities.values import when
from sync_pipeline.sources.woocommerce.mappers.customer import to_guest
from sync_pipeline.sources.woocommerce.mappers.values import (
    amount,
    filled,
    first,
    money,
    plain,
    records,
    ref,
    text,
    total,
)

STATUS = {
    "pending": OrderStatus.PENDING,
    "on-hold": OrderStatus.ON_HOLD,
    "processing": OrderStatus.PROCESSING,
    "completed": OrderStatus.COMPLETED,
    "refunded": OrderStatus.REFUNDED,
    "cancelled": OrderStatus.CANCELLED,
    "failed": OrderStatus.FAILED,
    "checkout-draft": OrderStatus.DRAFT,
    "auto-draft": OrderStatus.DRAFT,
    "trash": OrderStatus.TRASHED,
}
_KEPT = ("transaction_id", "created_via", "customer_note", "payment_method_title", "prices_include_tax")


def unit_price(value: Decimal, quantity: Decimal) -> Decimal | None:
    """Unit price, to six places; None for a quantity of zero."""
    return round(value / quantity, 6).normalize() + 0 if quantity else None


def line_item(line: Mapping[str, Any], item_type: ItemType, field: str) -> OrderItem:
    """A product line at the amount in `field`: `subtotal` in an order, `total` in a refund."""
    value, quantity = amount(line, field, "line_items."), amount(line, "quantity", "line_items.")
    return OrderItem(
        item_type=item_type,
        external_item_id=f"line:{line.get('id')}",
        name=text(line, "name"),
        sku=text(line, "sku"),
        product=ref("product", line.get("product_id")),
        variant=ref("variation", line.get("variation_id")),
        quantity=quantity,
        unit_price=unit_price(value, quantity),
        total=value,
        tax_total=money(line, "total_tax", "line_items."),
    )


def to_items(payload: Mapping[str, Any]) -> Iterator[OrderItem]:
    """Every item of an order except refunds, which are separate records."""
    lines = records(payload, "line_items")
    for line in lines:
        yield line_item(line, ItemType.LINE, "subtotal")
    off = total(amount(one, "subtotal") - amount(one, "total", "line_items.") for one in lines)
    for coupon in records(payload, "coupon_lines"):
        value = amount(coupon, "discount", "coupon_lines.")
        off -= value
        yield OrderItem(
            item_type=ItemType.DISCOUNT,
            external_item_id=f"coupon:{coupon.get('id')}",
            name=text(coupon, "code"),
            total=-value,
            tax_total=money(coupon, "discount_tax", "coupon_lines."),
        )
    if off:
        yield OrderItem(
            item_type=ItemType.DISCOUNT, external_item_id="discount", name="Discount without a coupon", total=-off
        )
    for line in records(payload, "shipping_lines"):
        yield OrderItem(
            item_type=ItemType.SHIPPING,
            external_item_id=f"shipping:{line.get('id')}",
            name=text(line, "method_title"),
            total=amount(line, "total", "shipping_lines."),
            tax_total=money(line, "total_tax", "shipping_lines."),
            metadata={"method": line["method_id"]} if line.get("method_id") else {},
        )
    for line in records(payload, "fee_lines"):
        yield OrderItem(
            item_type=ItemType.FEE,
            external_item_id=f"fee:{line.get('id')}",
            name=text(line, "name"),
            total=amount(line, "total", "fee_lines."),
            tax_total=money(line, "total_tax", "fee_lines."),
        )
    for line in records(payload, "tax_lines"):
        yield OrderItem(
            item_type=ItemType.TAX,
            external_item_id=f"tax:{line.get('id')}",
            name=first(text(line, "label"), text(line, "rate_code")),
            total=amount(line, "tax_total", "tax_lines.") + amount(line, "shipping_tax_total", "tax_lines."),
            metadata={"rate_code": line["rate_code"]} if line.get("rate_code") else {},
        )


def to_order(payload: Mapping[str, Any]) -> Order:
    """One order of `wc/v3/orders`, with its items. `refunds[]` gives the sum refunded; the items come with refunds.

    Raises:
        Unmappable: an amount or a quantity is not a number.
    """
    warnings: list[str] = []
    source_status = str(payload.get("status") or "")
    status = STATUS.get(source_status)
    if status is None:
        # Plugins add states of unknown meaning; they count as open.
        status = OrderStatus.PROCESSING
        warnings.append(f"Unknown status “{source_status}”: it counts as processing.")
    items = list(to_items(payload))
    customer = ref("customer", payload.get("customer_id"))
    billing = filled(payload.get("billing"))
    metadata: dict[str, Any] = {"woo_order_id": payload.get("id")}
    metadata.update({name: value for name in _KEPT if (value := payload.get(name)) not in (None, "")})
    return Order(
        number=plain(payload, "number") or str(payload.get("id")),
        status=status,
        source_status=source_status,
        currency=plain(payload, "currency"),
        total=amount(payload, "total"),
        subtotal=total(one.total for one in items if one.item_type is ItemType.LINE),
        discount_total=money(payload, "discount_total"),
        shipping_total=money(payload, "shipping_total"),
        fee_total=total(one.total for one in items if one.item_type is ItemType.FEE),
        tax_total=money(payload, "total_tax"),
        refunded_total=total(abs(amount(one, "total", "refunds.")) for one in records(payload, "refunds")),
        customer=customer,
        guest=to_guest(payload) if customer is None else None,
        customer_email=plain(billing or {}, "email"),
        billing_address=billing,
        shipping_address=filled(payload.get("shipping")),
        payment_method=plain(payload, "payment_method"),
        ordered_at=when(payload, "date_created_gmt", warnings),
        paid_at=when(payload, "date_paid_gmt", warnings),
        completed_at=when(payload, "date_completed_gmt", warnings),
        active=status is not OrderStatus.TRASHED,
        items=items,
        metadata=metadata,
        warnings=tuple(warnings),
    )
