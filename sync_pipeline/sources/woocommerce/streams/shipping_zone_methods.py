"""The shipping methods of each zone: one list per zone."""

from sync_pipeline.sources.base import Paging, Stream
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference

STREAM = Stream(
    name="shipping_zone_methods",
    entity_type="shipping_zone_method",
    title="Shipping methods",
    path="wc/v3/shipping/zones/{parent}/methods",
    paging=Paging.WHOLE,
    parent="shipping_zones",
    id_field="instance_id",
    label="title",
    code="method_id",
    noise=("_links",),
    to_entity=to_reference("shipping_zone_method"),
)
