"""Shipping classes; no dates, read whole."""

from sync_pipeline.sources.base import Stream
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference

STREAM = Stream(
    name="shipping_classes",
    entity_type="shipping_class",
    title="Shipping classes",
    path="wc/v3/products/shipping_classes",
    code="slug",
    noise=("_links",),
    to_entity=to_reference("shipping_class"),
)
