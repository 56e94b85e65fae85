"""Orders: the header, and items that add up to its total.

A line stands at its subtotal, before discounts; each coupon is a negative item; what was taken off without a coupon
(an edited line) is one more. Taxes are an item a rate. So: lines + discounts + shipping + fees + taxes = total.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from sync_pipeline.entities.base import MapperWarning
from sync_pipeline.entities.order import Order, OrderStatus
from sync_pipeline.entities.order_item import ItemType, OrderItem
from sync_pipeline.sources.woocommerce.mappers.customer import to_guest
from sync_pipeline.sources.woocommerce.mappers.values import (
    address,
    amount,
    currency,
    first,
    kept,
    money,
    raw,
    records,
    ref,
    text,
    total,
    when,
    word,
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
    "draft": OrderStatus.DRAFT,
    "trash": OrderStatus.TRASHED,
}
_KEPT = ("transaction_id", "created_via", "customer_note", "payment_method_title", "prices_include_tax")


def unit_price(value: Decimal, quantity: Decimal) -> Decimal | None:
    """Unit price, to six places; None for a quantity of zero, and where it has more digits than a price can have."""
    if not quantity:
        return None
    try:
        return round(value / quantity, 6).normalize() + 0
    except ArithmeticError:
        return None


def line_item(line: Mapping[str, Any], item_type: ItemType, value: Decimal) -> OrderItem:
    """A product line at the amount `value`: its subtotal in an order, its total in a refund."""
    quantity = amount(line, "quantity", "line_items.")
    return OrderItem(
        item_type=item_type,
        external_item_id=f"line:{raw(line, 'id')}",
        name=text(line, "name", "line_items."),
        sku=text(line, "sku", "line_items."),
        product=ref("product", raw(line, "product_id")),
        variant=ref("variation", raw(line, "variation_id")),
        quantity=quantity,
        unit_price=unit_price(value, quantity),
        total=value,
        tax_total=money(line, "total_tax", "line_items."),
    )


def amounts(line: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    """A line before and after discounts. One that a plugin wrote without either amount was not discounted."""
    before, after = money(line, "subtotal", "line_items."), money(line, "total", "line_items.")
    if before is None:
        before = Decimal(0) if after is None else after
    return before, before if after is None else after


def own_ids(items: Iterable[OrderItem]) -> list[OrderItem]:
    """The items, each with an id of its own: plugins write several lines with one id, mostly 0."""
    found = list(items)
    if len({item.external_item_id for item in found}) == len(found):
        return found
    seen: Counter[str] = Counter()
    given, found = found, []
    for item in given:
        seen[item.external_item_id] += 1
        again = seen[item.external_item_id]
        if again > 1:
            item = msgspec.structs.replace(item, external_item_id=f"{item.external_item_id}:{again}")
        found.append(item)
    return found


def to_items(payload: Mapping[str, Any]) -> Iterator[OrderItem]:
    """Every item of an order except refunds, which are separate records."""
    off = Decimal(0)
    for line in records(payload, "line_items"):
        before, after = amounts(line)
        off += before - after
        yield line_item(line, ItemType.LINE, before)
    for coupon in records(payload, "coupon_lines"):
        value = amount(coupon, "discount", "coupon_lines.")
        off -= value
        yield OrderItem(
            item_type=ItemType.DISCOUNT,
            external_item_id=f"coupon:{raw(coupon, 'id')}",
            name=text(coupon, "code", "coupon_lines."),
            total=-value,
            tax_total=money(coupon, "discount_tax", "coupon_lines."),
        )
    if off:
        yield OrderItem(
            item_type=ItemType.DISCOUNT, external_item_id="discount", name="Discount without a coupon", total=-off
        )
    yield from _charges(payload)


def _charges(payload: Mapping[str, Any]) -> Iterator[OrderItem]:
    """Shipping, fees and taxes."""
    for line in records(payload, "shipping_lines"):
        method = text(line, "method_id", "shipping_lines.")
        yield OrderItem(
            item_type=ItemType.SHIPPING,
            external_item_id=f"shipping:{raw(line, 'id')}",
            name=text(line, "method_title", "shipping_lines."),
            total=amount(line, "total", "shipping_lines."),
            tax_total=money(line, "total_tax", "shipping_lines."),
            metadata={"method": method} if method else {},
        )
    for line in records(payload, "fee_lines"):
        yield OrderItem(
            item_type=ItemType.FEE,
            external_item_id=f"fee:{raw(line, 'id')}",
            name=text(line, "name", "fee_lines."),
            total=amount(line, "total", "fee_lines."),
            tax_total=money(line, "total_tax", "fee_lines."),
        )
    for line in records(payload, "tax_lines"):
        code = text(line, "rate_code", "tax_lines.")
        yield OrderItem(
            item_type=ItemType.TAX,
            external_item_id=f"tax:{raw(line, 'id')}",
            name=first(text(line, "label", "tax_lines."), code),
            total=amount(line, "tax_total", "tax_lines.") + amount(line, "shipping_tax_total", "tax_lines."),
            metadata={"rate_code": code} if code else {},
        )


def status_of(payload: Mapping[str, Any], warnings: list[str]) -> OrderStatus:
    """The state in core's words. One that a plugin added has an unknown meaning: it counts as open."""
    known = word(payload, "status", STATUS)
    if known is None:
        unknown = text(payload, "status")
        said = f"Unknown status “{unknown}”" if unknown else "It has no status"
        said += ": it counts as processing."
        warnings.append(MapperWarning(said, "unknown_status", "status"))
        return OrderStatus.PROCESSING
    return STATUS[known]


def refunds_of(payload: Mapping[str, Any]) -> dict[str, Decimal]:
    """What the order's header says of its refunds: amounts by id."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for place, one in enumerate(records(payload, "refunds")):
        known = ref("refund", raw(one, "id"))
        found[known.external_id if known else f"#{place}"] += abs(amount(one, "total", "refunds."))
    return dict(found)


def to_order(payload: Mapping[str, Any]) -> Order:
    """One order of `wc/v3/orders`, with its items. `refunds[]` gives the amounts refunded; the items come with refunds.

    Raises:
        Unmappable: an amount, a quantity, a text or a list is something else.
    """
    warnings: list[str] = []
    status = status_of(payload, warnings)
    items = own_ids(to_items(payload))
    billing = address(payload, "billing")
    refunds = refunds_of(payload)
    return Order(
        number=text(payload, "number") or str(raw(payload, "id")),
        status=status,
        source_status=text(payload, "status") or "",
        currency=currency(payload),
        total=amount(payload, "total"),
        subtotal=total(one.total for one in items if one.item_type is ItemType.LINE),
        discount_total=money(payload, "discount_total"),
        shipping_total=money(payload, "shipping_total"),
        fee_total=total(one.total for one in items if one.item_type is ItemType.FEE),
        tax_total=money(payload, "total_tax"),
        refunded_total=total(refunds.values()),
        refunds=refunds,
        customer=ref("customer", raw(payload, "customer_id")),
        guest=to_guest(payload),
        customer_email=text(billing or {}, "email", "billing."),
        billing_address=billing,
        shipping_address=address(payload, "shipping"),
        payment_method=text(payload, "payment_method"),
        ordered_at=when(payload, "date_created", warnings),
        paid_at=when(payload, "date_paid", warnings),
        completed_at=when(payload, "date_completed", warnings),
        active=status is not OrderStatus.TRASHED,
        items=items,
        metadata={
            "woo_order_id": raw(payload, "id"),
            **kept(payload, _KEPT, falsy=True),
            **({"refunds": refunds} if refunds else {}),
        },
        warnings=tuple(warnings),
    )
