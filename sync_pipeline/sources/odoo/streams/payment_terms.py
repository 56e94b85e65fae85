"""Payment terms of orders and invoices."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream

STREAM = OdooStream(
    name="payment_terms",
    entity_type="payment_term",
    title="Payment terms",
    path="account.payment.term",
    optional=True,
    absent=LEFT_OUT,
    sweep=Sweep.READ,
    expects=("name",),
    to_entity=to_reference("payment_term"),
)
