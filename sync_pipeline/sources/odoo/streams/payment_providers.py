"""Payment providers. Odoo has a row for every known one; `state` says whether it is in use."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream

STREAM = OdooStream(
    name="payment_providers",
    entity_type="payment_provider",
    title="Payment providers",
    path="payment.provider",
    sweep=Sweep.READ,
    optional=True,
    absent=LEFT_OUT,  # only the group of Settings reads them
    # search_read answers an empty list where archived records are asked for.
    read_apart=("payment_method_ids",),
    code="code",
    expects=("name", "code", "state"),
    to_entity=to_reference("payment_provider"),
)
