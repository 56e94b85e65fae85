"""Tax rates; no dates, read whole."""

from sync_pipeline.sources.base import Stream
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference

STREAM = Stream(
    name="taxes",
    entity_type="tax",
    title="Taxes",
    columns=("rate", "country", "class"),
    path="wc/v3/taxes",
    noise=("_links",),
    to_entity=to_reference("tax"),
)
