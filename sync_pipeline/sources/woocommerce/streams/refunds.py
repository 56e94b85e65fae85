"""Refunds with their lines. They are never edited: new ones are found by date, deleted ones by id."""

from sync_pipeline.sources.base import Stream, Sweep
from sync_pipeline.sources.woocommerce.mappers.refund import to_refund

_LINES = ("line_items", "shipping_lines", "fee_lines")

STREAM = Stream(
    name="refunds",
    entity_type="refund",
    title="Refunds",
    columns=("amount", "reason"),
    path="wc/v3/refunds",
    entity="refund",
    signal=True,
    sweep=Sweep.COMPARE,
    parent="orders",
    parent_where=lambda order: bool(order.get("refunds")),
    parent_field="parent_id",
    refers_to="order",
    part_of_parent=True,
    label="reason",
    created="date_created_gmt",
    modified="date_created_gmt",
    sweep_fields=("id", "parent_id", "amount", "reason"),
    money=(
        "amount",
        *(f"{lines}.{field}" for lines in _LINES for field in ("total", "total_tax")),
    ),
    numbers=("line_items.quantity",),
    personal=("meta_data.value", "line_items.meta_data.value", "line_items.meta_data.display_value"),
    lists=_LINES,
    texts=("reason", "line_items.name", "line_items.sku", "shipping_lines.method_title", "fee_lines.name"),
    dates=("date_created_gmt",),
    needs=("amount", "line_items"),
    to_entity=to_refund,
)
