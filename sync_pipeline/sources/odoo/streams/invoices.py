"""Customer invoices, credit notes and receipts. parent_id is the partner; bills and entries are not captured."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="invoices",
    entity_type="invoice",
    title="Invoices",
    columns=("amount_total", "state", "move_type"),
    path="account.move",
    optional=True,
    domain=(("move_type", "in", ("out_invoice", "out_refund", "out_receipt")),),
    parent_field="partner_id",
    refers_to="customer",
    label="name|payment_reference|ref",
    code="name",
    sweep_fields=names(
        "id write_date name state payment_state partner_id commercial_partner_id partner_shipping_id currency_id "
        "invoice_date amount_untaxed amount_tax amount_total amount_residual"
    ),
    expects=names("name state move_type partner_id currency_id amount_total invoice_date payment_state"),
    leaves_out={
        "transaction_ids": "the payments name their invoices",
        "matched_payment_ids": "the payments name their invoices",
        "sending_data": "state of sending the e-mail",
    },
    amounts=("currency_id",),
    personal=names(
        "invoice_partner_display_name invoice_source_email narration access_token access_url payment_reference "
        "partner_credit_warning activity_summary"
    ),
    money=("amount_total", "amount_untaxed", "amount_tax", "amount_residual"),
)
