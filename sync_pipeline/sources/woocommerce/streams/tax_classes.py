"""Tax classes; their key is the slug."""

from sync_pipeline.sources.base import Paging, Stream
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference

STREAM = Stream(
    name="tax_classes",
    entity_type="tax_class",
    title="Tax classes",
    path="wc/v3/taxes/classes",
    paging=Paging.WHOLE,
    id_field="slug",
    code="slug",
    noise=("_links",),
    to_entity=to_reference("tax_class"),
)
