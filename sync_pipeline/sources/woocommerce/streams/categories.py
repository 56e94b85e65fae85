"""Product categories; they have no dates, so every pull reads them all."""

from sync_pipeline.sources.base import Stream
from sync_pipeline.sources.woocommerce.mappers.category import to_category

STREAM = Stream(
    name="categories",
    entity_type="category",
    title="Categories",
    columns=("parent", "count"),
    path="wc/v3/products/categories",
    entity="category",
    parent_field="parent",
    refers_to="category",
    noise=("count",),
    texts=("name", "slug"),
    needs=("name", "parent"),
    to_entity=to_category,
)
