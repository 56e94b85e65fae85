"""The terms of each product attribute: one list per attribute."""

from sync_pipeline.sources.base import Stream
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference

STREAM = Stream(
    name="attribute_terms",
    entity_type="attribute_term",
    title="Attribute terms",
    path="wc/v3/products/attributes/{parent}/terms",
    parent="attributes",
    code="slug",
    noise=("_links", "count"),
    to_entity=to_reference("attribute_term"),
)
