"""Product attributes; the list has no pages."""

from sync_pipeline.sources.base import Paging, Stream
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference

STREAM = Stream(
    name="attributes",
    entity_type="attribute",
    title="Attributes",
    path="wc/v3/products/attributes",
    paging=Paging.WHOLE,
    code="slug",
    noise=("_links",),
    to_entity=to_reference("attribute"),
)
