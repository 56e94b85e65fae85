"""Payment gateways; their key is a word."""

from sync_pipeline.sources.base import Paging, Stream
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference

STREAM = Stream(
    name="payment_gateways",
    entity_type="payment_gateway",
    title="Payment gateways",
    path="wc/v3/payment_gateways",
    paging=Paging.WHOLE,
    label="method_title|title",
    code="id",
    noise=("_links",),
    to_entity=to_reference("payment_gateway"),
)
