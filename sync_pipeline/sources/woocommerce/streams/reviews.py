"""Product reviews of every status; no change signal, read whole."""

from sync_pipeline.sources.base import Stream
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference

STREAM = Stream(
    name="reviews",
    entity_type="review",
    title="Reviews",
    columns=("rating", "status"),
    path="wc/v3/products/reviews",
    params={"status": "all"},
    parent_field="product_id",
    refers_to="product",
    label="reviewer",
    email="reviewer_email",
    created="date_created_gmt",
    optional=True,
    noise=("_links", "reviewer_avatar_urls"),
    to_entity=to_reference("review"),
)
