"""Orders of every status but trash. parent_id is the customer, empty for a guest."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.base import Stream, Sweep
from sync_pipeline.sources.woocommerce.mappers.order import STATUS, to_order

STREAM = Stream(
    name="orders",
    entity_type="order",
    title="Orders",
    columns=("total", "currency", "status"),
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
    noise=("is_editable", "needs_payment", "needs_processing", "payment_url"),
    # Deleting a refund or product, and writing items, fees or addresses directly, change no date.
    sweep_fields=names(
        "id number status currency total total_tax discount_total shipping_total customer_id billing shipping "
        "payment_method payment_method_title transaction_id line_items tax_lines shipping_lines fee_lines "
        "coupon_lines refunds date_modified_gmt"
    ),
    money=names(
        "total total_tax discount_total shipping_total line_items.subtotal line_items.total line_items.total_tax "
        "shipping_lines.total shipping_lines.total_tax fee_lines.total fee_lines.total_tax coupon_lines.discount "
        "coupon_lines.discount_tax tax_lines.tax_total tax_lines.shipping_tax_total refunds.total"
    ),
    numbers=("line_items.quantity",),
    dates=("date_created_gmt", "date_paid_gmt", "date_completed_gmt"),
    lists=("line_items", "shipping_lines", "fee_lines", "tax_lines", "coupon_lines", "refunds"),
    objects=("billing", "shipping"),
    texts=names(
        "number payment_method billing.first_name billing.last_name billing.company billing.email billing.phone "
        "line_items.name line_items.sku coupon_lines.code shipping_lines.method_title shipping_lines.method_id "
        "fee_lines.name tax_lines.label tax_lines.rate_code"
    ),
    words={"status": tuple(STATUS)},
    amounts=names("cart_tax discount_tax shipping_tax line_items.price line_items.subtotal_tax"),
    personal=names(
        "billing shipping customer_ip_address customer_user_agent customer_note transaction_id order_key payment_url "
        "cart_hash meta_data.value line_items.meta_data.value line_items.meta_data.display_value"
    ),
    currency="currency",
    total="total",
    # After discounts: what coupons take off is in both of a line's amounts.
    adds_up=names(
        "line_items.total shipping_lines.total fee_lines.total tax_lines.tax_total tax_lines.shipping_tax_total"
    ),
    copied={
        "total": "total",
        "tax_total": "total_tax",
        "currency": "currency",
        "ordered_at": "date_created_gmt",
        "paid_at": "date_paid_gmt",
        "completed_at": "date_completed_gmt",
    },
    needs=names(
        "number status currency total customer_id billing date_created_gmt line_items shipping_lines fee_lines "
        "tax_lines coupon_lines refunds"
    ),
    to_entity=to_order,
)
