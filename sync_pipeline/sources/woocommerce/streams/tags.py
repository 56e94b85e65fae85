"""Product tags; no dates, read whole."""

from sync_pipeline.sources.base import Stream
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference

STREAM = Stream(
    name="tags",
    entity_type="tag",
    title="Tags",
    path="wc/v3/products/tags",
    code="slug",
    noise=("_links", "count"),
    to_entity=to_reference("tag"),
)
