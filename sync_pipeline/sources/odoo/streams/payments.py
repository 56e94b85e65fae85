"""Payments of customers. parent_id is the partner; payments to vendors are not taken."""

from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream

STREAM = OdooStream(
    name="payments",
    entity_type="payment",
    title="Payments",
    columns=("amount", "state", "partner_id"),
    path="account.payment",
    optional=True,
    absent=LEFT_OUT,
    domain=(("partner_type", "=", "customer"),),
    parent_field="partner_id",
    refers_to="customer",
    label="name|memo",
    code="name",
    sweep_fields=("id", "write_date", "name", "state", "partner_id", "amount", "is_reconciled", "is_matched"),
    expects=("name", "state", "payment_type", "partner_id", "amount", "currency_id", "date"),
    money=("amount",),
    to_entity=to_reference("payment"),
)
