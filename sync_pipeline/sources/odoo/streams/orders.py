"""Sale orders and quotations. parent_id is the partner who ordered."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.odoo.mappers.order import STATUS, to_order
from sync_pipeline.sources.odoo.stream import ALL_DOCUMENTS, OdooStream

STREAM = OdooStream(
    name="orders",
    entity_type="order",
    title="Orders",
    columns=("amount_total", "state", "date_order"),
    path="sale.order",
    optional=True,
    entity="order",
    all_documents=ALL_DOCUMENTS,
    parent_field="partner_id",
    refers_to="customer",
    code="name",
    code_is="order_number",
    # Merging two partners changes who ordered, but no date.
    sweep_fields=names(
        "id write_date name state date_order partner_id partner_invoice_id partner_shipping_id currency_id "
        "amount_untaxed amount_tax amount_total invoice_status"
    ),
    expects=names(
        "name state date_order partner_id partner_invoice_id partner_shipping_id currency_id amount_untaxed "
        "amount_tax amount_total"
    ),
    leaves_out={"transaction_ids": "the payments name their orders"},
    money=("amount_total", "amount_tax"),
    dates=("create_date", "date_order", "effective_date"),
    texts=("name",),
    words={"state": tuple(STATUS)},
    amounts=("amount_untaxed",),
    personal=names("signature signed_by note access_token access_url partner_credit_warning activity_summary"),
    currency="currency_id",
    total="amount_total",
    copied={
        "total": "amount_total",
        "tax_total": "amount_tax",
        "currency": "currency_id>currency.name",
        "ordered_at": "date_order",
        "metadata.company_id": "company_id>company.id",
    },
    references=("client_order_ref", "origin"),
    to_entity=to_order,
)
