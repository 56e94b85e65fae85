"""Orders of every status but trash. parent_id is the customer, empty for a guest."""

from sync_pipeline.sources.base import Stream, Sweep
from sync_pipeline.sources.woocommerce.mappers.order import to_order

STREAM = Stream(
    name="orders",
    entity_type="order",
    title="Orders",
    path="wc/v3/orders",
    entity="order",
    params={"status": "any"},
    signal=True,
    sweep=Sweep.COMPARE,
    parent_field="customer_id",
    refers_to="customer",
    label="billing.first_name billing.last_name|billing.company",
    code="number",
    code_is="order_number",
    email="billing.email",
    created="date_created_gmt",
    modified="date_modified_gmt",
    # Links and flags that depend on the time and the user, not on the order.
    noise=("_links", "is_editable", "needs_payment", "needs_processing", "payment_url"),
    # Deleting a refund or product, and writing items directly, change no date.
    sweep_fields=(
        "id",
        "status",
        "currency",
        "total",
        "total_tax",
        "discount_total",
        "shipping_total",
        "customer_id",
        "line_items",
        "refunds",
        "date_modified_gmt",
    ),
    money=("total", "total_tax", "discount_total", "shipping_total"),
    dates=("date_created_gmt", "date_modified_gmt", "date_paid_gmt", "date_completed_gmt"),
    currency="currency",
    needs=(
        "number",
        "status",
        "currency",
        "total",
        "customer_id",
        "billing",
        "date_created_gmt",
        "line_items",
        "shipping_lines",
        "fee_lines",
        "tax_lines",
        "coupon_lines",
        "refunds",
    ),
    to_entity=to_order,
)
