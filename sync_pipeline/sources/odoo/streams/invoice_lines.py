"""Product, tax and payment-term lines of customer invoices and credit notes. parent_id is the invoice."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="invoice_lines",
    entity_type="invoice_line",
    title="Invoice lines",
    columns=("quantity", "price_unit", "price_subtotal"),
    path="account.move.line",
    optional=True,
    domain=(("move_id.move_type", "in", ("out_invoice", "out_refund", "out_receipt")),),
    parent_field="move_id",
    refers_to="invoice",
    named_in=("sale_line_ids",),
    sweep_fields=names(
        "id write_date parent_state partner_id product_id name quantity price_unit discount price_subtotal "
        "price_total balance amount_residual"
    ),
    expects=names("move_id product_id name quantity price_unit price_subtotal price_total display_type"),
    amounts=("discount", "balance", "amount_residual", "currency_id"),
    money=("price_unit", "price_subtotal", "price_total"),
)
