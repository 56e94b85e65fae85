"""Shipping zones; the list has no pages."""

from sync_pipeline.sources.base import Paging, Stream
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference

STREAM = Stream(
    name="shipping_zones",
    entity_type="shipping_zone",
    title="Shipping zones",
    path="wc/v3/shipping/zones",
    paging=Paging.WHOLE,
    noise=("_links",),
    to_entity=to_reference("shipping_zone"),
)
