"""Refunds: items of type refund, whose negative totals add up to the amount refunded."""

from collections.abc import Iterator, Mapping
from typing import Any

from sync_pipeline.entities.order_item import ItemType, OrderItem, Refund
from sync_pipeline.sources.woocommerce.mappers.order import line_item, own_ids
from sync_pipeline.sources.woocommerce.mappers.values import amount, money, raw, records, ref, text, total, when


def to_items(payload: Mapping[str, Any]) -> Iterator[OrderItem]:
    """The refunded lines, without taxes and without amounts that name no line."""
    for line in records(payload, "line_items"):
        yield line_item(line, ItemType.REFUND, amount(line, "total", "line_items."))
    for kind, label in (("shipping", "method_title"), ("fee", "name")):
        for line in records(payload, f"{kind}_lines"):
            yield OrderItem(
                item_type=ItemType.REFUND,
                external_item_id=f"{kind}:{raw(line, 'id')}",
                name=text(line, label, f"{kind}_lines."),
                total=amount(line, "total", f"{kind}_lines."),
                tax_total=money(line, "total_tax", f"{kind}_lines."),
                metadata={"of": kind},
            )


def to_refund(payload: Mapping[str, Any]) -> Refund:
    """One refund of `wc/v3/refunds`.

    Raises:
        Unmappable: an amount, a quantity, a text or a list is something else.
    """
    warnings: list[str] = []
    # Some lists write the amount with a minus sign; a refund is always negative.
    given = abs(amount(payload, "amount"))
    reason = text(payload, "reason")
    items = own_ids(to_items(payload))
    tax = total(one.tax_total or 0 * given for one in items)
    if tax:
        items.append(
            OrderItem(item_type=ItemType.REFUND, external_item_id="tax", name="Tax", total=tax, metadata={"of": "tax"})
        )
    rest = -given - total(one.total for one in items)
    if rest or not items:
        items.append(
            OrderItem(
                item_type=ItemType.REFUND,
                external_item_id="amount",
                name=reason or "Refund",
                total=rest,
            )
        )
    return Refund(
        order=ref("order", raw(payload, "parent_id")),
        items=items,
        amount=given,
        refunded_at=when(payload, "date_created", warnings),
        metadata={"woo_refund_id": raw(payload, "id"), **({"reason": reason} if reason else {})},
        warnings=tuple(warnings),
    )
