"""Products, in pages."""

from sync_pipeline.sources.base import Stream
from sync_pipeline_tests.kiosk.mappers import to_product

STREAM = Stream(
    name="products",
    entity_type="product",
    title="Products",
    path="products",
    entity="product",
    label="title",
    code="code",
    code_is="sku",
    needs=("title", "cents"),
    to_entity=to_product,
)
